package record

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"

	"example.com/ingestion/feed"
)

// errRest ends the reading of an entry whose rest was rejected.
var errRest = errors.New("the rest of the entry was rejected")

// splitter is what all formats share: where they are in the entry, and how
// they hand over what they find.
type splitter struct {
	w       window
	v       *validator
	sink    Sink
	limit   int   // Limits.MaxRecordBytes
	line    int64 // the line of w.pos, from 1; 0 where lines are not counted
	ordinal int64
	result  Result

	// What take passed since keep: of a record that the window does not hold.
	keeping bool
	kept    []byte
	keptAt  int64
	size    int64
}

func newSplitter(r io.Reader, encoding feed.Encoding, lim feed.Limits, sink Sink, size int) (*splitter, error) {
	limit := cmp.Or(lim.MaxRecordBytes, feed.DefaultMaxRecordBytes)
	s := &splitter{v: newValidator(), sink: sink, limit: limit}
	// Behind a record of the greatest size what ends it must fit too.
	s.w = window{src: counter{r, &s.result.Bytes}, buf: make([]byte, size+pad), most: max(size, limit+1024)}
	if encoding == feed.Latin1 {
		s.w.src, s.w.unit = &latinReader{src: s.w.src}, 1
		_, err := s.w.more()
		return s, err
	}
	if _, err := s.w.more(); err != nil {
		return s, err
	}
	return s, s.skipMark()
}

// skipMark goes past a byte order mark, and decodes what follows if it is UTF-16's.
func (s *splitter) skipMark() error {
	w := &s.w
	first := w.buf[:w.end]
	if bytes.HasPrefix(first, []byte("\xEF\xBB\xBF")) {
		w.pos = 3
		return nil
	}
	big := bytes.HasPrefix(first, []byte("\xFE\xFF"))
	if !big && !bytes.HasPrefix(first, []byte("\xFF\xFE")) {
		return nil
	}
	w.src = newWideReader(w.src, big, first[2:], w.err)
	w.base, w.end, w.unit, w.err = 2, 0, 2, nil
	_, err := w.more()
	return err
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n *int64
}

func (c counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}

// record delivers a record.
func (s *splitter) record(data []byte) error {
	if err := s.sink.Record(s.ordinal, data); err != nil {
		return err
	}
	s.ordinal++
	s.result.Records++
	return nil
}

// reject rejects the next size bytes for f and goes past them.
func (s *splitter) reject(f fault, size int) error {
	raw := bytes.TrimRight(s.w.buf[s.w.pos:s.w.pos+size], " \t\r\n")
	err := s.send(Rejection{
		Offset: s.w.offset(s.w.pos), Reason: f.reason, Detail: s.locate(f),
		Raw: raw[:min(len(raw), MaxRaw)], RawCut: len(raw) > MaxRaw,
	})
	s.w.pos += size
	return err
}

// rejectRest rejects all that is left of the entry, from what is kept on. It
// reads on for the sake of Raw.
func (s *splitter) rejectRest(reason, detail string) error {
	w := &s.w
	if !s.keeping {
		s.keep()
	}
	for {
		s.take(w.end - w.pos)
		if len(s.kept) == MaxRaw {
			break
		}
		if more, err := w.more(); err != nil {
			return err
		} else if !more {
			break
		}
	}
	return s.send(Rejection{
		Offset: s.keptAt, Reason: reason, Detail: detail,
		Raw: s.kept, RawCut: w.err == nil || s.size > int64(len(s.kept)), Rest: true,
	})
}

// rejectCut rejects what the end of the entry, or damage to it, left incomplete.
func (s *splitter) rejectCut(what string) error {
	var damage DamageError
	if errors.As(s.w.err, &damage) {
		return s.rejectRest(damage.Damage(), damage.Error())
	}
	return s.rejectRest(Truncated, fmt.Sprintf("%s: the entry ends %s", s.place(s.w.end), what))
}

// rejectKept rejects, as larger than the limit, the record that take passed.
func (s *splitter) rejectKept() error {
	return s.send(Rejection{
		Offset: s.keptAt, Reason: TooLarge, Detail: s.tooLarge(s.size),
		Raw: s.kept, RawCut: s.size > int64(len(s.kept)),
	})
}

func (s *splitter) tooLarge(size int64) string {
	return fmt.Sprintf("the record has %d bytes, the limit is %d (Limits.MaxRecordBytes)", size, s.limit)
}

func (s *splitter) send(r Rejection) error {
	r.Ordinal = s.ordinal
	if err := s.sink.Reject(r); err != nil {
		return err
	}
	s.ordinal++
	s.result.Rejected++
	s.keeping = false
	if r.Rest {
		return errRest
	}
	return nil
}

// finish ends an entry behind its last record: damage there is a loss too.
func (s *splitter) finish() error {
	if s.w.ended() {
		return nil
	}
	return s.rejectCut("")
}

// locate is the Detail of a fault.
func (s *splitter) locate(f fault) string {
	return s.place(f.at) + ": " + f.String()
}

// place names buf[i] for people.
func (s *splitter) place(i int) string {
	if s.line > 0 {
		return fmt.Sprintf("line %d, byte %d", s.line, s.w.offset(i))
	}
	return fmt.Sprintf("byte %d", s.w.offset(i))
}

// keep begins a record at w.pos of which take keeps the beginning.
func (s *splitter) keep() {
	s.keeping = true
	s.kept = s.kept[:0]
	s.keptAt = s.w.offset(s.w.pos)
	s.size = 0
}

// take goes n bytes on.
func (s *splitter) take(n int) {
	if s.keeping {
		next := s.w.buf[s.w.pos : s.w.pos+n]
		s.kept = append(s.kept, next[:min(n, MaxRaw-len(s.kept))]...)
		s.size += int64(n)
	}
	s.w.pos += n
}

// ender finds where a record ends: after n bytes of b, or not in b.
type ender interface {
	scan(b []byte) (n int, ok bool)
}

// pass takes a record of any size, piece by piece, and reports whether it ended.
func (s *splitter) pass(e ender) (bool, error) {
	for {
		n, ok := e.scan(s.w.buf[s.w.pos:s.w.end])
		s.take(n)
		if ok {
			return true, nil
		}
		if more, err := s.w.more(); !more {
			return false, err
		}
	}
}

// seek is pass for a record that stays in the window; it returns its size.
func (s *splitter) seek(e ender) (int, bool, error) {
	seen := 0
	for {
		n, ok := e.scan(s.w.buf[s.w.pos+seen : s.w.end])
		seen += n
		if ok {
			return seen, true, nil
		}
		if more, err := s.w.more(); !more {
			return seen, false, err
		}
	}
}

// skipSpace goes to the next byte that is not whitespace; at the end of the
// entry the window is empty behind it.
func (s *splitter) skipSpace() error {
	for {
		s.take(skipBlank(s.w.buf, s.w.pos) - s.w.pos)
		if s.w.pos < s.w.end {
			return nil
		}
		if more, err := s.w.more(); !more {
			return err
		}
	}
}

// startsValue reports whether a JSON value begins at b[i].
func startsValue(b []byte, i int) bool {
	if !startsLike(b[i]) {
		return false
	}
	for _, word := range []string{"true", "false", "null"} {
		if b[i] == word[0] {
			return bytes.HasPrefix(b[i:], []byte(word))
		}
	}
	return true
}

// startsLike reports whether a JSON value may begin with c.
func startsLike(c byte) bool {
	return c-'0' < 10 || bytes.IndexByte([]byte(`{["-tfn`), c) >= 0
}

// rejectForeign rejects an entry that does not begin as JSON does.
func (s *splitter) rejectForeign(i int) error {
	return s.rejectRest(NotJSON, fmt.Sprintf("%s: found %s where JSON should begin: is this a file of this feed?", s.place(i), show(s.w.buf[i])))
}
