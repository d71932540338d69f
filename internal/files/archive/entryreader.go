package archive

import (
	"errors"
	"io"
)

var errEntryOver = errors.New("archive: entry read after Visitor.Entry returned")

// entryReader is the reader of an entry. It adds the entry and the offset to damage,
// limits the size of the entry and, after the first aheadAfter bytes, decompresses in
// a separate goroutine where there is more than one processor.
type entryReader struct {
	w      *walker
	in     *input
	ahead  *ahead
	entry  Entry
	n      int64
	err    error
	damage *Damage // without entry and offset
	object Object  // if the entry is the object itself
}

// ReaderAt implements record.RandomAccess: an object that is not an archive can be read
// at any position. The limit on the size of an entry applies to it, too.
func (l *entryReader) ReaderAt() (io.ReaderAt, int64, bool) {
	if l.object == nil || l.object.Size() > l.w.limits.MaxEntryBytes {
		return nil, 0, false
	}
	return l.object, l.object.Size(), true
}

func (l *entryReader) Read(p []byte) (int, error) {
	if l.err != nil || len(p) == 0 {
		return 0, l.err
	}
	// One byte more than the limit shows whether the entry exceeds it.
	left := l.w.limits.MaxEntryBytes - l.n
	if int64(len(p)) > left {
		p = p[:left+1]
	}
	n, err := l.read(p)
	if int64(n) > left {
		n, err = int(left), damagef(LimitEntryBytes, "more than %d bytes", l.w.limits.MaxEntryBytes)
	}
	l.n += int64(n)
	if err != nil {
		l.err = l.locate(err)
	}
	return n, l.err
}

// locate adds entry and offset to err if it is damage.
func (l *entryReader) locate(err error) error {
	if !errors.As(err, &l.damage) {
		return err
	}
	located := *l.damage
	located.Entry, located.Offset = l.entry, l.n
	return &located
}

func (l *entryReader) read(p []byte) (int, error) {
	if l.ahead == nil && l.n >= aheadAfter && l.w.ahead {
		var err error
		if l.ahead, err = newAhead(l.in); err != nil {
			return 0, err
		}
	}
	if l.ahead != nil {
		return l.ahead.Read(p)
	}
	return l.in.Read(p)
}

func (l *entryReader) close() {
	if l.ahead != nil {
		_ = l.ahead.Close()
	}
	l.err = errEntryOver
}
