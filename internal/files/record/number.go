package record

import "math/bits"

// number checks the number at b[i].
func (v *validator) number(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	switch c := b[i]; {
	case c == '0':
		i++
	case c-'1' < 9:
		i = digits(b, i)
	default:
		if c == 'I' {
			return v.unexpected(b, i, "a digit (Infinity is not JSON: the option NaNAsNull of the feed's format reads it as null)")
		}
		return v.unexpected(b, i, "a digit")
	}
	if b[i] == '.' {
		if i++; b[i]-'0' > 9 {
			return v.unexpected(b, i, "a digit after the decimal point")
		}
		i = digits(b, i)
	}
	if b[i]|0x20 == 'e' {
		if i++; b[i] == '+' || b[i] == '-' {
			i++
		}
		if b[i]-'0' > 9 {
			return v.unexpected(b, i, "a digit in the exponent")
		}
		i = digits(b, i)
	}
	return i
}

// digits returns the index of the first byte from b[i] on that is not a digit.
func digits(b []byte, i int) int {
	for {
		w := load(b, i) ^ '0'*ones
		stops := (w | (w + (0x80-10)*ones)) & highs
		if stops != 0 {
			return i + bits.TrailingZeros64(stops)>>3
		}
		i += 8
	}
}

// literal checks that word is at b[i:].
func (v *validator) literal(b []byte, i int, word string) int {
	for k := range len(word) {
		if b[i+k] != word[k] {
			return v.unexpected(b, i+k, word)
		}
	}
	return i + len(word)
}

// null replaces the word at b[i:], which is no value in JSON, by null.
func (v *validator) null(b []byte, i int, word string) int {
	end := v.literal(b, i, word)
	if end < 0 {
		return -1
	}
	if !v.spaced {
		v.spaced = true
		v.out = v.out[:0]
	}
	v.out = append(append(v.out, b[v.copied:i]...), "null"...)
	v.copied = end
	return end
}
