package record

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// runes reads the characters above ASCII at b[i:]. It returns the index behind
// them and, if that is a byte that begins none, the index of the first byte
// that shows it (a later one where a character is cut); else -1.
func runes(b []byte, i int) (next, bad int) {
	for {
		c := b[i]
		// The second byte alone is bounded: it keeps out overlong forms,
		// surrogates and what is above U+10FFFF (Unicode, table 3-7).
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

// notText says that the byte c begins no character.
func notText(c byte) string {
	return show(c) + " begins no character of UTF-8: is the file in another encoding?"
}

// shortEscapes are the bytes that make an escape with the backslash before them.
var shortEscapes = [256]bool{'"': true, '\\': true, '/': true, 'b': true, 'f': true, 'n': true, 'r': true, 't': true}

// escape checks the escape whose backslash is b[i], and which is no short one.
func (v *validator) escape(b []byte, i int) int {
	if b[i+1] != 'u' {
		return v.unexpected(b, i+1, `one of "\/bfnrtu after a backslash`)
	}
	r, end := hex4(b, i+2)
	if end < i+6 {
		return v.unexpected(b, end, `one of four hex digits after \u`)
	}
	if !utf16.IsSurrogate(r) {
		return end
	}
	// Where its other half is missing, the fault is the byte that should begin it.
	alone := func(at int) int {
		v.fault = fault{at: at, reason: InvalidUTF8, text: fmt.Sprintf(`\u%s is half of a surrogate pair without the other`, b[i+2:i+6])}
		return -1
	}
	if r >= 0xDC00 || b[end] != '\\' {
		return alone(end)
	}
	if b[end+1] != 'u' {
		return alone(end + 1)
	}
	low, last := hex4(b, end+2)
	if last < end+6 || utf16.DecodeRune(r, low) == utf8.RuneError {
		return alone(last)
	}
	return last
}

// hex4 reads four hex digits and returns the index behind them, or that of the
// byte that is none.
func hex4(b []byte, i int) (rune, int) {
	var r rune
	for end := i + 4; i < end; i++ {
		c := b[i]
		switch {
		case c-'0' < 10:
			r = r<<4 | rune(c-'0')
		case c|0x20-'a' < 6:
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, i
		}
	}
	return r, i
}

// unescape appends the characters of the valid string s to dst.
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			continue
		}
		i++
		switch s[i] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, end := hex4(s, i+1)
			if utf16.IsSurrogate(r) {
				var low rune
				low, end = hex4(s, end+2)
				r = utf16.DecodeRune(r, low)
			}
			dst = utf8.AppendRune(dst, r)
			i = end - 1
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}
