package record

import (
	"bytes"
	"fmt"
	"strings"
)

// documents splits JSON: a sequence of documents, whether on lines of their
// own or not. Without a path, each element of an array is a record, and so is
// each document that is not an array. With one, each document must be an
// object, and its records are at the path (see path).
//
// A document that is broken costs itself if its brackets tell where it ends,
// and its line where the documents before it had a line each.
func (s *splitter) documents(path string) error {
	w := &s.w
	d := documents{splitter: s}
	if path != "" {
		d.path = strings.Split(path, ".")
	}
	for first := true; ; first = false {
		if err := s.skipSpace(); err != nil {
			return err
		}
		if w.pos == w.end {
			return s.finish()
		}
		for more := first; more && w.end-w.pos < len("false"); {
			var err error
			if more, err = w.more(); err != nil {
				return err
			}
		}
		c := w.buf[w.pos]
		var err error
		switch {
		case first && !startsValue(w.buf, w.pos):
			err = s.rejectForeign(w.pos)
		case d.path != nil && c == '{':
			err = d.object()
		case d.path != nil:
			err = s.rejectRest(PathNotFound, fmt.Sprintf("%s: found %s where an object that leads to %q should begin", s.place(w.pos), show(c), path))
		case c == '[':
			w.pos++
			err = d.array()
		default:
			err = d.document()
		}
		if err != nil {
			return err
		}
	}
}

// documents is a splitter's way through JSON.
type documents struct {
	*splitter
	path      []string
	whole     int64 // documents that were a record
	multiline bool  // one of them had several lines
	// unclosed tells that a broken document's end was sought by its brackets in
	// vain: that is tried once, or many such would make the work quadratic.
	unclosed bool
	again    int64 // bytes of lines that a broken one was read into, to be read again
}

// array reads the elements of an array, whose opening bracket is behind.
func (d *documents) array() error {
	w := &d.w
	for first := true; ; first = false {
		if w.buf[w.pos] <= ' ' {
			if err := d.skipSpace(); err != nil {
				return err
			}
		}
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

// element reads one record at w.pos, up to the comma or the bracket outer behind it.
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
				w.pos = next
				return d.record(v.compact(w.buf, start, end))
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
			return d.rejectCut(fmt.Sprintf("before the %q that closes it", outer))
		default:
			return d.dropElement(outer)
		}
	}
}

// rejectElement rejects an element that is not valid, and the rest of the
// entry if its end cannot be found.
func (d *documents) rejectElement(outer byte) error {
	f := d.v.fault
	detail := d.locate(f)
	f.at -= d.w.pos
	size, ok, err := d.seek(&nesting{outer: outer})
	if err != nil {
		return err
	}
	if !ok {
		return d.rejectRest(f.reason, detail+"; where the next record begins cannot be told")
	}
	f.at += d.w.pos
	return d.reject(f, size)
}

// dropElement goes past an element that the window cannot hold.
func (d *documents) dropElement(outer byte) error {
	d.keep()
	return d.drop(&nesting{outer: outer})
}

// drop rejects the record that is kept as larger than the limit, and the rest
// of the entry with it if its brackets do not tell where it ends.
func (d *documents) drop(n *nesting) error {
	ok, err := d.pass(n)
	switch {
	case err != nil:
		return err
	case ok:
		return d.rejectKept()
	case n.lost:
		return d.rejectRest(TooLarge, fmt.Sprintf("the record has more than %d brackets open at once", maxOpen))
	}
	return d.rejectCut("in the middle of a record")
}

// document reads a document that is a record.
func (d *documents) document() error {
	w, v := &d.w, d.v
	for {
		start := w.pos
		if end := v.value(w.buf, start); end >= 0 {
			next := skipInLine(w.buf, end)
			over := next == w.end && w.ended()
			if over || mayFollow(w.buf, end, next) {
				return d.deliver(end, next)
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
			return d.rejectCut("")
		default:
			return d.dropDocument()
		}
	}
}

// deliver delivers buf[pos:end] and goes on to next.
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
	w.pos = next
	return d.record(d.v.compact(w.buf, start, end))
}

func skipInLine(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\t' || b[i] == '\r' {
		i++
	}
	return i
}

// mayFollow reports whether what is at b[next] may come after a document that
// ended before b[end]. Were it anything, half of a broken document could pass
// for a whole one.
func mayFollow(b []byte, end, next int) bool {
	c := b[next]
	if last := b[end-1]; last == '}' || last == ']' {
		return c == '\n' || c == '{' || c == '['
	}
	return c == '\n' || next > end && startsLike(c)
}

// rejectDocument rejects a document that is not valid.
func (d *documents) rejectDocument() error {
	w := &d.w
	f := d.v.fault
	ended := f.at == w.end
	f.at -= w.pos
	from := 0
	if !d.lineEach() {
		if w.buf[w.pos] == '{' && !d.unclosed {
			size, ok, err := d.seekDocument()
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
	size, ok, err := d.seek(skipFirst{next, &from})
	if err != nil {
		return err
	}
	f.at += w.pos
	switch {
	case ok && f.at > w.pos+size:
		d.again += int64(f.at - w.pos - size)
		f = fault{at: w.pos + size, reason: InvalidJSON, text: "the line ends before the document is complete"}
	case ok:
	case w.ended() && !ended:
	case w.err != nil:
		return d.rejectCut("in the middle of a document")
	default:
		return d.rejectRest(f.reason, d.locate(f)+"; where the next record begins cannot be told")
	}
	return d.reject(f, size)
}

// maxAgain bounds what is read again for the sake of lines that a broken one
// ran into: where every line is so, they are given up with it.
const maxAgain = 64 << 20

// lineEach reports whether the documents so far had a line each.
func (d *documents) lineEach() bool {
	return d.whole > 0 && !d.multiline && d.again < maxAgain
}

// seekDocument finds the end of an object by its brackets, if what follows
// confirms it.
func (d *documents) seekDocument() (int, bool, error) {
	size, ok, err := d.seek(&nesting{})
	if !ok {
		return 0, false, err
	}
	w := &d.w
	for {
		end := w.pos + size
		next := skipInLine(w.buf, end)
		if next < w.end {
			return size, mayFollow(w.buf, end, next), nil
		}
		if more, err := w.more(); !more {
			return size, w.ended(), err
		}
	}
}

// dropDocument goes past a document that the window cannot hold.
func (d *documents) dropDocument() error {
	w := &d.w
	byLine := d.lineEach() || w.buf[w.pos] != '{'
	d.keep()
	if !byLine {
		return d.drop(&nesting{})
	}
	ok, err := d.pass(&nextLine{})
	switch {
	case err != nil:
		return err
	case !ok && !w.ended():
		return d.rejectCut("")
	case ok:
		d.size-- // the line break
	}
	d.kept = d.kept[:min(int64(len(d.kept)), d.size)]
	return d.rejectKept()
}

// nextLine finds the next line that begins an object or an array.
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

// skipFirst lets e begin after some bytes.
type skipFirst struct {
	e    ender
	left *int
}

func (s skipFirst) scan(b []byte) (int, bool) {
	skip := min(*s.left, len(b))
	*s.left -= skip
	n, ok := s.e.scan(b[skip:])
	return skip + n, ok
}
