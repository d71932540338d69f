package archive

import (
	"io"
	"sync"
)

const (
	// aheadAfter is how much of an entry is read without a goroutine of its own.
	aheadAfter = 256 << 10
	// aheadLen and aheadCount bound what is decompressed ahead of the reader.
	aheadLen   = 128 << 10
	aheadCount = 4
)

var aheadBuffers = sync.Pool{New: func() any { return new([aheadLen]byte) }}

// ahead reads r in a goroutine, so that decompression and what is done with
// the result take two processors.
type ahead struct {
	full chan block
	idle chan *[aheadLen]byte
	stop chan struct{}
	done chan struct{}

	cur  block
	rest []byte
	err  error
}

type block struct {
	buf *[aheadLen]byte
	n   int
	err error
}

func newAhead(r io.Reader) *ahead {
	a := &ahead{
		full: make(chan block, aheadCount), // never blocks: there are no more buffers
		idle: make(chan *[aheadLen]byte, aheadCount),
		stop: make(chan struct{}),
		done: make(chan struct{}),
	}
	for range aheadCount {
		a.idle <- aheadBuffers.Get().(*[aheadLen]byte)
	}
	go a.fill(r)
	return a
}

func (a *ahead) fill(r io.Reader) {
	defer close(a.done)
	for {
		select {
		case <-a.stop:
			return
		case buf := <-a.idle:
			b := block{buf: buf}
			for b.n < len(buf) && b.err == nil {
				var n int
				n, b.err = r.Read(buf[b.n:])
				b.n += n
			}
			a.full <- b
			if b.err != nil {
				return
			}
		}
	}
}

func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		a.recycle()
		a.cur = <-a.full
		a.rest, a.err = a.cur.buf[:a.cur.n], a.cur.err
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

func (a *ahead) recycle() {
	if a.cur.buf != nil {
		a.idle <- a.cur.buf
		a.cur.buf = nil
	}
}

// close stops the goroutine and waits for it: whoever reads r next must be alone.
func (a *ahead) close() {
	close(a.stop)
	<-a.done
	a.recycle()
	close(a.full)
	for b := range a.full {
		aheadBuffers.Put(b.buf)
	}
	close(a.idle)
	for buf := range a.idle {
		aheadBuffers.Put(buf)
	}
}
