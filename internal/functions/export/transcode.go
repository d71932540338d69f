package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// errImage means that an image is not in DynamoDB's wire form.
var errImage = errors.New("not an attribute value of DynamoDB")

// decoder transcodes DynamoDB's wire form, {"S":"x"}, to plain JSON, "x". Strings and
// numbers are copied unchanged: no digit of a number is lost, and escapes are kept.
type decoder struct {
	src, dst []byte
	pos      int
}

// attributes transcodes the attributes of the item at pos and calls each with an
// attribute's name and the span of its value in dst. Names are not unescaped: those of
// the store have no escapes.
func (d *decoder) attributes(each func(name []byte, value span)) error {
	return d.object(func() error {
		name, err := d.name()
		if err != nil {
			return err
		}
		start := len(d.dst)
		if err := d.value(); err != nil {
			return fmt.Errorf("attribute %.80s: %w", name, err)
		}
		each(name[1:len(name)-1], span{start, len(d.dst)})
		return nil
	})
}

// span is a range of a buffer, from (inclusive) to (exclusive).
type span struct{ from, to int }

// value transcodes the attribute value at pos: sets become arrays, binary
// values strings in base64.
func (d *decoder) value() error {
	d.space()
	if !d.take('{') {
		return d.malformed("an opening brace")
	}
	kind, err := d.name()
	if err != nil {
		return err
	}
	switch string(kind) {
	case `"S"`, `"B"`:
		err = d.copyString()
	case `"N"`:
		err = d.number()
	case `"BOOL"`:
		err = d.boolean()
	case `"NULL"`:
		err = d.null()
	case `"L"`:
		err = d.array(d.value)
	case `"M"`:
		err = d.members()
	case `"SS"`, `"BS"`:
		err = d.array(d.copyString)
	case `"NS"`:
		err = d.array(d.number)
	default:
		return fmt.Errorf("%w: type %s at byte %d is unknown", errImage, kind, d.pos)
	}
	if err != nil {
		return err
	}
	d.space()
	if !d.take('}') {
		return d.malformed("a closing brace")
	}
	return nil
}

// object calls member at the name of each member of the object at pos.
func (d *decoder) object(member func() error) error {
	return d.sequence('{', '}', member)
}

func (d *decoder) sequence(open, end byte, element func() error) error {
	d.space()
	if !d.take(open) {
		return d.malformed(string(open))
	}
	d.space()
	if d.take(end) {
		return nil
	}
	for {
		d.space()
		if err := element(); err != nil {
			return err
		}
		d.space()
		if d.take(end) {
			return nil
		}
		if !d.take(',') {
			return d.malformed("a comma or " + string(end))
		}
	}
}

func (d *decoder) members() error {
	d.dst = append(d.dst, '{')
	first := true
	err := d.object(func() error {
		d.separate(&first)
		name, err := d.name()
		if err != nil {
			return err
		}
		d.dst = append(append(d.dst, name...), ':')
		return d.value()
	})
	d.dst = append(d.dst, '}')
	return err
}

func (d *decoder) array(element func() error) error {
	d.dst = append(d.dst, '[')
	first := true
	err := d.sequence('[', ']', func() error {
		d.separate(&first)
		return element()
	})
	d.dst = append(d.dst, ']')
	return err
}

func (d *decoder) separate(first *bool) {
	if !*first {
		d.dst = append(d.dst, ',')
	}
	*first = false
}

// name reads a member's name and the colon after it.
func (d *decoder) name() ([]byte, error) {
	name, err := d.text()
	if err != nil {
		return nil, err
	}
	d.space()
	if !d.take(':') {
		return nil, d.malformed("a colon")
	}
	d.space()
	return name, nil
}

// text reads the string at pos and returns it with its quotes. encoding/json has
// validated it.
func (d *decoder) text() ([]byte, error) {
	d.space()
	start := d.pos
	if !d.take('"') {
		return nil, d.malformed("a string")
	}
	for {
		n := bytes.IndexByte(d.src[d.pos:], '"')
		if n < 0 {
			d.pos = len(d.src)
			return nil, d.malformed("a closing quote")
		}
		d.pos += n + 1
		if !escaped(d.src[start+1 : d.pos-1]) {
			return d.src[start:d.pos], nil
		}
	}
}

// escaped reports whether s ends in an odd number of backslashes.
func escaped(s []byte) bool {
	n := len(s)
	for n > 0 && s[n-1] == '\\' {
		n--
	}
	return (len(s)-n)%2 == 1
}

func (d *decoder) copyString() error {
	s, err := d.text()
	d.dst = append(d.dst, s...)
	return err
}

// number copies a number without its quotes. DynamoDB returns numbers that are valid
// JSON; anything else would make the whole line invalid.
func (d *decoder) number() error {
	s, err := d.text()
	if err != nil {
		return err
	}
	n := s[1 : len(s)-1]
	// Only a number starts with these characters in JSON; then no white space is at its end.
	if len(n) == 0 || n[0] != '-' && !isDigit(n[0]) || !isDigit(n[len(n)-1]) || !json.Valid(n) {
		return fmt.Errorf("%w: %.60s at byte %d is no number", errImage, s, d.pos)
	}
	d.dst = append(d.dst, n...)
	return nil
}

func isDigit(c byte) bool { return c-'0' < 10 }

func (d *decoder) boolean() error {
	for _, literal := range []string{"true", "false"} {
		if d.literal(literal) {
			d.dst = append(d.dst, literal...)
			return nil
		}
	}
	return d.malformed("true or false")
}

func (d *decoder) null() error {
	if !d.literal("true") { // the only value of the type
		return d.malformed("true")
	}
	d.dst = append(d.dst, "null"...)
	return nil
}

func (d *decoder) literal(s string) bool {
	d.space()
	if !bytes.HasPrefix(d.src[d.pos:], []byte(s)) {
		return false
	}
	d.pos += len(s)
	return true
}

func (d *decoder) take(c byte) bool {
	if d.pos < len(d.src) && d.src[d.pos] == c {
		d.pos++
		return true
	}
	return false
}

func (d *decoder) space() {
	for d.pos < len(d.src) {
		switch d.src[d.pos] {
		case ' ', '\t', '\r', '\n':
			d.pos++
		default:
			return
		}
	}
}

func (d *decoder) malformed(expected string) error {
	if d.pos >= len(d.src) {
		return fmt.Errorf("%w: it ends where %s was expected", errImage, expected)
	}
	return fmt.Errorf("%w: byte %d is %q where %s was expected", errImage, d.pos, d.src[d.pos], expected)
}
