package shape

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"example.com/ingestion/internal/files/record"
)

// member is one member of an object.
type member struct {
	key   []byte  // as in the source, with its quotes
	value []byte  // as in the source; unused if object is set
	inner *object // the value, if an operation has named one of its fields
	// escaped means that the key contains escapes.
	escaped bool
}

// object is an object whose members are known.
type object struct {
	members []member
}

// segment is one key of a path.
type segment struct {
	name    []byte // decoded
	encoded []byte // as a JSON string
	escaped bool   // encoded contains escapes
	last    int    // the index at which it was found last
}

// objects keeps objects for reuse by the next record.
type objects struct {
	list []*object
	used int
}

func (o *objects) reset() { o.used = 0 }

func (o *objects) get() *object {
	if o.used == len(o.list) {
		o.list = append(o.list, &object{})
	}
	next := o.list[o.used]
	o.used++
	next.members = next.members[:0]
	return next
}

// parse divides an object, which is valid and compact, into its members.
func (o *object) parse(b []byte) {
	for i := 1; i < len(b) && b[i] != '}'; {
		if b[i] == ',' {
			i++
		}
		colon, escaped := endOfString(b, i)
		end := endOfValue(b, colon+1)
		o.members = append(o.members, member{key: b[i:colon:colon], value: b[colon+1 : end : end], escaped: escaped})
		i = end
	}
}

// endOfString returns the index after the string that begins at b[i], and whether the
// string contains escapes.
func endOfString(b []byte, i int) (end int, escaped bool) {
	for i++; ; {
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			if stops := equal(w, '"') | equal(w, '\\'); stops != 0 {
				i += bits.TrailingZeros64(stops) >> 3
				break
			}
			i += 8
		}
		switch b[i] {
		case '"':
			return i + 1, escaped
		case '\\':
			escaped = true
			i += 2
		default:
			i++
		}
	}
}

// equal returns a word whose lowest bit, if any, is in the first byte of w that is c.
func equal(w uint64, c byte) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	w ^= uint64(c) * ones
	return (w - ones) &^ w & highs
}

// endOfValue returns the index after the value that begins at b[i].
func endOfValue(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			end, _ := endOfString(b, i)
			if depth == 0 {
				return end
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// find returns the index of a member, or -1.
func (o *object) find(s *segment) int {
	if s.last < len(o.members) && o.members[s.last].is(s) {
		return s.last
	}
	for i := range o.members {
		m := &o.members[i]
		if (m.escaped || len(m.key) == len(s.encoded)) && m.is(s) {
			s.last = i
			return i
		}
	}
	return -1
}

func (m *member) is(s *segment) bool {
	if !m.escaped {
		return bytes.Equal(m.key, s.encoded)
	}
	return bytes.Equal(record.AppendUnescaped(nil, m.key[1:len(m.key)-1]), s.name)
}

func (o *object) remove(i int) {
	o.members = append(o.members[:i], o.members[i+1:]...)
}

// open returns the object that is the value of a member, or nil if it is none.
func (m *member) open(pool *objects) *object {
	if m.inner == nil && m.value[0] == '{' {
		m.inner = pool.get()
		m.inner.parse(m.value)
	}
	return m.inner
}

// append appends the object as JSON to dst.
func (o *object) append(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range o.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, o.members[i].key...)
		dst = append(dst, ':')
		dst = o.members[i].append(dst)
	}
	return append(dst, '}')
}

func (m *member) append(dst []byte) []byte {
	if m.inner != nil {
		return m.inner.append(dst)
	}
	return append(dst, m.value...)
}

// appendString appends text, which is UTF-8, as a JSON string to dst.
func appendString(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
