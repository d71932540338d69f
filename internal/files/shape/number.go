package shape

import (
	"bytes"
	"errors"
	"fmt"
)

// number converts texts to numbers without computing: digits are copied.
func number(decimal, thousands string) convert {
	point := byte('.')
	if decimal != "" {
		point = decimal[0]
	}
	return func(s *Shaper, raw, text []byte) ([]byte, error) {
		if raw[0] != '"' {
			if raw[0] == 't' || raw[0] == 'f' {
				return nil, errors.New("is a boolean, not a number")
			}
			return raw, nil
		}
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			return null, nil
		}
		from := len(s.text)
		out, ok := appendNumber(s.text, text, point, thousands)
		if !ok {
			return nil, fmt.Errorf("is no number with the decimal separator %q", point)
		}
		s.text = out
		return out[from:len(out):len(out)], nil
	}
}

// appendNumber appends text as a JSON number. JSON has no plus sign before a number, no
// leading zeros, and at least one digit on each side of its decimal point.
func appendNumber(dst, text []byte, point byte, thousands string) ([]byte, bool) {
	i := 0
	if text[0] == '-' || text[0] == '+' {
		if text[0] == '-' {
			dst = append(dst, '-')
		}
		i++
	}
	whole, i, ok := wholeDigits(text, i, thousands)
	if !ok {
		return dst, false
	}
	digits := len(whole)
	for len(whole) > 1 && whole[0] == '0' {
		whole = whole[1:]
	}
	if digits == 0 {
		whole = []byte("0")
	}
	dst = append(dst, whole...)
	if i < len(text) && text[i] == point {
		fraction := digitsAt(text, i+1)
		if digits += len(fraction); len(fraction) > 0 {
			dst = append(append(dst, '.'), fraction...)
		}
		i += 1 + len(fraction)
	}
	if digits == 0 {
		return dst, false
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		dst = append(dst, text[i])
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			dst = append(dst, text[i])
			i++
		}
		exponent := digitsAt(text, i)
		if len(exponent) == 0 {
			return dst, false
		}
		dst = append(dst, exponent...)
		i += len(exponent)
	}
	return dst, i == len(text)
}

// wholeDigits returns the digits before the decimal point, without separators, and the
// index after them. Groups after a separator have three digits.
func wholeDigits(text []byte, i int, thousands string) ([]byte, int, bool) {
	whole := digitsAt(text, i)
	i += len(whole)
	if thousands == "" || i == len(text) || text[i] != thousands[0] {
		return whole, i, true
	}
	if len(whole) == 0 || len(whole) > 3 {
		return nil, i, false
	}
	whole = bytes.Clone(whole)
	for i < len(text) && text[i] == thousands[0] {
		group := digitsAt(text, i+1)
		if len(group) != 3 {
			return nil, i, false
		}
		whole = append(whole, group...)
		i += 1 + len(group)
	}
	return whole, i, true
}

// digitsAt returns the digits from text[i] on.
func digitsAt(text []byte, i int) []byte {
	end := i
	for end < len(text) && text[end]-'0' < 10 {
		end++
	}
	return text[i:end]
}
