package record

// space removes the whitespace at b[i:].
func (v *validator) space(b []byte, i int) int {
	if !v.spaced {
		v.spaced = true
		v.out = v.out[:0]
	}
	// Text between two spaces is usually short: storing two words, whose surplus the
	// next ones overwrite, is faster than a call of copy.
	if n, at := i-v.copied, len(v.out); n <= 16 && at+16 <= cap(v.out) {
		out := v.out[:at+16]
		store(out, at, load(b, v.copied))
		store(out, at+8, load(b, v.copied+8))
		v.out = out[:at+n]
	} else {
		v.out = append(v.out, b[v.copied:i]...)
	}
	if b[i] == ' ' && b[i+1] > ' ' {
		i++
	} else {
		i = skipBlank(b, i)
	}
	v.copied = i
	return i
}

// skipMarkAndBlank is skipBlank that also skips byte order marks, which concatenated
// files have in the middle.
func skipMarkAndBlank(b []byte, i int) int {
	for {
		i = skipBlank(b, i)
		if b[i] != byteOrderMark[0] || b[i+1] != byteOrderMark[1] || b[i+2] != byteOrderMark[2] {
			return i
		}
		i += len(byteOrderMark)
	}
}

// skipBlank returns the index of the first byte from b[i] on that is not whitespace.
func skipBlank(b []byte, i int) int {
	for {
		for load(b, i) == ' '*ones {
			i += 8
		}
		if !isBlank(b[i]) {
			return i
		}
		i++
	}
}

func isBlank(c byte) bool {
	return c <= ' ' && 1<<c&(1<<' '|1<<'\n'|1<<'\r'|1<<'\t') != 0
}
