package batchwrite

import "fmt"

// number transcodes the number at pos verbatim, after checking that DynamoDB can
// store it: a value outside its range or precision is an error, never rounded.
func (t *transcoder) number() error {
	src, start := t.src, t.pos
	i := start
	if src[i] == '-' {
		i++
	}
	intStart := i
	for i < len(src) && isDigit(src[i]) {
		i++
	}
	intEnd := i
	if intEnd == intStart || src[intStart] == '0' && intEnd > intStart+1 {
		t.pos = i
		return t.malformed("a number")
	}
	fracStart, fracEnd := i, i
	if i < len(src) && src[i] == '.' {
		i++
		fracStart = i
		for i < len(src) && isDigit(src[i]) {
			i++
		}
		if fracEnd = i; fracEnd == fracStart {
			t.pos = i
			return t.malformed("a digit")
		}
	}
	exponent := 0
	if i < len(src) && (src[i] == 'e' || src[i] == 'E') {
		i++
		negative := false
		if i < len(src) && (src[i] == '+' || src[i] == '-') {
			negative = src[i] == '-'
			i++
		}
		digits := i
		for ; i < len(src) && isDigit(src[i]); i++ {
			// Capped to avoid overflow: such an exponent is out of range for any value but zero.
			exponent = min(exponent*10+int(src[i]-'0'), 1<<30)
		}
		if i == digits {
			t.pos = i
			return t.malformed("a digit")
		}
		if negative {
			exponent = -exponent
		}
	}

	// Most numbers are short and have no exponent: they are within the limits.
	significant := intEnd - intStart + fracEnd - fracStart
	if significant > MaxNumberDigits || exponent != 0 {
		var magnitude int
		significant, magnitude = normalize(src[intStart:intEnd], src[fracStart:fracEnd])
		magnitude += exponent
		if significant > MaxNumberDigits {
			return fmt.Errorf("%w: %s has %d significant digits, the limit is %d", ErrNumberRange, excerpt(src[start:i]), significant, MaxNumberDigits)
		}
		if significant > 0 && (magnitude > maxNumberExponent || magnitude < minNumberExponent) {
			return fmt.Errorf("%w: %s is outside 1E%d to 9.99E+%d", ErrNumberRange, excerpt(src[start:i]), minNumberExponent, maxNumberExponent)
		}
	}
	t.size += (significant+1)/2 + 1
	t.dst = append(t.dst, `{"N":"`...)
	t.dst = append(t.dst, src[start:i]...)
	t.dst = append(t.dst, `"}`...)
	t.pos = i
	return nil
}

func isDigit(c byte) bool { return c-'0' < 10 }

// normalize returns the number of digits from the first to the last that is not
// zero, and the power of ten of the first. Zero has no digits.
func normalize(integer, fraction []byte) (significant, magnitude int) {
	first, last := -1, -1
	at := func(i int) byte {
		if i < len(integer) {
			return integer[i]
		}
		return fraction[i-len(integer)]
	}
	for i := range len(integer) + len(fraction) {
		if at(i) != '0' {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return 0, 0
	}
	return last - first + 1, len(integer) - 1 - first
}

func excerpt(number []byte) string {
	if len(number) > 60 {
		return string(number[:60]) + "…"
	}
	return string(number)
}
