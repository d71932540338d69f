package record

import (
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// errHalfUnit ends an entry in UTF-16 that has an odd number of bytes.
type errHalfUnit struct{ last byte }

func (e errHalfUnit) Error() string {
	return fmt.Sprintf("the entry ends with byte 0x%02X, which is half of a character in UTF-16", e.last)
}

// Damage implements DamageError.
func (e errHalfUnit) Damage() string { return Truncated }

// utf16Reader converts UTF-16 to UTF-8. Half of a surrogate pair becomes its three bytes
// in the scheme of UTF-8, which is not valid, so that its record is rejected. (The decoder
// of golang.org/x/text replaces it with U+FFFD, which would change the record.) Half of a
// code unit is damage.
type utf16Reader struct {
	src  io.Reader
	big  bool
	in   []byte
	held int // bytes of in that are not converted yet
	out  []byte
	read int // bytes of out that were read
	err  error
}

// newUTF16Reader returns a reader of first and then of src, unless err is set.
func newUTF16Reader(src io.Reader, big bool, first []byte, err error) *utf16Reader {
	r := &utf16Reader{src: src, big: big, in: make([]byte, len(first)+4096), err: err}
	r.held = copy(r.in, first)
	if err != nil {
		r.convert(r.held)
	}
	return r
}

func (r *utf16Reader) Read(p []byte) (int, error) {
	if r.read == len(r.out) {
		if r.err != nil {
			return 0, r.err
		}
		n, err := r.src.Read(r.in[r.held:])
		r.err = err
		r.convert(r.held + n)
	}
	n := copy(p, r.out[r.read:])
	r.read += n
	return n, nil
}

// convert converts in[:n] to out.
func (r *utf16Reader) convert(n int) {
	r.out, r.read = r.out[:0], 0
	i := 0
	for ; i+1 < n; i += 2 {
		c := r.unit(i)
		if !utf16.IsSurrogate(c) {
			r.out = utf8.AppendRune(r.out, c)
			continue
		}
		if i+3 < n {
			if pair := utf16.DecodeRune(c, r.unit(i+2)); pair != utf8.RuneError {
				r.out = utf8.AppendRune(r.out, pair)
				i += 2
				continue
			}
		} else if r.err == nil {
			break
		}
		r.out = append(r.out, 0xE0|byte(c>>12), 0x80|byte(c>>6&0x3F), 0x80|byte(c&0x3F))
	}
	if i < n && r.err != nil {
		if r.err == io.EOF { //nolint:errorlint // io.EOF is never wrapped
			r.err = errHalfUnit{r.in[i]}
		}
		i = n
	}
	r.held = copy(r.in, r.in[i:n])
}

func (r *utf16Reader) unit(i int) rune {
	if r.big {
		return rune(r.in[i])<<8 | rune(r.in[i+1])
	}
	return rune(r.in[i+1])<<8 | rune(r.in[i])
}
