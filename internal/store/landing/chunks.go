package landing

import (
	"errors"
	"io"
	"sync"
)

// chunkBytes is the unit in which parts take memory. A part that grows takes
// one more; nothing is copied, and nothing is given back to the collector.
const chunkBytes = 512 << 10

// chunks are the bytes of a part, in pieces of chunkBytes.
type chunks struct {
	from  *store
	list  [][]byte
	total int64
}

// Write implements io.Writer.
func (c *chunks) Write(p []byte) (int, error) {
	written := len(p)
	c.total += int64(written)
	for len(p) > 0 {
		last := len(c.list) - 1
		if last < 0 || len(c.list[last]) == chunkBytes {
			c.list = append(c.list, c.from.get())
			last++
		}
		at := len(c.list[last])
		n := min(len(p), chunkBytes-at)
		c.list[last] = append(c.list[last], p[:n]...)
		p = p[n:]
	}
	return written, nil
}

// release gives the memory back. The chunks are empty after it.
func (c *chunks) release() {
	c.from.put(c.list)
	c.list, c.total = nil, 0
}

// reader returns a reader of its own on the chunks.
func (c *chunks) reader() io.ReadSeeker { return &chunkReader{of: c} }

type chunkReader struct {
	of *chunks
	at int64
}

// Read implements io.Reader.
func (r *chunkReader) Read(p []byte) (int, error) {
	if r.at >= r.of.total {
		return 0, io.EOF
	}
	n := copy(p, r.of.list[r.at/chunkBytes][r.at%chunkBytes:])
	r.at += int64(n)
	return n, nil
}

// WriteTo implements io.WriterTo: what hashes a part, as the SDK does, reads it
// in place.
func (r *chunkReader) WriteTo(w io.Writer) (int64, error) {
	from := r.at
	for r.at < r.of.total {
		n, err := w.Write(r.of.list[r.at/chunkBytes][r.at%chunkBytes:])
		r.at += int64(n)
		if err != nil {
			return r.at - from, err
		}
	}
	return r.at - from, nil
}

// Seek implements io.Seeker.
func (r *chunkReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.of.total
	}
	if offset < 0 {
		return r.at, errors.New("seek before the start of a part")
	}
	r.at = offset
	return offset, nil
}

// store keeps chunks that are not in use, for parts to come.
type store struct {
	mu   sync.Mutex
	free [][]byte
}

func (s *store) get() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free) - 1
	if n < 0 {
		return make([]byte, 0, chunkBytes)
	}
	c := s.free[n]
	s.free = s.free[:n]
	return c[:0]
}

func (s *store) put(list [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, list...)
}
