package record

import "math/bits"

// textStops sets the high bit of each byte that is a quote, a backslash, a control
// character or not ASCII. Only the lowest such bit is certain, because a borrow may set
// higher ones.
func textStops(w uint64) uint64 {
	// With its second bit inverted, a quote directly follows the control characters.
	return (w | ((w ^ 0x02*ones) - 0x21*ones) | ((w ^ '\\'*ones) - ones)) & highs
}

// str checks the string whose opening quote is before b[i], and reports whether it
// contains escapes.
func (v *validator) str(b []byte, i int) (int, bool) {
	escaped := false
	for {
		stops := textStops(load(b, i))
		if stops == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(stops) >> 3
		c := b[i]
		if c == '"' {
			return i + 1, escaped
		}
		if c-0xC2 < 0xE0-0xC2 && b[i+1]&0xC0 == 0x80 {
			i += 2 // most non-ASCII characters of Latin, Greek and Cyrillic
			continue
		}
		if c == '\\' {
			escaped = true
			if shortEscapes[b[i+1]] {
				i += 2
				continue
			}
		}
		if i = v.special(b, i); i < 0 {
			return -1, escaped
		}
	}
}

// special checks the character at b[i] in a string, which str does not check itself.
func (v *validator) special(b []byte, i int) int {
	switch c := b[i]; {
	case c == '\\':
		return v.escape(b, i)
	case c >= 0x80:
		next, bad := runes(b, i)
		if bad >= 0 {
			v.fault = fault{at: bad, reason: InvalidUTF8, text: invalidUTF8(b[next])}
			return -1
		}
		return next
	}
	return v.unexpected(b, i, "a string's next character or '\"' (control characters are written as \\u00XX)")
}
