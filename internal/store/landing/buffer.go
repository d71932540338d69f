package landing

import (
	"errors"
	"io"
	"sync"
)

// chunkBytes is the unit in which a part allocates memory. A part that grows
// allocates one more chunk; nothing is copied, and chunks are reused.
const chunkBytes = 512 << 10

// partBuffer holds the bytes of a part in chunks of chunkBytes.
type partBuffer struct {
	pool  *chunkPool
	list  [][]byte
	total int64
}

// Write implements io.Writer.
func (b *partBuffer) Write(p []byte) (int, error) {
	written := len(p)
	b.total += int64(written)
	for len(p) > 0 {
		last := len(b.list) - 1
		if last < 0 || len(b.list[last]) == chunkBytes {
			b.list = append(b.list, b.pool.get())
			last++
		}
		at := len(b.list[last])
		n := min(len(p), chunkBytes-at)
		b.list[last] = append(b.list[last], p[:n]...)
		p = p[n:]
	}
	return written, nil
}

// release returns the memory to the pool. The buffer is empty after it.
func (b *partBuffer) release() {
	b.pool.put(b.list)
	b.list, b.total = nil, 0
}

// reader returns a new reader of the bytes.
func (b *partBuffer) reader() io.ReadSeeker { return &bufferReader{of: b} }

type bufferReader struct {
	of *partBuffer
	at int64
}

// Read implements io.Reader.
func (r *bufferReader) Read(p []byte) (int, error) {
	if r.at >= r.of.total {
		return 0, io.EOF
	}
	n := copy(p, r.of.list[r.at/chunkBytes][r.at%chunkBytes:])
	r.at += int64(n)
	return n, nil
}

// WriteTo implements io.WriterTo without copies, with which the SDK hashes a part.
func (r *bufferReader) WriteTo(w io.Writer) (int64, error) {
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
func (r *bufferReader) Seek(offset int64, whence int) (int64, error) {
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

// chunkPool keeps unused chunks for later parts.
type chunkPool struct {
	mu   sync.Mutex
	free [][]byte
}

func (p *chunkPool) get() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free) - 1
	if n < 0 {
		return make([]byte, 0, chunkBytes)
	}
	c := p.free[n]
	p.free = p.free[:n]
	return c[:0]
}

func (p *chunkPool) put(list [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, list...)
}
