package recordkey

import (
	"bytes"
	"fmt"
	"strconv"

	"example.com/ingestion/feed"
)

// decimal is the shortest decimal form of a JSON number, without an exponent: equal
// numbers have one key, however they are written. -0 is 0.
func decimal(raw []byte) ([]byte, error) {
	number, negative := bytes.CutPrefix(raw, []byte{'-'})
	exponent := 0
	if at := bytes.IndexAny(number, "eE"); at >= 0 {
		n, err := strconv.ParseInt(string(number[at+1:]), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%w: number %.60s", ErrInvalid, raw)
		}
		number, exponent = number[:at], int(n)
	}
	integer, fraction, _ := bytes.Cut(number, []byte{'.'})
	if exponent == 0 && !negative && len(fraction) == 0 && (len(integer) == 1 || integer[0] != '0') {
		return integer, nil
	}
	digits := append(bytes.Clone(integer), fraction...)
	point := len(integer) + exponent // the position of the decimal point in digits
	trimmed := bytes.TrimLeft(digits, "0")
	point -= len(digits) - len(trimmed)
	digits = bytes.TrimRight(trimmed, "0")
	if len(digits) == 0 {
		return []byte("0"), nil
	}
	if point > feed.MaxKeyBytes || point < -feed.MaxKeyBytes {
		return nil, fmt.Errorf("%w: number %.60s", ErrInvalid, raw)
	}
	var out []byte
	if negative {
		out = append(out, '-')
	}
	switch {
	case point <= 0:
		out = append(append(out, "0."...), bytes.Repeat([]byte{'0'}, -point)...)
		return append(out, digits...), nil
	case point >= len(digits):
		out = append(out, digits...)
		return append(out, bytes.Repeat([]byte{'0'}, point-len(digits))...), nil
	}
	out = append(append(out, digits[:point]...), '.')
	return append(out, digits[point:]...), nil
}
