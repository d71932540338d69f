package record

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"example.com/ingestion/feed"
)

// fixedWidth splits text whose columns have fixed widths in characters, without a header
// row. Each line becomes an object of strings, without the spaces around the values.
//
// A line may be shorter only in its last column, because editors remove spaces at the end
// of a line, and longer only by spaces: other lines are probably damaged or of another
// layout. Empty lines are skipped.
func (s *splitter) fixedWidth(f feed.Format) error {
	w := &s.w
	s.line = 1
	if len(f.Widths) == 0 || len(f.Widths) != len(f.Columns) {
		return fmt.Errorf("split entry: %d columns with %d widths", len(f.Columns), len(f.Widths))
	}
	t := &fixedRows{widths: f.Widths, comment: []byte(f.Comment)}
	t.name(f.Columns)
	for range f.SkipLines {
		if err := s.skipLine(false); err != nil {
			return err
		}
	}
	for seen, first := 0, true; ; {
		var end, next int
		if n := bytes.IndexByte(w.buf[w.pos+seen:w.end], '\n'); n >= 0 {
			end = w.pos + seen + n
			next = end + 1
		} else {
			seen = w.end - w.pos
			more, err := w.more()
			switch {
			case err != nil:
				return err
			case more:
				continue
			case w.ended():
				end, next = w.end, w.end
			case w.err != nil:
				return s.rejectTruncated("")
			default:
				if err := s.dropWholeLine(); err != nil {
					return err
				}
				seen = 0
				continue
			}
		}
		if first && s.binary(end) {
			return s.rejectBinary()
		}
		first = first && end == w.pos
		if err := s.fixedLine(t, end); err != nil {
			return err
		}
		if next == w.end && w.ended() {
			w.pos = next
			return nil
		}
		w.pos, seen = next, 0
		s.line++
	}
}

// fixedRows converts lines of columns with fixed widths to JSON.
type fixedRows struct {
	rows
	widths  []int
	comment []byte
}

// fixedLine reads the line buf[pos:end].
func (s *splitter) fixedLine(t *fixedRows, end int) error {
	w := &s.w
	if bytes.HasPrefix(w.buf[w.pos:end], byteOrderMark) {
		w.pos += len(byteOrderMark) // of a file that was appended to another
	}
	start := w.pos
	b := bytes.TrimSuffix(w.buf[start:end], []byte("\r"))
	if len(b) == 0 || len(t.comment) > 0 && bytes.HasPrefix(b, t.comment) {
		return nil
	}
	f := fault{at: start}
	switch {
	case len(b) > s.limit:
		f.reason, f.text = TooLarge, s.tooLarge(int64(len(b)))
	case !utf8.Valid(b):
		at := invalidAt(b)
		f = fault{at: start + at, reason: InvalidUTF8, text: invalidUTF8(b[at])}
	default:
		if f.reason, f.text = t.convert(b); f.reason == "" && len(t.out) > s.limit {
			f.reason, f.text = TooLarge, fmt.Sprintf("as JSON the line has more than %d bytes (Limits.MaxRecordBytes)", s.limit)
		}
	}
	if f.reason != "" {
		return s.reject(f, end-start)
	}
	return s.record(t.out, start, end)
}

// convert sets out to the object of the line b, or returns what is wrong with it.
func (t *fixedRows) convert(b []byte) (reason, text string) {
	t.out = t.out[:0]
	for i, width := range t.widths {
		value, rest := cutCharacters(b, width)
		if len(b) == 0 {
			reached := 0
			for _, w := range t.widths[:i] {
				reached += w
			}
			return TooFewFields, fmt.Sprintf("the line has at most %d characters and ends before column %d", reached, i+1)
		}
		if len(rest) == 0 && i < len(t.widths)-1 && utf8.RuneCount(value) < width {
			return TooFewFields, fmt.Sprintf("the line ends in column %d of %d", i+1, len(t.widths))
		}
		b = rest
		t.out = append(t.out, t.prefix[i]...)
		t.out = t.appendEscaped(t.out, bytes.Trim(value, " "))
	}
	if extra := bytes.TrimRight(b, " "); len(extra) > 0 {
		return TooManyFields, fmt.Sprintf("the line has %d more characters after its last column, which are not all spaces", utf8.RuneCount(b))
	}
	t.out = append(t.out, `"}`...)
	return "", ""
}

// cutCharacters cuts b after n characters of UTF-8, or at its end.
func cutCharacters(b []byte, n int) (before, after []byte) {
	i := 0
	for ; n > 0 && i < len(b); n-- {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		_, size := utf8.DecodeRune(b[i:])
		i += size
	}
	return b[:i], b[i:]
}

// invalidAt returns the index of the first byte of b that is not UTF-8.
func invalidAt(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(b)
}
