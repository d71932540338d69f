package record

import "unicode/utf8"

// runes reads the non-ASCII characters at b[i:]. It returns the index after them and,
// if an invalid character follows, the index of the first byte that shows it, which is
// a later one where a character is truncated; otherwise -1.
func runes(b []byte, i int) (next, bad int) {
	for {
		c := b[i]
		// The range of the second byte excludes overlong forms, surrogates and
		// characters above U+10FFFF (Unicode, table 3-7).
		low, high, size := byte(0x80), byte(0xBF), 3
		switch {
		case c < utf8.RuneSelf:
			return i, -1
		case c < 0xC2:
			return i, i
		case c < 0xE0:
			size = 2
		case c < 0xF0:
			switch c {
			case 0xE0:
				low = 0xA0
			case 0xED:
				high = 0x9F
			}
		case c < 0xF5:
			size = 4
			switch c {
			case 0xF0:
				low = 0x90
			case 0xF4:
				high = 0x8F
			}
		default:
			return i, i
		}
		if b[i+1] < low || b[i+1] > high {
			return i, i + 1
		}
		for k := 2; k < size; k++ {
			if b[i+k]&0xC0 != 0x80 {
				return i, i + k
			}
		}
		i += size
	}
}

// invalidUTF8 is the message for a byte c with which no character begins.
func invalidUTF8(c byte) string {
	return show(c) + " is not valid UTF-8: does the file have another encoding?"
}
