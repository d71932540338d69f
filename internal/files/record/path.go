package record

import (
	"bytes"
	"fmt"
	"strings"
)

// object reads a document whose records are at the path: the elements of an array, or
// one value that is not null. If a document contains the path twice, both are read. Of the other
// members, only the brackets and strings of objects and arrays are checked.
func (d *documents) object() error {
	w := &d.w
	d.startCapture()
	d.advance(1)
	found, err := d.members(d.path)
	if err != nil || found {
		d.capturing = false
		return err
	}
	r := Rejection{
		Offset: d.capturedAt, Reason: PathNotFound,
		Detail: fmt.Sprintf("byte %d: the document that ends here has no value at %q", w.offset(w.pos), strings.Join(d.path, ".")),
		Raw:    d.captured, RawCut: d.capturedSize > int64(len(d.captured)),
	}
	d.capturing = false
	if err := d.skipSpace(); err != nil {
		return err
	}
	r.Rest = w.pos == w.end
	return d.rejected(r)
}

// members reads the members of an object, after its opening brace, and reports
// whether it has a value at path.
func (d *documents) members(path []string) (bool, error) {
	w := &d.w
	found := false
	for first := true; ; first = false {
		c, err := d.next()
		if err != nil {
			return found, err
		}
		if first && c == '}' {
			d.advance(1)
			return found, nil
		}
		match, err := d.key(path[0])
		if err != nil {
			return found, err
		}
		if c, err = d.next(); err != nil {
			return found, err
		}
		if c != ':' {
			return found, d.invalid("':' after a key")
		}
		d.advance(1)
		if c, err = d.next(); err != nil {
			return found, err
		}
		ok := false
		switch {
		case !mayStartValue(c) && (!d.v.nanAsNull || c != 'N' && c != 'I'):
			return found, d.invalid("a value")
		case match && len(path) > 1 && c == '{':
			d.advance(1)
			ok, err = d.members(path[1:])
		case match && len(path) == 1 && c == 'n': // null: no records
			ok = true
			err = d.skipMember()
		case match && len(path) == 1:
			ok = true
			d.capturing = false
			if c == '[' {
				w.pos++
				err = d.array()
			} else {
				err = d.element('}')
			}
		default:
			err = d.skipMember()
		}
		if err != nil {
			return found, err
		}
		found = found || ok
		if c, err = d.next(); err != nil {
			return found, err
		}
		if c != ',' && c != '}' {
			return found, d.invalid("',' or '}' after a member")
		}
		d.advance(1)
		if c == '}' {
			return found, nil
		}
	}
}

// next advances to the next byte that is not whitespace and returns it.
func (d *documents) next() (byte, error) {
	d.lineStart = false
	if err := d.skipSpace(); err != nil {
		return 0, err
	}
	if d.w.pos == d.w.end {
		return 0, d.rejectTruncated("in the middle of a document")
	}
	return d.w.buf[d.w.pos], nil
}

// key reads a key and reports whether it is name.
func (d *documents) key(name string) (bool, error) {
	if d.w.buf[d.w.pos] != '"' {
		return false, d.invalid("a key in double quotes")
	}
	text, err := d.scalar()
	if err != nil {
		return false, err
	}
	if text == nil {
		return false, d.rejectRest(TooLarge, fmt.Sprintf("%s: a key outside the records has more than %d bytes", d.place(d.w.pos), d.limit))
	}
	text = text[1 : len(text)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		text = unescape(nil, text)
	}
	return string(text) == name, nil
}

// scalar reads a value that is neither an object nor an array. It returns nil, and does
// not advance, if the value is larger than the window.
func (d *documents) scalar() ([]byte, error) {
	w, v := &d.w, d.v
	for {
		end := v.value(w.buf, w.pos)
		if end < 0 && v.fault.at < w.end {
			return nil, d.rejectDocumentFrom(v.fault.reason, d.locate(v.fault), "")
		}
		if end >= 0 && end < w.end {
			text := w.buf[w.pos:end]
			d.advance(len(text))
			return text, nil
		}
		more, err := w.more()
		switch {
		case err != nil:
			return nil, err
		case more:
		case w.err != nil:
			return nil, d.rejectTruncated("in the middle of a document")
		default:
			return nil, nil
		}
	}
}

// skipMember skips the value of a member that is not on the path.
func (d *documents) skipMember() error {
	if c := d.w.buf[d.w.pos]; c != '{' && c != '[' {
		if text, err := d.scalar(); text != nil || err != nil {
			return err
		}
	}
	n := &nesting{outer: '}'}
	ok, err := d.skip(n)
	switch {
	case err != nil:
		return err
	case ok:
		return nil
	case n.lost:
		return d.rejectRest(InvalidJSON, fmt.Sprintf("%s: a value outside the records has more than %d brackets open at once", d.place(d.w.pos), maxOpen))
	}
	return d.rejectTruncated("in the middle of a document")
}

func (d *documents) invalid(want string) error {
	d.v.unexpected(d.w.buf, d.w.pos, want)
	return d.rejectDocumentFrom(InvalidJSON, d.locate(d.v.fault), "")
}
