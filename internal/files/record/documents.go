package record

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// documents splits JSON: a sequence of documents, on separate lines or not. Without a
// path, each element of an array is a record, and so is each document that is not an
// array. With one, each document must be an object, and its records are at the path
// (see object).
//
// Of an invalid document only that document is rejected if its brackets show where it
// ends, or what precedes the next line with a document if each document before it was
// on a separate line.
func (s *splitter) documents(path string) error {
	w := &s.w
	d := documents{splitter: s}
	if path != "" {
		d.path = strings.Split(path, ".")
	}
	for first := true; ; first = false {
		if err := s.skipSpaceAndMarks(); err != nil {
			return err
		}
		if w.pos == w.end {
			return s.finish()
		}
		if first {
			if err := s.fill(8); err != nil {
				return err
			}
		}
		c := w.buf[w.pos]
		d.breaks = false
		var err error
		switch {
		case first && (!startsValue(w.buf, w.pos) || bytes.IndexByte(w.buf[w.pos:min(w.end, w.pos+4)], 0) >= 0):
			err = s.rejectOtherFormat(w.pos)
		case d.path != nil && c == '{':
			if err = d.object(); err == nil {
				d.complete()
			}
		case d.path != nil:
			err = s.rejectRest(PathNotFound, fmt.Sprintf("%s: found %s where an object that leads to %q should begin", s.place(w.pos), show(c), path))
		case c == '[':
			w.pos++
			if err = d.array(); err == nil {
				d.complete()
			}
		default:
			err = d.document()
		}
		if err != nil && !errors.Is(err, errNextLine) {
			return err
		}
	}
}

// documents is a splitter of JSON.
type documents struct {
	*splitter
	path      []string
	whole     int64 // number of complete documents
	multiline bool  // one of them had more than one line
	// unclosed means that the end of an invalid document could not be found by its
	// brackets. That is tried once, because many such documents would make the work
	// quadratic.
	unclosed bool
	reread   int64 // bytes that were read as a part of an invalid document and then again
}

// complete counts a document, before which breaks was reset.
func (d *documents) complete() {
	d.whole++
	d.multiline = d.multiline || d.breaks
}

// errNextLine continues with the document on the next line after an invalid one.
var errNextLine = errors.New("the document was rejected")

// rejectDocumentFrom rejects an invalid document from captured bytes or w.pos on: up to
// the next line that begins with an object or an array if each document before it was
// on a separate line, and otherwise the rest of the entry, to whose detail why is added.
func (d *documents) rejectDocumentFrom(reason, detail, why string) error {
	if !d.capturing {
		d.startCapture()
	}
	if d.onePerLine() {
		c := d.w.buf[d.w.pos]
		ok := d.lineStart && (c == '{' || c == '[') // the next document is where the end of this one was expected
		var err error
		if !ok {
			ok, err = d.skip(&nextLine{})
		}
		if err != nil {
			return err
		}
		if ok {
			raw := bytes.TrimRight(d.captured, " \t\r\n")
			err = d.rejected(Rejection{
				Offset: d.capturedAt, Reason: reason, Detail: detail, Raw: raw, RawCut: d.capturedSize > int64(len(d.captured)),
			})
			return cmp.Or(err, errNextLine)
		}
	}
	return d.rejectRest(reason, detail+why)
}

// array reads the elements of an array, after its opening bracket.
func (d *documents) array() error {
	w := &d.w
	for first := true; ; first = false {
		if w.buf[w.pos] <= ' ' {
			if err := d.skipSpace(); err != nil {
				return err
			}
		}
		d.lineStart = false
		if !first || w.buf[w.pos] != ']' {
			if err := d.element(']'); err != nil {
				return err
			}
		}
		w.pos++
		if w.buf[w.pos-1] == ']' {
			return nil
		}
	}
}

// element reads the record at w.pos, up to the comma or the bracket outer after it.
func (d *documents) element(outer byte) error {
	w, v := &d.w, d.v
	for {
		start := w.pos
		if end := v.value(w.buf, start); end >= 0 {
			next := skipBlank(w.buf, end)
			if c := w.buf[next]; c == ',' || c == outer {
				if end-start > d.limit {
					return d.reject(fault{at: start, reason: TooLarge, text: d.tooLarge(int64(end - start))}, next-start)
				}
				if v.spaced || next > end {
					d.noteBreaks(w.buf[start:next])
				}
				if err := d.record(v.compact(w.buf, start, end), start, end); err != nil {
					return err
				}
				w.pos = next
				return nil
			}
			v.unexpected(w.buf, next, "',' or '"+string(rune(outer))+"'")
		}
		if v.fault.at < w.end {
			return d.rejectElement(outer)
		}
		more, err := w.more()
		switch {
		case err != nil:
			return err
		case more:
		case w.err != nil:
			return d.rejectTruncated(fmt.Sprintf("before the %q that closes it", outer))
		default:
			return d.dropElement(outer)
		}
	}
}

// rejectElement rejects an invalid element, or the rest of the entry if its end
// cannot be found.
func (d *documents) rejectElement(outer byte) error {
	f := d.v.fault
	detail := d.locate(f)
	f.at -= d.w.pos
	size, ok, err := d.find(&nesting{outer: outer})
	if err != nil {
		return err
	}
	if !ok {
		return d.rejectDocumentFrom(f.reason, detail, "; the start of the next record cannot be found")
	}
	f.at += d.w.pos
	return d.reject(f, size)
}

// dropElement rejects an element that is larger than the window.
func (d *documents) dropElement(outer byte) error {
	d.startCapture()
	return d.drop(&nesting{outer: outer})
}

// drop rejects the captured record as larger than the limit, or the rest of the entry
// if its brackets do not show where the record ends.
func (d *documents) drop(n *nesting) error {
	ok, err := d.skip(n)
	switch {
	case err != nil:
		return err
	case ok:
		return d.rejectCaptured()
	case n.lost:
		return d.rejectRest(TooLarge, fmt.Sprintf("the record has more than %d brackets open at once", maxOpen))
	}
	return d.rejectTruncated("in the middle of a record")
}

// document reads a document that is a record.
func (d *documents) document() error {
	w, v := &d.w, d.v
	for {
		start := w.pos
		if end := v.value(w.buf, start); end >= 0 {
			next := skipInLine(w.buf, end)
			atEnd := next == w.end && w.ended()
			if atEnd || canFollow(w.buf, end, next) {
				return d.deliver(end, next)
			}
			if w.buf[next] == byteOrderMark[0] && w.end-next < len(byteOrderMark) {
				next = w.end // more bytes are needed
			}
			v.unexpected(w.buf, next, "the end of the line or another document")
		}
		if v.fault.at < w.end {
			return d.rejectDocument()
		}
		open := w.err == nil
		more, err := w.more()
		switch {
		case err != nil:
			return err
		case more, open && w.ended():
		case w.ended():
			return d.rejectDocument()
		case w.err != nil:
			return d.rejectTruncated("")
		default:
			return d.dropDocument()
		}
	}
}

// deliver passes on the record buf[pos:end] and advances to next.
func (d *documents) deliver(end, next int) error {
	w := &d.w
	start := w.pos
	if end-start > d.limit {
		return d.reject(fault{at: start, reason: TooLarge, text: d.tooLarge(int64(end - start))}, next-start)
	}
	d.whole++
	if d.v.spaced && bytes.IndexByte(w.buf[start:end], '\n') >= 0 {
		d.multiline = true
	}
	if err := d.record(d.v.compact(w.buf, start, end), start, end); err != nil {
		return err
	}
	w.pos = next
	return nil
}

func skipInLine(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\t' || b[i] == '\r' {
		i++
	}
	return i
}

// canFollow reports whether the byte b[next] may follow a document that ends before
// b[end]. If any byte could, a part of an invalid document would be treated as a
// document.
func canFollow(b []byte, end, next int) bool {
	c := b[next]
	if bytes.HasPrefix(b[next:], byteOrderMark) {
		return true
	}
	if last := b[end-1]; last == '}' || last == ']' {
		return c == '\n' || c == '{' || c == '['
	}
	return c == '\n' || next > end && mayStartValue(c)
}

// rejectDocument rejects an invalid document.
func (d *documents) rejectDocument() error {
	w := &d.w
	f := d.v.fault
	ended := f.at == w.end
	f.at -= w.pos
	from := 0
	if !d.onePerLine() {
		if w.buf[w.pos] == '{' && !d.unclosed {
			size, ok, err := d.findDocument()
			if err != nil {
				return err
			}
			if ok {
				f.at += w.pos
				return d.reject(f, size)
			}
			d.unclosed = true
		}
		from = max(f.at-1, 0)
	}
	next := &nextLine{}
	size, ok, err := d.find(skipFirst{next, &from})
	if err != nil {
		return err
	}
	f.at += w.pos
	switch {
	case ok && f.at > w.pos+size:
		d.reread += int64(f.at - w.pos - size)
		f = fault{at: w.pos + size, reason: InvalidJSON, text: "the line ends before the document is complete"}
	case ok:
	case w.ended() && !ended:
	case w.err != nil:
		return d.rejectTruncated("in the middle of a document")
	default:
		return d.rejectRest(f.reason, d.locate(f)+"; the start of the next record cannot be found")
	}
	return d.reject(f, size)
}

// maxReread bounds the bytes that are read again because an invalid document
// extended to later lines; after that, the lines are rejected with the document.
const maxReread = 64 << 20

// onePerLine reports whether each document so far was on a separate line.
func (d *documents) onePerLine() bool {
	return d.whole > 0 && !d.multiline && d.reread < maxReread
}

// findDocument finds the end of an object by its brackets, if the next byte can
// follow a document.
func (d *documents) findDocument() (int, bool, error) {
	size, ok, err := d.find(&nesting{})
	if !ok {
		return 0, false, err
	}
	w := &d.w
	for {
		end := w.pos + size
		next := skipInLine(w.buf, end)
		if next < w.end {
			return size, canFollow(w.buf, end, next), nil
		}
		if more, err := w.more(); !more {
			return size, w.ended(), err
		}
	}
}

// dropDocument rejects a document that is larger than the window.
func (d *documents) dropDocument() error {
	w := &d.w
	byLine := d.onePerLine() || w.buf[w.pos] != '{'
	d.startCapture()
	if !byLine {
		return d.drop(&nesting{})
	}
	ok, err := d.skip(&nextLine{})
	switch {
	case err != nil:
		return err
	case !ok && !w.ended():
		return d.rejectTruncated("")
	case ok:
		d.capturedSize-- // the line break
	}
	d.captured = d.captured[:min(int64(len(d.captured)), d.capturedSize)]
	return d.rejectCaptured()
}

// nextLine finds the next line that begins with an object or an array.
type nextLine struct {
	broken bool // the byte before was a line break
}

func (n *nextLine) scan(b []byte) (int, bool) {
	for i := 0; i < len(b); i++ {
		if n.broken && (b[i] == '{' || b[i] == '[') {
			return i, true
		}
		if n.broken = b[i] == '\n'; n.broken {
			continue
		}
		k := bytes.IndexByte(b[i:], '\n')
		if k < 0 {
			break
		}
		i += k - 1
	}
	return len(b), false
}

// skipFirst applies e after the first left bytes.
type skipFirst struct {
	e    endFinder
	left *int
}

func (s skipFirst) scan(b []byte) (int, bool) {
	skip := min(*s.left, len(b))
	*s.left -= skip
	n, ok := s.e.scan(b[skip:])
	return skip + n, ok
}
