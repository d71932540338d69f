package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/ingestion/feed"
)

// delimited splits delimited text with a header row, as in RFC 4180 with any
// delimiter: fields may be quoted, with doubled quotes and line breaks in them. Each
// row becomes an object of strings in the order of the header.
//
// A row that is equal to the header row is skipped, because concatenated files have
// one each, and so is the line sep=<delimiter> before the header row, which Excel reads.
//
// Rows end with LF or CRLF, or with CR alone if the first row does. Empty lines are
// skipped, except in an entry with one column: there they are records (RFC 4180 has no
// other text for one empty field).
func (s *splitter) delimited(f feed.Format) error {
	w := &s.w
	s.line = 1
	if f.Delimiter == "" {
		return errors.New("split entry: no delimiter is given")
	}
	t := &rows{
		delimiter: f.Delimiter, delim: f.Delimiter[0], dialect: newDialect(f), quotes: f.Quotes,
		noHeader: f.NoHeader, comment: []byte(f.Comment), limit: s.limit,
	}
	if f.NoHeader {
		t.name(f.Columns)
		t.headerRow = []byte(strings.Join(f.Columns, f.Delimiter))
	}
	for range f.SkipLines {
		if err := s.skipLine(true); err != nil {
			return err
		}
	}
	for first := true; ; {
		t.header = first
		start, next, err := s.nextRow(t)
		if err != nil || next < 0 {
			return err
		}
		switch {
		case t.prefix == nil:
			if other, ok := separatorLine(w.buf[start:next]); ok {
				if string(other) != t.delimiter {
					return s.rejectRest(SuspiciousHeader, fmt.Sprintf("%s: the first line declares the delimiter %q, the feed's is %q", s.place(start), other, t.delimiter))
				}
				break
			}
			if err := s.header(t, f.Columns, next); err != nil {
				return err
			}
			first, t.trimmed = false, f.Trim
		case t.trimmed && underline(w.buf[start:next], t.delimiter):
			t.trimmed = false
		default:
			if first && s.binary(next) {
				return s.rejectBinary()
			}
			first, t.trimmed = false, false
			if err := s.row(t, start, next); err != nil {
				return err
			}
		}
		s.line += int64(t.breaks) + 1
		w.pos = next
	}
}

// nextRow reads the next row that is not empty, buf[start:next]; next is -1 at the
// end of the entry.
func (s *splitter) nextRow(t *rows) (start, next int, err error) {
	w := &s.w
	for {
		if skipped, err := s.skipMarked(t); err != nil {
			return 0, -1, err
		} else if skipped {
			continue
		}
		if skipped := s.skipBreak(t); skipped {
			continue
		}
		last := w.ended()
		if w.pos < w.end {
			if next = t.read(w.buf, w.pos, w.end, last); next >= 0 {
				return w.pos, next, nil
			}
		}
		more, err := w.more()
		switch {
		case err != nil:
			return 0, -1, err
		case more || w.err != nil && !last && w.ended():
		case w.err != nil && w.pos == w.end:
			return 0, -1, s.finish()
		case w.err != nil:
			return 0, -1, s.rejectTruncated("")
		default:
			if err := s.dropRow(t); err != nil {
				return 0, -1, err
			}
		}
	}
}

// skipMarked skips a line that is a comment, and the byte order mark of a file without
// a header row that was appended to another.
func (s *splitter) skipMarked(t *rows) (bool, error) {
	w := &s.w
	if len(t.comment) == 0 && !t.noHeader {
		return false, nil
	}
	if err := s.fill(max(len(t.comment), len(byteOrderMark))); err != nil {
		return false, err
	}
	if t.noHeader && bytes.HasPrefix(w.buf[w.pos:w.end], byteOrderMark) {
		w.pos += len(byteOrderMark)
	}
	if len(t.comment) == 0 || !bytes.HasPrefix(w.buf[w.pos:w.end], t.comment) {
		return false, nil
	}
	return true, s.skipLine(t.crEnds || t.header)
}

// skipLine skips the next line, which crEnds says may end with CR alone.
func (s *splitter) skipLine(crEnds bool) error {
	ok, err := s.skip(anyLineEnd{crEnds})
	if err != nil || !ok {
		return err
	}
	if err := s.fill(2); err != nil {
		return err
	}
	s.w.pos++
	if s.w.buf[s.w.pos-1] == '\r' && s.w.pos < s.w.end && s.w.buf[s.w.pos] == '\n' {
		s.w.pos++
	}
	s.line++
	return nil
}

// anyLineEnd finds the end of a line, which may be CR alone.
type anyLineEnd struct{ crEnds bool }

func (e anyLineEnd) scan(b []byte) (int, bool) {
	if !e.crEnds {
		return lineEnd{}.scan(b)
	}
	if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
		return i, true
	}
	return len(b), false
}

// skipBreak skips the line break of an empty line.
func (s *splitter) skipBreak(t *rows) bool {
	w := &s.w
	if c := w.buf[w.pos]; c != '\n' && c != '\r' {
		return false
	}
	if len(t.prefix) == 1 && !t.header && (!t.crEnds || !bytes.HasPrefix(w.buf[w.pos:w.end], []byte("\r\n"))) {
		return false // a record; with CR CR LF, the row before it ended with the first CR
	}
	n := 0
	switch rest := w.buf[w.pos:w.end]; {
	case bytes.HasPrefix(rest, []byte("\n")):
		n = 1
	case bytes.HasPrefix(rest, []byte("\r\n")):
		n = 2
	case (t.crEnds || t.header) && bytes.HasPrefix(rest, []byte("\r")) && (len(rest) > 1 || w.err != nil):
		n = 1
	}
	w.pos += n
	s.line += int64(min(n, 1))
	return n > 0
}

// row passes on or rejects the row buf[start:next] that t has read.
func (s *splitter) row(t *rows, start, next int) error {
	b := s.w.buf[start:next]
	f := t.fault
	if t.repeatsHeader(b) {
		return nil
	}
	if bytes.HasPrefix(b, byteOrderMark) {
		return s.rejectRest(HeaderMismatch, s.place(start)+": a byte order mark in the middle of the entry, as of another file that was appended, and the row after it is not the header row")
	}
	switch names := len(t.prefix); {
	case f.reason == Truncated:
		return s.rejectRest(Truncated, s.locate(f))
	case f.reason != "":
	case t.fields > names:
		f = fault{at: start, reason: TooManyFields, text: fmt.Sprintf("the row has %d fields, the header %d", t.fields, names)}
	case t.fields < names:
		f = fault{at: start, reason: TooFewFields, text: fmt.Sprintf("the row has %d fields, the header %d", t.fields, names)}
	case t.breaks > t.escapedBreaks && t.quotes != feed.TrustQuotes && t.linesLikeRows(b):
		f = fault{at: start, reason: SuspiciousQuote, text: fmt.Sprintf("the row has %d lines with %d delimiters each, as rows have: are its quotes ordinary characters? If so, the feed's format is CSV(…).NoQuotes(), if not, CSV(…).TrustQuotes()", t.breaks+1, names-1)}
	case t.backslash && t.stray && t.quotes == "":
		f = fault{at: start, reason: SuspiciousQuote, text: "a quoted field ends with a backslash, and another field contains a quote: quotes in a quoted field are doubled, not escaped with a backslash. If they are escaped, the feed's format is CSV(…).Escape('\\\\'); if the row is right, it is CSV(…).TrustQuotes()"}
	case len(b) > s.limit && len(b)-lineBreak(b) > s.limit:
		f = fault{at: start, reason: TooLarge, text: s.tooLarge(int64(len(b) - lineBreak(b)))}
	case t.over || t.size+2 > s.limit:
		f = fault{at: start, reason: TooLarge, text: fmt.Sprintf("as JSON the row has more than %d bytes (Limits.MaxRecordBytes)", s.limit)}
	default:
		return s.record(append(t.out[:t.size], `"}`...), start, next)
	}
	return s.reject(f, next-start)
}

// linesLikeRows reports whether each line of the row b has as many delimiters as a
// row has, be they inside quotes or not. Text in the second of two columns may have
// two such lines by chance.
func (t *rows) linesLikeRows(b []byte) bool {
	delimiters := len(t.prefix) - 1
	if delimiters == 0 || delimiters == 1 && t.breaks < 2 {
		return false
	}
	for line := range bytes.Lines(b[:len(b)-lineBreak(b)]) {
		if bytes.Count(line, []byte(t.delimiter)) != delimiters {
			return false
		}
	}
	return true
}

func lineBreak(b []byte) int {
	switch {
	case bytes.HasSuffix(b, []byte("\r\n")):
		return 2
	case bytes.HasSuffix(b, []byte("\n")), bytes.HasSuffix(b, []byte("\r")):
		return 1
	}
	return 0
}

// dropRow rejects a row that is larger than the window.
func (s *splitter) dropRow(t *rows) error {
	if t.prefix == nil {
		if s.binary(s.w.end) {
			return s.rejectBinary()
		}
		return s.rejectRest(TooLarge, fmt.Sprintf("line %d: the header row has more than %d bytes", s.line, s.limit))
	}
	s.startCapture()
	end := newRowEnd(t)
	ok, err := s.skip(end)
	switch {
	case err != nil:
		return err
	case !ok && (!s.w.ended() || end.state == inQuotes):
		return s.rejectTruncated("in the middle of a row")
	}
	if end.cr {
		s.capturedSize--
		s.captured = s.captured[:min(int64(len(s.captured)), s.capturedSize)]
	}
	if err := s.rejectCaptured(); err != nil {
		return err
	}
	s.line += int64(end.breaks)
	return nil
}

// header sets the names of the fields from the header row buf[pos:next] that t has read.
func (s *splitter) header(t *rows, columns []string, next int) error {
	if s.binary(next) {
		return s.rejectBinary()
	}
	if t.fault.reason != "" {
		return s.rejectRest(t.fault.reason, s.locate(t.fault)+"; it is in the header row, so no row can be read")
	}
	if t.over {
		return s.rejectRest(TooLarge, fmt.Sprintf("line %d: the header row has more than %d bytes", s.line, s.limit))
	}
	if t.fields > s.maxColumns { // before each name is allocated
		return s.rejectRest(TooManyColumns, fmt.Sprintf("line %d: the header row has %d columns, the limit is %d (Limits.MaxColumns)", s.line, t.fields, s.maxColumns))
	}
	// The row is `","a","b` in t.out, because no field has a name yet.
	var names []string
	if err := json.Unmarshal(append(append([]byte("["), t.out[2:t.size]...), `"]`...), &names); err != nil {
		return errors.Join(errors.New("split entry: header row"), err)
	}
	if len(columns) > 0 && !slices.Equal(columns, names) {
		return s.rejectRest(HeaderMismatch, fmt.Sprintf("line %d: the header row has %s, the feed's columns are %s", s.line, list(names), list(columns)))
	}
	if len(columns) == 0 {
		if reason, problem := headerProblem(s.w.buf[s.w.pos:next], names, t.delimiter); reason != "" {
			return s.rejectRest(reason, s.place(s.w.pos)+": "+problem+"; to read its first row as a header row, declare the feed's columns")
		}
	}
	row := s.w.buf[s.w.pos:next]
	t.headerRow = bytes.Clone(row[:len(row)-lineBreak(row)])
	t.name(columnNames(names))
	return nil
}

// binary reports whether the header row, up to buf[end], contains a NUL.
func (s *splitter) binary(end int) bool {
	return bytes.IndexByte(s.w.buf[s.w.pos:end], 0) >= 0
}

func (s *splitter) rejectBinary() error {
	at := s.w.pos + bytes.IndexByte(s.w.buf[s.w.pos:s.w.end], 0)
	return s.rejectRest(NotDelimitedText, s.place(at)+": found byte 0x00 in the header row: this is neither text in UTF-8 nor in UTF-16 with a byte order mark")
}

// list formats names for a message, at most 100.
func list(names []string) string {
	const most = 100
	text := strconv.Itoa(len(names)) + " ("
	for i, n := range names {
		switch {
		case i == most:
			return text + ", …)"
		case i > 0:
			text += ", "
		}
		text += strconv.Quote(string(clip([]byte(n))))
	}
	return text + ")"
}

// name sets the names of the fields, as what precedes each field in the JSON object.
func (t *rows) name(names []string) {
	for i, n := range names {
		p := make([]byte, 0, 16+len(n))
		if i == 0 {
			p = append(p, '{')
		} else {
			p = append(p, `",`...)
		}
		t.prefix = append(t.prefix, append(t.quote(p, n), ':', '"'))
	}
}

// columnNames makes the names of a header row unique: an empty one becomes
// column_<n>, where n is its position from 1; of several equal ones, the first keeps
// its name and the next become <name>_2, <name>_3 and so on, without the names that
// the header contains already.
func columnNames(header []string) []string {
	taken := make(map[string]bool, len(header))
	for _, n := range header {
		taken[n] = true
	}
	used := make(map[string]bool, len(header))
	last := make(map[string]int)
	names := make([]string, len(header))
	for i, n := range header {
		own := !used[n]
		used[n] = true
		if n == "" {
			n = "column_" + strconv.Itoa(i+1)
			own = !taken[n]
		}
		name := n
		for k := max(last[n], 1); !own; own = !taken[name] {
			k++
			last[n] = k
			name = n + "_" + strconv.Itoa(k)
		}
		taken[name] = true
		names[i] = name
	}
	return names
}
