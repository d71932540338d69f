package record

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/format"
	"golang.org/x/sync/errgroup"
)

const (
	// groupBytes is the size of the largest row group that is read as a whole, and the
	// memory for reading the columns of a larger one ahead, in bytes.
	groupBytes = 128 << 20
	// minWindow and maxWindow bound what is read ahead of a column, in bytes.
	minWindow, maxWindow = 64 << 10, 8 << 20
	// rangeBytes and ranges are the size and the number of requests at once.
	rangeBytes, ranges = 8 << 20, 4
)

// columnWindow reads the bytes of one column of a row group. The Parquet library reads a
// few KB at a time, each of which would be a request to S3.
type columnWindow struct {
	src  io.ReaderAt
	end  int64 // where the column ends
	size int   // what is read at once
	buf  []byte
	at   int64 // the position of buf
}

// peek returns the bytes from off on: at least n, unless the column ends before. They are
// valid until the next call.
func (w *columnWindow) peek(off int64, n int) ([]byte, error) {
	n = int(min(int64(n), w.end-off))
	if n <= 0 {
		return nil, io.EOF
	}
	if off >= w.at && off+int64(n) <= w.at+int64(len(w.buf)) {
		return w.buf[off-w.at:], nil
	}
	n = int(min(int64(max(n, w.size)), w.end-off))
	if cap(w.buf) < n {
		w.buf = make([]byte, n)
	}
	w.buf, w.at = w.buf[:n], off
	if err := readFullAt(w.src, w.buf, off); err != nil {
		w.buf = w.buf[:0]
		return nil, err
	}
	return w.buf, nil
}

// ReadAt implements io.ReaderAt.
func (w *columnWindow) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		b, err := w.peek(off+int64(n), 1)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], b)
	}
	return n, nil
}

// readFullAt fills b.
func readFullAt(src io.ReaderAt, b []byte, off int64) error {
	n, err := src.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == nil || err == io.EOF:
		return fmt.Errorf("%d of %d bytes at byte %d: %w", n, len(b), off, io.ErrUnexpectedEOF)
	}
	return err
}

// windows returns a window for each column of a row group.
func (p *parquetReader) windows(group format.RowGroup) ([]columnWindow, error) {
	windows := make([]columnWindow, len(group.Columns))
	start, end := p.size, int64(0)
	for i, c := range group.Columns {
		from, to := columnRange(c)
		if from < 0 || to < from || to > p.size {
			return nil, fmt.Errorf("a column is at the bytes %d to %d of %d", from, to, p.size)
		}
		start, end = min(start, from), max(end, to)
		windows[i] = columnWindow{
			src: p.src, end: to, at: from, buf: p.buffers[i][:0],
			size: min(max(int(p.groupBytes)/len(group.Columns), minWindow), maxWindow),
		}
	}
	if end-start > p.groupBytes {
		return windows, nil
	}
	if int64(cap(p.whole)) < end-start {
		p.whole = make([]byte, end-start)
	}
	p.whole = p.whole[:end-start]
	var reads errgroup.Group
	reads.SetLimit(ranges)
	for at := int64(0); at < end-start; at += rangeBytes {
		part := p.whole[at:min(at+rangeBytes, end-start)]
		reads.Go(func() error { return readFullAt(p.src, part, start+at) })
	}
	if err := reads.Wait(); err != nil {
		return nil, err
	}
	for i := range windows {
		w := &windows[i]
		// The capacity ends with the column: a window never writes into that of another.
		w.buf = p.whole[w.at-start : w.end-start : w.end-start]
	}
	return windows, nil
}

// columnRange is where the pages of a column are.
func columnRange(c format.ColumnChunk) (from, to int64) {
	from = c.MetaData.DataPageOffset
	if c.MetaData.DictionaryPageOffset != 0 {
		from = c.MetaData.DictionaryPageOffset
	}
	return from, from + c.MetaData.TotalCompressedSize
}
