package archive

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

const (
	// nestedZipInMemory is the largest zip inside another archive that is
	// kept in memory, not in a temporary file.
	nestedZipInMemory = 2 << 20
	// nestedZipBytes bounds the temporary files that are open at once.
	nestedZipBytes = 384 << 20
)

// nestedZip sets the zip in in aside, then reads it.
func (w *walker) nestedZip(at place, in *input, depth int) error {
	release, err := w.reserve(2 * nestedZipInMemory) // as a growing buffer may
	if err != nil {
		return w.damaged(at, damagef(LimitDepth, "zip: %v", err))
	}
	defer release()
	src, done, err := w.setAside(in)
	if err != nil {
		return w.report(at, err)
	}
	defer done()
	return w.zip(at, src, depth)
}

// setAside copies in to where it can be read at random, until done is called.
// Its errors are a *Damage, or transient.
func (w *walker) setAside(in *input) (src zipSource, done func(), err error) {
	var buf bytes.Buffer
	n, err := io.CopyN(&buf, in, nestedZipInMemory)
	if err == nil {
		return w.setAsideInFile(in, buf.Bytes())
	}
	if !isEOF(err) {
		return src, nil, err
	}
	return zipSource{ReaderAt: bytes.NewReader(buf.Bytes()), size: n}, func() {}, nil
}

func (w *walker) setAsideInFile(in *input, head []byte) (src zipSource, done func(), err error) {
	f, err := os.CreateTemp("", "nested-*.zip")
	if err != nil {
		return src, nil, fmt.Errorf("set a nested zip aside: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close() // err says more, and is to stay as it is
		}
	}()
	// Unlinked at once, so that nothing is left behind however this ends.
	if err := os.Remove(f.Name()); err != nil {
		return src, nil, fmt.Errorf("set a nested zip aside: %w", err)
	}
	room := nestedZipBytes - w.spool
	file := &writer{w: f}
	n, err := io.Copy(file, io.LimitReader(io.MultiReader(bytes.NewReader(head), in), room+1))
	if file.err != nil {
		return src, nil, fmt.Errorf("set a nested zip aside in %s: %w", os.TempDir(), file.err)
	}
	if err != nil {
		return src, nil, err
	}
	if n > room {
		return src, nil, damagef(LimitNestedZip, "a zip inside another archive may have %d MiB, with those around it", nestedZipBytes>>20)
	}
	w.spool += n
	return zipSource{ReaderAt: f, size: n}, func() {
		w.spool -= n
		_ = f.Close() // it is gone already
	}, nil
}

// writer tells errors of writing from those of reading.
type writer struct {
	w   io.Writer
	err error
}

func (w *writer) Write(p []byte) (n int, err error) {
	n, w.err = w.w.Write(p)
	return n, w.err
}
