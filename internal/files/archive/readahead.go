package archive

import (
	"io"
	"sync"

	"github.com/klauspost/readahead"
)

const (
	// aheadAfter is how many bytes of an entry are read before a goroutine
	// decompresses the remainder ahead of the reader.
	aheadAfter = 256 << 10
	// aheadLen and aheadCount bound what is decompressed ahead, in bytes and buffers.
	aheadLen   = 128 << 10
	aheadCount = 4
)

var aheadBuffers = sync.Pool{New: func() any {
	buffers := make([][]byte, aheadCount)
	for i := range buffers {
		buffers[i] = make([]byte, aheadLen)
	}
	return &buffers
}}

// ahead reads in a goroutine, so that decompression and the processing of its
// output use two processors.
type ahead struct {
	io.ReadCloser
	buffers *[][]byte
}

func newAhead(r io.Reader) (*ahead, error) {
	buffers := aheadBuffers.Get().(*[][]byte)
	reader, err := readahead.NewReaderBuffer(full{r}, *buffers)
	return &ahead{reader, buffers}, err
}

// Close waits for the goroutine: after it, r may be read by others.
func (a *ahead) Close() error {
	err := a.ReadCloser.Close()
	aheadBuffers.Put(a.buffers)
	return err
}

// full fills the buffer of each Read, so that few of them change hands.
type full struct{ r io.Reader }

func (f full) Read(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = f.r.Read(p[n:])
		n += m
	}
	return n, err
}
