package archive

import (
	"errors"
)

var errEntryOver = errors.New("archive: entry read after Visitor.Entry returned")

// leaf is the reader of an entry. It puts the entry's name and offset into
// damage, bounds the entry's size, and decompresses ahead of its reader where
// there are processors for both, once the entry proves to be larger than a few buffers.
type leaf struct {
	w      *walker
	in     *input
	ahead  *ahead
	entry  Entry
	n      int64
	err    error
	damage *Damage // as it came from below
}

func (l *leaf) Read(p []byte) (int, error) {
	if l.err != nil || len(p) == 0 {
		return 0, l.err
	}
	// One byte past the limit tells whether there is more.
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

// locate puts entry and offset into err if it is damage.
func (l *leaf) locate(err error) error {
	if !errors.As(err, &l.damage) {
		return err
	}
	located := *l.damage
	located.Entry, located.Offset = l.entry, l.n
	return &located
}

func (l *leaf) read(p []byte) (int, error) {
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

func (l *leaf) close() {
	if l.ahead != nil {
		_ = l.ahead.Close()
	}
	l.err = errEntryOver
}
