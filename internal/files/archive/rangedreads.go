package archive

import (
	"context"
	"fmt"
	"io"
)

const (
	// maxRange is the longest ranged read in bytes, and minRange the first one after a
	// jump, so that a member of a few bytes does not cost megabytes.
	maxRange = 2 << 20
	minRange = 256 << 10
)

// ranged reads from an io.ReaderAt. It returns all requested bytes or the source's
// error, never io.EOF. It keeps the end of the source in memory, which contains the
// directory of a small zip, and all of a very small one.
type ranged struct {
	ctx    context.Context
	r      io.ReaderAt
	size   int64
	tail   []byte
	tailAt int64
}

func (r *ranged) fetchTail() error {
	tail := make([]byte, min(tailLen, r.size))
	at := r.size - int64(len(tail))
	if _, err := r.ReadAt(tail, at); err != nil {
		return err
	}
	r.tail, r.tailAt = tail, at
	return nil
}

func (r *ranged) ReadAt(p []byte, off int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.tail != nil && off >= r.tailAt && off+int64(len(p)) <= r.size {
		return copy(p, r.tail[off-r.tailAt:]), nil
	}
	n, err := r.r.ReadAt(p, off)
	switch {
	case n == len(p):
		return n, nil
	case err == nil || isEOF(err):
		return n, fmt.Errorf("source object of %d bytes gave %d of the %d at %d: %w", r.size, n, len(p), off, io.ErrUnexpectedEOF)
	}
	return n, err
}

// prefetcher reads the data of members in long ranges. While reads are sequential,
// it reads the next range in the background.
type prefetcher struct {
	r       *ranged
	limit   int64 // where the data ends
	longest int   // the longest range

	buf []byte // the bytes at off
	off int64

	spare   []byte
	nextOff int64
	next    chan error // nil if no range is being read
}

func newPrefetcher(r *ranged, limit int64, longest int) *prefetcher {
	return &prefetcher{r: r, limit: limit, longest: longest}
}

// read reads some bytes at off, which is within limit.
func (w *prefetcher) read(p []byte, off int64) (int, error) {
	if off < w.off || off >= w.off+int64(len(w.buf)) {
		if err := w.load(off); err != nil {
			return 0, err
		}
	}
	return copy(p, w.buf[off-w.off:]), nil
}

func (w *prefetcher) readFull(p []byte, off int64) error {
	for len(p) > 0 {
		n, err := w.read(p, off)
		if err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// load reads a range that contains off into the buffer.
func (w *prefetcher) load(off int64) error {
	end := w.off + int64(len(w.buf))
	sequential := len(w.buf) > 0 && off >= end && off < end+minRange
	length := int64(minRange)
	if sequential {
		length = min(2*int64(len(w.buf)), int64(w.longest))
	}
	fetched := false
	if w.next != nil {
		err := <-w.next
		w.next = nil
		if fetched = off >= w.nextOff && off < w.nextOff+int64(len(w.spare)); fetched {
			w.buf, w.spare, w.off = w.spare, w.buf, w.nextOff
			if err != nil {
				w.buf = w.buf[:0]
				return err
			}
		}
	}
	if !fetched {
		w.buf, w.off = w.resize(w.buf, min(length, w.limit-off)), off
		if _, err := w.r.ReadAt(w.buf, off); err != nil {
			w.buf = w.buf[:0]
			return err
		}
	}
	if sequential {
		w.fetch(length)
	}
	return nil
}

// fetch starts reading the range after the buffer.
func (w *prefetcher) fetch(length int64) {
	w.nextOff = w.off + int64(len(w.buf))
	w.spare = w.resize(w.spare, min(length, w.limit-w.nextOff))
	if len(w.spare) == 0 {
		return
	}
	next := make(chan error, 1)
	w.next = next
	go func(p []byte, off int64) {
		_, err := w.r.ReadAt(p, off)
		next <- err
	}(w.spare, w.nextOff)
}

// close waits for the range being read, because the source must not be read after Walk.
func (w *prefetcher) close() {
	if w.next != nil {
		<-w.next
		w.next = nil
	}
}

// resize returns b with length n. A buffer grows at most twice: to what a small zip
// needs, and to the longest range.
func (w *prefetcher) resize(b []byte, n int64) []byte {
	if int64(cap(b)) >= n {
		return b[:n]
	}
	if n <= minRange {
		return make([]byte, n)
	}
	return make([]byte, n, w.longest)
}

// section reads the data of one member.
type section struct {
	from     *prefetcher
	off, end int64
}

func (s *section) Read(p []byte) (int, error) {
	if s.off >= s.end {
		return 0, io.EOF
	}
	if int64(len(p)) > s.end-s.off {
		p = p[:s.end-s.off]
	}
	n, err := s.from.read(p, s.off)
	s.off += int64(n)
	return n, err
}
