package record

import "io"

// latinReader turns ISO 8859-1 into UTF-8.
type latinReader struct {
	src  io.Reader
	in   [4096]byte
	out  [2 * 4096]byte
	rest []byte // of out, not yet read
	err  error
}

// Read implements io.Reader.
func (r *latinReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		var n int
		n, r.err = r.src.Read(r.in[:])
		size := 0
		for _, c := range r.in[:n] {
			if c < 0x80 {
				r.out[size] = c
				size++
			} else {
				r.out[size], r.out[size+1] = 0xC0|c>>6, 0x80|c&0x3F
				size += 2
			}
		}
		r.rest = r.out[:size]
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
