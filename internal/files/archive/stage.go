package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"
)

// bufferLen is how many bytes each layer reads at a time. Longer reads bypass the
// buffer.
const bufferLen = 64 << 10

// maxEmptyReads is how often in a row a reader may return neither bytes nor an
// error. It is checked here because the error of bufio would look like the
// decoder's.
const maxEmptyReads = 100

// stage is one layer between the source and an entry. It ensures that the errors of
// its reader are io.EOF, a *Damage, or the source's own error, although decoders
// may replace the errors of the reader below: zstd treats an io.ErrUnexpectedEOF of
// a broken connection between two frames as the end.
type stage struct {
	w     *walker
	r     io.Reader
	below *stage // nil at the source
	what  string // name of the decoder; empty at the source
	depth int    // number of layers, including this one

	consumes bool // its input is the source object
	inside   bool // a member of an archive: it ends before below does

	err error // sticky
}

func (s *stage) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.err = s.w.ctx.Err(); s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	for i := 0; n == 0 && err == nil && len(p) > 0; i++ {
		if i == maxEmptyReads {
			err = io.ErrNoProgress
			break
		}
		n, err = s.r.Read(p)
	}
	s.err = s.settle(err)
	if s.consumes {
		s.w.meter.in += int64(n)
	}
	if s.what != "" && s.err == nil {
		if d := s.w.meter.produced(s.depth, n, s.w.limits.MaxRatio); d != nil {
			s.err = d
		}
	}
	return n, s.err
}

func (s *stage) settle(err error) error {
	if err == nil || (s.inside && isEOF(err)) {
		return err
	}
	if s.below != nil && s.below.failure() != nil {
		return s.below.failure()
	}
	var d *Damage
	if isEOF(err) || s.what == "" || errors.As(err, &d) {
		return err
	}
	return decoderDamage(s.what, err)
}

// isEOF reports whether err is the end of the data, and not a failure of a source
// that wraps io.EOF.
func isEOF(err error) bool {
	return err == io.EOF //nolint:errorlint // see above
}

// failure returns the error, other than io.EOF, that ended the stage.
func (s *stage) failure() error {
	if isEOF(s.err) {
		return nil
	}
	return s.err
}

// transient returns the failure of the stage if it is not damage.
func (s *stage) transient() error {
	var d *Damage
	if errors.As(s.failure(), &d) {
		return nil
	}
	return s.failure()
}

// input is a buffered stage. Decoders read from its bufio.Reader, with which flate is
// faster than with other readers.
type input struct {
	*bufio.Reader
	from *stage
}

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, bufferLen) }}

func newInput(from *stage) *input {
	b := buffers.Get().(*bufio.Reader)
	b.Reset(from)
	return &input{Reader: b, from: from}
}

func (in *input) release() {
	in.Reset(nil)
	buffers.Put(in.Reader)
	in.Reader = nil
}

// source checks that the stream of an object is not shorter than the object.
type source struct {
	r    io.Reader
	n    int64
	size int64
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if isEOF(err) && s.n < s.size {
		err = fmt.Errorf("source object ended after %d of %d bytes: %w", s.n, s.size, io.ErrUnexpectedEOF)
	}
	return n, err
}

// meter compares the bytes that layers have produced with those read from the
// source. Each depth is counted separately: otherwise valid data in two layers
// would count twice, while a bomb in two layers multiplies at the inner one.
type meter struct {
	in  int64
	out [maxLayers]int64
}

// maxLayers is above the largest feed.Limits.MaxDepth.
const maxLayers = 32

// ratioFree is how many bytes are allowed whatever the ratio: a small file of one
// repeated record is not a bomb.
const ratioFree = 64 << 20

func (m *meter) produced(depth, n int, ratio int64) *Damage {
	depth = min(depth, maxLayers-1)
	m.out[depth] += int64(n)
	if out := m.out[depth]; out > ratioFree && out/ratio > m.in {
		return damagef(LimitRatio, "%d bytes of the source became more than %d, the limit is %d to one", m.in, out, ratio)
	}
	return nil
}
