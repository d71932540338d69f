package record

import (
	"fmt"
	"math/bits"

	"example.com/ingestion/feed"
)

// rows converts rows of delimited text to JSON, one at a time.
type rows struct {
	quotes    feed.Quotes
	delimiter string
	delim     byte     // the delimiter, if dialect is nil
	dialect   *dialect // nil for those that read reads
	noHeader  bool     // the columns are declared, and there is no header row
	comment   []byte   // what begins a line that is not read
	trimmed   bool     // the next row may be a line of dashes
	prefix    [][]byte // what precedes each field: the end of the previous one, and its name
	headerRow []byte   // without its line break
	limit     int      // of a row as JSON, in bytes
	crEnds    bool     // a carriage return alone ends a row
	header    bool     // the row is the header: a carriage return in it sets crEnds
	out       []byte
	size      int  // length of the row in out
	over      bool // the row is larger than limit, and not in out
	fields    int
	backslash bool // a quoted field ends with a backslash
	stray     bool // a field without quotes contains one
	breaks    int  // line breaks inside fields
	// escapedBreaks is how many of them follow an escape character.
	escapedBreaks int
	fault         fault // the first one; none if its reason is empty
	escaped       [6]byte
}

// fieldEnd precedes a field that has no name.
var fieldEnd = []byte(`","`)

// read reads the row at b[i:end], which a NUL follows, and returns the index after its
// line break, or -1 if the row continues after b, which it does not if last is set.
// Afterwards out[:size] is the row without its last bracket.
//
// A field that begins with a quote ends with one, and a quote in it is doubled. In any
// other field, a quote is an ordinary character.
func (t *rows) read(b []byte, i, end int, last bool) int {
	t.fields, t.breaks, t.escapedBreaks, t.over, t.backslash, t.stray = 0, 0, 0, false, false, false
	if t.fault.reason != "" {
		t.fault = fault{}
	}
	if t.dialect != nil {
		return t.readDialect(b, i, end, last)
	}
	delims := uint64(t.delim) * ones
	out, o := t.out, 0
	for {
		p := fieldEnd
		if t.fields < len(t.prefix) {
			p = t.prefix[t.fields]
		}
		t.fields++
		if o+len(p)+16 > len(out) {
			out, o = t.grow(out, o, len(p)+16)
		}
		if len(p) <= 16 && cap(p) >= 16 {
			store(out, o, load(p[:16], 0))
			store(out, o+8, load(p[:16], 8))
			o += len(p)
		} else {
			o += copy(out[o:], p)
		}

		quoted := b[i] == '"' && t.quotes != feed.NoQuotes
		opened := i
		outside := uint64(highs)
		if quoted {
			outside = 0
			i++
		}
	field:
		for {
			if o+16 > len(out) {
				out, o = t.grow(out, o, 16)
			}
			w := load(b, i)
			store(out, o, w)
			stops := textStops(w) | ((w^delims)-ones)&outside
			if stops == 0 {
				i += 8
				o += 8
				continue
			}
			n := bits.TrailingZeros64(stops) >> 3
			i += n
			o += n
			c := b[i]
			if c == t.delim && !quoted {
				i++
				break field
			}
			switch {
			case i == end:
				if !last {
					return -1
				}
				if quoted {
					t.fail(opened, Truncated, "the entry ends inside the quoted field that begins here")
				}
				t.out, t.size = out, o
				return end
			case quoted && c == '"':
				if i++; b[i] == '"' && i < end {
					i++
					o += copy(out[o:], `\"`)
					continue
				}
				if i == end && !last {
					return -1
				}
				t.backslash = t.backslash || b[i-2] == '\\'
				if b[i] == t.delim {
					i++
					break field
				}
				quoted = false
				outside = highs
				if i < end && !t.endsRow(b, i) {
					t.fail(i, InvalidQuote, fmt.Sprintf("found %s after the quote that ends a field, where %q or the end of the row was expected", show(b[i]), t.delim))
				}
				continue
			case quoted:
			case c == '\n':
				t.out, t.size = out, o
				return i + 1
			case c == '\r':
				if i+1 == end && !last {
					return -1
				}
				if b[i+1] == '\n' && i+1 < end {
					t.out, t.size = out, o
					return i + 2
				}
				if t.header {
					t.crEnds = true
				}
				if t.crEnds {
					t.out, t.size = out, o
					return i + 1
				}
			}
			if c >= 0x80 {
				next, bad := runes(b, i)
				if bad >= 0 {
					if bad == end && !last {
						return -1
					}
					t.fail(next, InvalidUTF8, invalidUTF8(b[next]))
					next++
				}
				if o+next-i+16 > len(out) {
					out, o = t.grow(out, o, next-i+16)
				}
				o += copy(out[o:], b[i:next])
				i = next
				continue
			}
			switch c {
			case '\n':
				t.breaks++
			case '"':
				t.stray = true
			}
			o += copy(out[o:], t.escape(c))
			i++
		}
	}
}

// endsRow reports whether a row ends before b[i].
func (t *rows) endsRow(b []byte, i int) bool {
	return b[i] == '\n' || b[i] == '\r' && (b[i+1] == '\n' || t.crEnds || t.header)
}

// fail sets the fault of the row. The first one counts, unless the row turns out to
// contain the rest of the entry.
func (t *rows) fail(at int, reason, text string) {
	if t.fault.reason == "" || reason == Truncated {
		t.fault = fault{at: at, reason: reason, text: text}
	}
}

// grow returns out with space for n more bytes after out[:o]. Above the limit it
// discards the row, which is rejected.
func (t *rows) grow(out []byte, o, n int) ([]byte, int) {
	if o > t.limit {
		t.over = true
		o = 0
	}
	if o+n <= len(out) {
		return out, o
	}
	grown := make([]byte, max(2*len(out), o+n, 4096))
	copy(grown, out[:o])
	t.out = grown
	return grown, o
}

// escape returns the JSON escape of a quote, a backslash or a control character.
func (t *rows) escape(c byte) []byte {
	const hex = "0123456789abcdef"
	var short byte
	switch c {
	case '"', '\\':
		short = c
	case '\b':
		short = 'b'
	case '\f':
		short = 'f'
	case '\n':
		short = 'n'
	case '\r':
		short = 'r'
	case '\t':
		short = 't'
	default:
		t.escaped = [6]byte{'\\', 'u', '0', '0', hex[c>>4], hex[c&15]}
		return t.escaped[:]
	}
	t.escaped[0], t.escaped[1] = '\\', short
	return t.escaped[:2]
}

// quote appends the JSON string of text, which is UTF-8.
func (t *rows) quote(dst []byte, text string) []byte {
	return append(t.appendEscaped(append(dst, '"'), []byte(text)), '"')
}

// appendEscaped appends text, which is UTF-8, as in a JSON string.
func (t *rows) appendEscaped(dst, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c == '"' || c == '\\' {
			dst = append(dst, t.escape(c)...)
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// rowEnd finds the line break that ends a row of any size.
type rowEnd struct {
	delimiter string
	matched   int // bytes of the delimiter before the next byte
	escape    byte
	escaped   bool // the byte before was the escape character
	trim      bool
	noQuotes  bool
	crEnds    bool
	state     rowState
	breaks    int
	cr        bool // the byte before was a carriage return
}

func newRowEnd(t *rows) *rowEnd {
	r := &rowEnd{delimiter: t.delimiter, noQuotes: t.quotes == feed.NoQuotes, crEnds: t.crEnds}
	if t.dialect != nil {
		r.escape, r.trim = t.dialect.esc, t.dialect.trim
	}
	return r
}

type rowState byte

const (
	fieldStart rowState = iota
	inField
	inQuotes
	afterQuotes // or between two quotes
)

func (r *rowEnd) scan(b []byte) (int, bool) {
	for i, c := range b {
		switch {
		case r.escaped:
			r.escaped = false
			if c == '\n' {
				r.breaks++
			}
		case r.escape != 0 && c == r.escape:
			r.escaped = true
			if r.state != inQuotes {
				r.state = inField
			}
		case r.state == inQuotes:
			switch c {
			case '"':
				r.state = afterQuotes
			case '\n':
				r.breaks++
			}
		case c == '"' && r.state != inField && !r.noQuotes:
			r.state = inQuotes
		case c == r.delimiter[r.matched]:
			if r.matched++; r.matched == len(r.delimiter) {
				r.state, r.matched = fieldStart, 0
			} else {
				r.state = inField
			}
		case c == '\n' || c == '\r' && r.crEnds:
			return i, true
		case r.trim && (c == ' ' || c == '\t') && r.state != inField:
			r.matched = 0
		default:
			r.state = inField
			r.matched = 0
			if c == r.delimiter[0] {
				r.matched = 1
			}
		}
		r.cr = c == '\r'
	}
	return len(b), false
}
