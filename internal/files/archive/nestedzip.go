package archive

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

const (
	// nestedZipInMemory is the largest zip inside another archive that is
	// copied to memory instead of to a temporary file.
	nestedZipInMemory = 2 << 20
	// nestedZipBytes bounds the sum of the open temporary files, in bytes.
	nestedZipBytes = 384 << 20
)

// nestedZip copies the zip in a stream, then reads it.
func (w *walker) nestedZip(at location, in *input, depth int) error {
	release, err := w.reserve(2 * nestedZipInMemory) // a growing buffer may need twice its size
	if err != nil {
		return w.damaged(at, damagef(LimitMemory, "zip: %v", err))
	}
	defer release()
	src, done, err := w.copyNested(in)
	if err != nil {
		return w.report(at, err)
	}
	defer done()
	return w.zip(at, src, depth)
}

// copyNested copies a stream to memory or to a file, which done releases. Its
// errors are a *Damage, or transient.
func (w *walker) copyNested(in *input) (src zipSource, done func(), err error) {
	var buf bytes.Buffer
	n, err := io.CopyN(&buf, in, nestedZipInMemory)
	if err == nil {
		return w.copyToFile(in, buf.Bytes())
	}
	if !isEOF(err) {
		return src, nil, err
	}
	return zipSource{ReaderAt: bytes.NewReader(buf.Bytes()), size: n}, func() {}, nil
}

func (w *walker) copyToFile(in *input, head []byte) (src zipSource, done func(), err error) {
	f, err := os.CreateTemp("", "nested-*.zip")
	if err != nil {
		return src, nil, fmt.Errorf("copy a nested zip: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close() // err is the cause
		}
	}()
	// Unlinked at once, so that the file is deleted even if the process is killed.
	if err := os.Remove(f.Name()); err != nil {
		return src, nil, fmt.Errorf("copy a nested zip: %w", err)
	}
	left := nestedZipBytes - w.nestedBytes
	file := &writer{w: f}
	n, err := io.Copy(file, io.LimitReader(io.MultiReader(bytes.NewReader(head), in), left+1))
	if file.err != nil {
		return src, nil, fmt.Errorf("copy a nested zip in %s: %w", os.TempDir(), file.err)
	}
	if err != nil {
		return src, nil, err
	}
	if n > left {
		return src, nil, damagef(LimitNestedZip, "a zip inside another archive, with those around it, may have at most %d MiB", nestedZipBytes>>20)
	}
	w.nestedBytes += n
	return zipSource{ReaderAt: f, size: n}, func() {
		w.nestedBytes -= n
		_ = f.Close() // it was unlinked and only read
	}, nil
}

// writer stores its error, to distinguish errors of writing from those of reading.
type writer struct {
	w   io.Writer
	err error
}

func (w *writer) Write(p []byte) (n int, err error) {
	n, w.err = w.w.Write(p)
	return n, w.err
}
