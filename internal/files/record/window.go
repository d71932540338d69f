package record

import (
	"errors"
	"fmt"
	"io"
)

const (
	// startBytes is the initial size of the buffer: large enough that the record that
	// crosses its end costs little, small enough for the cache of a core.
	startBytes = 256 << 10
	// pad is how many bytes after the data may be loaded. The first of them is NUL,
	// which is not valid in JSON, so that the scanners need no test for the end.
	pad = 16
)

// window is the part of an entry that is in memory: buf[pos:end], contiguous,
// followed by pad bytes of NUL.
type window struct {
	src  io.Reader
	buf  []byte
	pos  int
	end  int
	base int64 // offset in the entry of buf[0]
	most int   // the largest size of the data in buf
	unit int   // bytes per code unit of an entry that is not UTF-8, which buf contains as UTF-8; else 0
	// sizes, if set, has the sizes of the characters, instead of unit.
	sizes *charSizes
	err   error // why nothing follows: io.EOF or a DamageError

	// The last argument of offset, and how many bytes of the entry correspond to
	// buf[:countedTo]. Counting from buf[0] each time would make the work for a
	// window full of rejections quadratic.
	countedTo   int
	countedSize int64
}

// more reads until the window is full, after moving buf[pos:end] to the front. It
// reports false if it read nothing: then w.err is the reason, or nil if the window
// is full and has its largest size.
func (w *window) more() (bool, error) {
	if w.err != nil {
		return false, nil
	}
	if w.pos > 0 {
		w.base = w.offset(w.pos)
		w.end = copy(w.buf, w.buf[w.pos:w.end])
		w.pos, w.countedTo, w.countedSize = 0, 0, 0
	}
	capacity := len(w.buf) - pad
	if w.end == capacity {
		if capacity >= w.most {
			return false, nil
		}
		capacity = min(2*capacity, w.most)
		grown := make([]byte, capacity+pad)
		copy(grown, w.buf[:w.end])
		w.buf = grown
	}
	before := w.end
	for empty := 0; w.end < capacity && w.err == nil; {
		n, err := w.src.Read(w.buf[w.end:capacity])
		w.end += n
		if n > 0 {
			empty = 0
		} else if empty++; empty == 100 && err == nil {
			err = io.ErrNoProgress
		}
		if err != nil && !final(err) {
			return false, fmt.Errorf("read entry after byte %d: %w", w.offset(w.end), err)
		}
		w.err = err
	}
	clear(w.buf[w.end : w.end+pad])
	return w.end > before, nil
}

// final reports whether an error is a property of the entry, not a failure to read it.
func final(err error) bool {
	var damage DamageError
	return err == io.EOF || errors.As(err, &damage) //nolint:errorlint // io.EOF is never wrapped
}

// ended reports whether the entry has been read to its end, undamaged.
func (w *window) ended() bool {
	return w.err == io.EOF //nolint:errorlint // io.EOF is never wrapped
}

// offset returns the position of buf[i] in the entry, in bytes.
func (w *window) offset(i int) int64 {
	if w.unit == 0 {
		return w.base + int64(i)
	}
	if i < w.countedTo {
		w.countedTo, w.countedSize = 0, 0
	}
	for at, c := range w.buf[w.countedTo:i] {
		switch {
		case w.sizes != nil && c&0xC0 == 0x80:
		case w.sizes != nil:
			w.countedSize += w.sizes.of(w.buf[w.countedTo+at : w.end])
		case c >= 0xF0: // a surrogate pair in UTF-16
			w.countedSize += 4
		case c&0xC0 != 0x80:
			w.countedSize += int64(w.unit)
		}
	}
	w.countedTo = i
	return w.base + w.countedSize
}
