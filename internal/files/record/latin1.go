package record

import (
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// windows1252 has the UTF-8 of each byte in Windows-1252, as in the WHATWG Encoding
// Standard: the five bytes that are undefined in it are control characters, and not
// U+FFFD as in golang.org/x/text, so that no two bytes become the same character.
var windows1252 = func() (table [256]string) {
	for i := range table {
		r := charmap.Windows1252.DecodeByte(byte(i))
		if r == utf8.RuneError {
			r = rune(i)
		}
		table[i] = string(r)
	}
	return table
}()

// latin1Reader converts Windows-1252, a superset of the printable characters of
// ISO 8859-1, to UTF-8.
type latin1Reader struct {
	src  io.Reader
	in   [4096]byte
	out  []byte
	rest []byte // of out, not read yet
	err  error
}

// Read implements io.Reader.
func (r *latin1Reader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		var n int
		n, r.err = r.src.Read(r.in[:])
		r.out = r.out[:0]
		for _, c := range r.in[:n] {
			if c < utf8.RuneSelf {
				r.out = append(r.out, c)
			} else {
				r.out = append(r.out, windows1252[c]...)
			}
		}
		r.rest = r.out
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
