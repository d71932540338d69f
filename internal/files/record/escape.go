package record

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// shortEscapes are the bytes that form an escape with a backslash before them.
var shortEscapes = [256]bool{'"': true, '\\': true, '/': true, 'b': true, 'f': true, 'n': true, 'r': true, 't': true}

// escape checks the escape with the backslash b[i], which is not a short one.
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
	// If its other half is missing, the fault is at the byte that should begin it.
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

// hex4 reads four hex digits and returns the index after them, or that of the first
// byte that is not a hex digit.
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

// unescape appends the value of the valid string s to dst.
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
