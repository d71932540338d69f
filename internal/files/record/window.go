package record

import (
	"errors"
	"fmt"
	"io"
)

const (
	// startBytes is the first size of the buffer: large enough that the one
	// record cut at its end costs nothing, small enough for a core's own cache.
	startBytes = 256 << 10
	// pad is how many bytes behind the data may be loaded. The first of them is
	// NUL, which is valid nowhere in JSON: the scanners need no test for the end.
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
	most int   // the most that buf may hold
	unit int   // bytes of a code unit where buf has the entry in UTF-8 and the entry is not; else 0
	err  error // why nothing follows: io.EOF or a DamageError

	// Where offset was asked last, and how many bytes of the entry are from
	// buf[0] to there. Counting from buf[0] each time would make the work for a
	// window full of rejections quadratic.
	told     int
	toldSize int64
}

// more reads on until the window is full, keeping buf[pos:end], which it moves
// to the front. It reports false when there is nothing to add: w.err says why,
// or is nil if the window is full at its greatest size.
func (w *window) more() (bool, error) {
	if w.err != nil {
		return false, nil
	}
	if w.pos > 0 {
		w.base = w.offset(w.pos)
		w.end = copy(w.buf, w.buf[w.pos:w.end])
		w.pos, w.told, w.toldSize = 0, 0, 0
	}
	room := len(w.buf) - pad
	if w.end == room {
		if room >= w.most {
			return false, nil
		}
		room = min(2*room, w.most)
		grown := make([]byte, room+pad)
		copy(grown, w.buf[:w.end])
		w.buf = grown
	}
	before := w.end
	for empty := 0; w.end < room && w.err == nil; {
		n, err := w.src.Read(w.buf[w.end:room])
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

// final tells the errors that belong to the entry from those of reading it.
func final(err error) bool {
	var damage DamageError
	return err == io.EOF || errors.As(err, &damage) //nolint:errorlint // a reader's end is the bare EOF
}

// ended reports whether the entry has been read to its end, undamaged.
func (w *window) ended() bool {
	return w.err == io.EOF //nolint:errorlint // final keeps the bare EOF
}

// offset is the place in the entry of buf[i].
func (w *window) offset(i int) int64 {
	if w.unit == 0 {
		return w.base + int64(i)
	}
	if i < w.told {
		w.told, w.toldSize = 0, 0
	}
	for _, c := range w.buf[w.told:i] {
		switch {
		case c >= 0xF0: // in UTF-16 a pair
			w.toldSize += 4
		case c&0xC0 != 0x80:
			w.toldSize += int64(w.unit)
		}
	}
	w.told = i
	return w.base + w.toldSize
}
