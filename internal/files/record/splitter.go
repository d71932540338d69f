package record

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"

	"example.com/ingestion/feed"
)

// errRest ends Split after the rest of the entry was rejected.
var errRest = errors.New("the rest of the entry was rejected")

// splitter is common to all formats: the position in the entry, and the calls of
// the sink.
type splitter struct {
	w          window
	v          *validator
	sink       Sink
	limit      int   // Limits.MaxRecordBytes
	maxColumns int   // Limits.MaxColumns
	line       int64 // the line of w.pos, from 1; 0 where lines are not counted
	// breaks means that a line break was passed since it was reset.
	breaks bool
	// lineStart means that the whitespace that skipSpace skipped last ends a line.
	lineStart bool
	ordinal   int64
	result    Result

	// The bytes that advance has passed since startCapture, of a record that is
	// larger than the window: the first MaxRaw, where they begin, and their number.
	capturing    bool
	captured     []byte
	capturedAt   int64
	capturedSize int64
}

func newSplitter(r io.Reader, f feed.Format, lim feed.Limits, sink Sink, size int) (*splitter, error) {
	limit := cmp.Or(lim.MaxRecordBytes, feed.DefaultMaxRecordBytes)
	s := &splitter{v: newValidator(), sink: sink, limit: limit, maxColumns: cmp.Or(lim.MaxColumns, feed.DefaultMaxColumns)}
	// The window holds the largest record and what ends it.
	s.w = window{src: counter{r, &s.result.Bytes}, buf: make([]byte, size+pad), most: max(size, limit+1024)}
	s.v.nanAsNull = f.NaNAsNull
	if f.Encoding != "" {
		return s, s.decode(f.Encoding)
	}
	return s, s.startUTF8()
}

// startUTF8 begins an entry in UTF-8, or in UTF-16 with a byte order mark.
func (s *splitter) startUTF8() error {
	if _, err := s.w.more(); err != nil {
		return err
	}
	return s.skipByteOrderMark()
}

// skipByteOrderMark skips a byte order mark, and decodes UTF-16 after that of UTF-16.
func (s *splitter) skipByteOrderMark() error {
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
	w.src = newUTF16Reader(w.src, big, first[2:], w.err)
	w.base, w.end, w.unit, w.err = 2, 0, 2, nil
	_, err := w.more()
	return err
}

// counter counts the bytes read.
type counter struct {
	r io.Reader
	n *int64
}

func (c counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}

// record delivers the record at w.pos, whose original is buf[start:end].
func (s *splitter) record(data []byte, start, end int) error {
	if err := s.sink.Record(s.ordinal, data); err != nil {
		return s.refused(err, start, end)
	}
	s.ordinal++
	s.result.Records++
	return nil
}

// refused handles an error of the sink for the record at w.pos.
func (s *splitter) refused(err error, start, end int) error {
	var limit *limitError
	if errors.As(err, &limit) {
		return s.rejectRest(TooManyRecords, s.place(s.w.pos)+": "+limit.Error())
	}
	var one *refusal
	if errors.As(err, &one) {
		raw := bytes.TrimRight(s.w.buf[start:end], " \t\r\n")
		return s.rejected(Rejection{
			Offset: s.w.offset(start), Reason: one.reason, Detail: s.place(start) + ": " + one.detail,
			Raw: raw[:min(len(raw), MaxRaw)], RawCut: len(raw) > MaxRaw,
		})
	}
	return err
}

// reject rejects and skips the next size bytes, because of f.
func (s *splitter) reject(f fault, size int) error {
	raw := bytes.TrimRight(s.w.buf[s.w.pos:s.w.pos+size], " \t\r\n")
	err := s.rejected(Rejection{
		Offset: s.w.offset(s.w.pos), Reason: f.reason, Detail: s.locate(f),
		Raw: raw[:min(len(raw), MaxRaw)], RawCut: len(raw) > MaxRaw,
	})
	s.w.pos += size
	return err
}

// rejectRest rejects the rest of the entry, including captured bytes. It reads as
// much of it as Raw contains.
func (s *splitter) rejectRest(reason, detail string) error {
	w := &s.w
	if !s.capturing {
		s.startCapture()
	}
	for {
		s.advance(w.end - w.pos)
		if len(s.captured) == MaxRaw {
			break
		}
		if more, err := w.more(); err != nil {
			return err
		} else if !more {
			break
		}
	}
	return s.rejected(Rejection{
		Offset: s.capturedAt, Reason: reason, Detail: detail,
		Raw: s.captured, RawCut: w.err == nil || s.capturedSize > int64(len(s.captured)), Rest: true,
	})
}

// rejectTruncated rejects an incomplete record at the end of the entry or at damage.
func (s *splitter) rejectTruncated(what string) error {
	var damage DamageError
	if errors.As(s.w.err, &damage) {
		return s.rejectRest(damage.Damage(), damage.Error())
	}
	return s.rejectRest(Truncated, fmt.Sprintf("%s: the entry ends %s", s.place(s.w.end), what))
}

// rejectCaptured rejects the captured record as larger than the limit.
func (s *splitter) rejectCaptured() error {
	return s.rejected(Rejection{
		Offset: s.capturedAt, Reason: TooLarge, Detail: s.tooLarge(s.capturedSize),
		Raw: s.captured, RawCut: s.capturedSize > int64(len(s.captured)),
	})
}

func (s *splitter) tooLarge(size int64) string {
	return fmt.Sprintf("the record has %d bytes, the limit is %d (Limits.MaxRecordBytes)", size, s.limit)
}

func (s *splitter) rejected(r Rejection) error {
	r.Ordinal = s.ordinal
	if err := s.sink.Reject(r); err != nil {
		return err
	}
	s.ordinal++
	s.result.Rejected++
	s.capturing = false
	if r.Rest {
		return errRest
	}
	return nil
}

// finish ends an entry after its last record. Damage there is reported too.
func (s *splitter) finish() error {
	if s.w.ended() {
		return nil
	}
	return s.rejectTruncated("")
}

// locate returns the Detail for a fault.
func (s *splitter) locate(f fault) string {
	return s.place(f.at) + ": " + f.String()
}

// place describes the position of buf[i].
func (s *splitter) place(i int) string {
	if s.line > 0 {
		return fmt.Sprintf("line %d, byte %d", s.line, s.w.offset(i))
	}
	return fmt.Sprintf("byte %d", s.w.offset(i))
}

// startCapture begins capturing a record at w.pos.
func (s *splitter) startCapture() {
	s.capturing = true
	s.captured = s.captured[:0]
	s.capturedAt = s.w.offset(s.w.pos)
	s.capturedSize = 0
}

// advance moves w.pos by n bytes.
func (s *splitter) advance(n int) {
	if s.capturing {
		next := s.w.buf[s.w.pos : s.w.pos+n]
		s.captured = append(s.captured, next[:min(n, MaxRaw-len(s.captured))]...)
		s.capturedSize += int64(n)
	}
	s.w.pos += n
}

func (s *splitter) noteBreaks(b []byte) {
	s.breaks = s.breaks || bytes.IndexByte(b, '\n') >= 0
}

// endFinder finds the end of a record, which is given in pieces: it is after n bytes
// of b, or not in b.
type endFinder interface {
	scan(b []byte) (n int, ok bool)
}

// skip advances to the end of a record of any size, and reports whether it has one.
func (s *splitter) skip(e endFinder) (bool, error) {
	for {
		n, ok := e.scan(s.w.buf[s.w.pos:s.w.end])
		s.noteBreaks(s.w.buf[s.w.pos : s.w.pos+n])
		s.advance(n)
		if ok {
			return true, nil
		}
		if more, err := s.w.more(); !more {
			return false, err
		}
	}
}

// find returns the size of a record, which stays in the window.
func (s *splitter) find(e endFinder) (int, bool, error) {
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

// skipSpace advances to the next byte that is not whitespace. At the end of the
// entry, the window is empty afterwards.
func (s *splitter) skipSpace() error {
	for {
		if n := skipBlank(s.w.buf, s.w.pos) - s.w.pos; n > 0 {
			s.lineStart = s.w.buf[s.w.pos+n-1] == '\n'
			s.noteBreaks(s.w.buf[s.w.pos : s.w.pos+n])
			s.advance(n)
		}
		if s.w.pos < s.w.end {
			return nil
		}
		if more, err := s.w.more(); !more {
			return err
		}
	}
}

// skipSpaceAndMarks is skipSpace that also skips byte order marks, which concatenated
// files have in the middle.
func (s *splitter) skipSpaceAndMarks() error {
	w := &s.w
	for {
		if err := s.skipSpace(); err != nil || w.pos == w.end {
			return err
		}
		for w.buf[w.pos] == byteOrderMark[0] && w.end-w.pos < len(byteOrderMark) {
			if more, err := w.more(); err != nil {
				return err
			} else if !more {
				break
			}
		}
		if !bytes.HasPrefix(w.buf[w.pos:w.end], byteOrderMark) {
			return nil
		}
		s.advance(len(byteOrderMark))
	}
}

// startsValue reports whether a JSON value begins at b[i].
func startsValue(b []byte, i int) bool {
	if !mayStartValue(b[i]) {
		return false
	}
	for _, word := range []string{"true", "false", "null"} {
		if b[i] == word[0] {
			return bytes.HasPrefix(b[i:], []byte(word))
		}
	}
	return true
}

// mayStartValue reports whether c can be the first byte of a JSON value.
func mayStartValue(c byte) bool {
	return c-'0' < 10 || bytes.IndexByte([]byte(`{["-tfn`), c) >= 0
}

// fill reads until n bytes are in the window, or all that there are.
func (s *splitter) fill(n int) error {
	for s.w.end-s.w.pos < n {
		if more, err := s.w.more(); !more {
			return err
		}
	}
	return nil
}

// likeUTF16 reports whether every second byte of b, and no other one, is NUL.
func likeUTF16(b []byte) bool {
	for i, c := range b {
		if (c == 0) != ((i%2 == 0) == (b[0] == 0)) {
			return false
		}
	}
	return len(b) > 3
}

// rejectOtherFormat rejects an entry that does not begin with JSON.
func (s *splitter) rejectOtherFormat(i int) error {
	if s.w.unit == 0 && likeUTF16(s.w.buf[i:min(s.w.end, i+8)]) {
		return s.rejectRest(NotJSON, s.place(i)+": every second byte is NUL: is this UTF-16 without a byte order mark?")
	}
	return s.rejectRest(NotJSON, fmt.Sprintf("%s: found %s where JSON should begin: does this file belong to this feed?", s.place(i), show(s.w.buf[i])))
}
