package record

import (
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// notUTF8 stands for half of a code unit.
const notUTF8 = 0xC0

// wideReader turns UTF-16 into UTF-8. Half of a surrogate pair and half of a
// code unit become bytes that are not UTF-8, so that the record they are in is
// rejected like any other with such bytes.
type wideReader struct {
	src   io.Reader
	big   bool
	in    []byte
	held  int // bytes of in that wait for more
	out   []byte
	given int // bytes of out that were read
	err   error
}

// newWideReader reads first, and then src unless err tells that nothing follows.
func newWideReader(src io.Reader, big bool, first []byte, err error) *wideReader {
	r := &wideReader{src: src, big: big, in: make([]byte, len(first)+4096), err: err}
	r.held = copy(r.in, first)
	if err != nil {
		r.convert(r.held)
	}
	return r
}

func (r *wideReader) Read(p []byte) (int, error) {
	if r.given == len(r.out) {
		if r.err != nil {
			return 0, r.err
		}
		n, err := r.src.Read(r.in[r.held:])
		r.err = err
		r.convert(r.held + n)
	}
	n := copy(p, r.out[r.given:])
	r.given += n
	return n, nil
}

// convert turns in[:n] into out.
func (r *wideReader) convert(n int) {
	r.out, r.given = r.out[:0], 0
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
		r.out = append(r.out, notUTF8)
		i = n
	}
	r.held = copy(r.in, r.in[i:n])
}

func (r *wideReader) unit(i int) rune {
	if r.big {
		return rune(r.in[i])<<8 | rune(r.in[i+1])
	}
	return rune(r.in[i+1])<<8 | rune(r.in[i])
}
