package record

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// maxNesting is how deep arrays and objects may nest, as in encoding/json.
const maxNesting = 10_000

// fault is why a value is not valid, and where in the buffer.
type fault struct {
	at     int
	reason string
	text   string
	// A byte that is not what it should be, instead of a text: made into one
	// only if it is told, as the end of the buffer looks like that too.
	found byte
	want  string
}

func (f fault) String() string {
	if f.want == "" {
		return f.text
	}
	return fmt.Sprintf("found %s where %s should be", show(f.found), f.want)
}

// validator checks one JSON value at a time and drops the whitespace outside
// its strings. Its methods take a buffer that ends in NUL (see window) and the
// index to begin at; they return the index behind what they read, or -1 with
// fault set. A fault at the index of that NUL means: more bytes are needed.
type validator struct {
	fault  fault
	keys   keys
	shapes shapes
	out    []byte // the value without whitespace, up to b[copied]
	copied int
	spaced bool // there was whitespace: out is in use
}

func newValidator() *validator {
	return &validator{shapes: newShapes()}
}

// value checks the value that begins at b[i].
func (v *validator) value(b []byte, i int) int {
	v.spaced = false
	v.copied = i
	v.keys.reset()
	v.shapes.renew()
	return v.any(b, i, 0, topLevel)
}

// compact returns the value that value found in b[start:end]: a part of b if
// it holds no whitespace.
func (v *validator) compact(b []byte, start, end int) []byte {
	if !v.spaced {
		return b[start:end:end]
	}
	v.out = append(v.out, b[v.copied:end]...)
	v.copied = end
	return v.out
}

// any checks a value of depth enclosing objects and arrays, which belongs to
// the key of shape outer.
func (v *validator) any(b []byte, i, depth int, outer int32) int {
	switch c := b[i]; {
	case c == '"':
		i, _ = v.str(b, i+1)
		return i
	case c == '{':
		return v.object(b, i+1, depth+1, outer)
	case c == '[':
		return v.array(b, i+1, depth+1, outer)
	case c-'0' < 10 || c == '-':
		return v.number(b, i)
	case c == 't':
		return v.literal(b, i, "true")
	case c == 'f':
		return v.literal(b, i, "false")
	case c == 'n':
		return v.literal(b, i, "null")
	}
	return v.unexpected(b, i, "a value")
}

func (v *validator) object(b []byte, i, depth int, outer int32) int {
	if depth > maxNesting {
		return v.tooDeep(i - 1)
	}
	if b[i] <= ' ' {
		i = v.space(b, i)
	}
	if b[i] == '}' {
		return i + 1
	}
	o := members{outer: outer, set: keySet{first: len(v.keys.list)}}
	for {
		if b[i] != '"' {
			return v.unexpected(b, i, "a key in double quotes")
		}
		i++
		if n := v.shapes.find(b, i, o.expect(&v.shapes)); n != 0 {
			o.last = n
			i += len(v.shapes.list[n].text)
		} else if i = v.newKey(b, i, &o); i < 0 {
			return -1
		}
		if b[i] <= ' ' {
			i = v.space(b, i)
		}
		switch c := b[i]; { // what most members are, without a detour
		case c == '"':
			i, _ = v.str(b, i+1)
		case c-'0' < 10:
			i = v.number(b, i)
		default:
			i = v.any(b, i, depth, o.last)
		}
		if i < 0 {
			return -1
		}
		if b[i] <= ' ' {
			i = v.space(b, i)
		}
		if b[i] != ',' {
			break
		}
		i++
		if b[i] <= ' ' {
			i = v.space(b, i)
		}
	}
	if b[i] != '}' {
		return v.unexpected(b, i, "',' or '}' after a member")
	}
	if o.last == elsewhere {
		if at := v.keys.close(b, o.set); at >= 0 {
			end, _ := v.str(b, at)
			return v.duplicate(b, at, end-1)
		}
	}
	return i + 1
}

// members is what is known of an object whose members are being read.
type members struct {
	outer int32  // the shape of the key that the object is the value of
	last  int32  // the shape of its last key; elsewhere if its keys are in set
	set   keySet // its keys, once they are not those of a shape
}

// expect is the first shape that the next key may have.
func (o *members) expect(s *shapes) int32 {
	if o.last == 0 {
		return s.list[o.outer].inner
	}
	return s.list[o.last].next
}

// newKey checks the key at b[i:] and the colon behind it. It learns the key,
// or goes on without shapes until the end of the object.
func (v *validator) newKey(b []byte, i int, o *members) int {
	start := i
	i, escaped := v.str(b, start)
	if i < 0 {
		return -1
	}
	end := i - 1
	if b[i] <= ' ' {
		i = v.space(b, i)
	}
	if b[i] != ':' {
		return v.unexpected(b, i, "':' after a key")
	}
	i++
	if o.last != elsewhere {
		if !escaped && v.shapes.has(b[start:end], o.last) {
			return v.duplicate(b, start, end)
		}
		if !escaped && i == end+2 {
			if n := v.shapes.learn(b[start:i], o.last, o.outer); n != 0 {
				o.last = n
				return i
			}
		}
		for n := o.last; n != 0; n = v.shapes.list[n].prior {
			from := len(v.keys.kept)
			v.keys.kept = append(v.keys.kept, v.shapes.key(n)...)
			v.keys.addKept(b, from, 0, &o.set)
		}
		o.last = elsewhere
	}
	if !v.keys.add(b, start, end, escaped, &o.set) {
		return v.duplicate(b, start, end)
	}
	return i
}

func (v *validator) array(b []byte, i, depth int, outer int32) int {
	if depth > maxNesting {
		return v.tooDeep(i - 1)
	}
	if b[i] <= ' ' {
		i = v.space(b, i)
	}
	if b[i] == ']' {
		return i + 1
	}
	for {
		if i = v.any(b, i, depth, outer); i < 0 {
			return -1
		}
		if b[i] <= ' ' {
			i = v.space(b, i)
		}
		if b[i] != ',' {
			break
		}
		i++
		if b[i] <= ' ' {
			i = v.space(b, i)
		}
	}
	if b[i] != ']' {
		return v.unexpected(b, i, "',' or ']' after an element")
	}
	return i + 1
}

func (v *validator) number(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	switch c := b[i]; {
	case c == '0':
		i++
	case c-'1' < 9:
		i = digits(b, i)
	default:
		return v.unexpected(b, i, "a digit")
	}
	if b[i] == '.' {
		if i++; b[i]-'0' > 9 {
			return v.unexpected(b, i, "a digit after the decimal point")
		}
		i = digits(b, i)
	}
	if b[i]|0x20 == 'e' {
		if i++; b[i] == '+' || b[i] == '-' {
			i++
		}
		if b[i]-'0' > 9 {
			return v.unexpected(b, i, "a digit in the exponent")
		}
		i = digits(b, i)
	}
	return i
}

// digits returns the index of the first byte from b[i] on that is no digit.
func digits(b []byte, i int) int {
	for {
		w := load(b, i) ^ '0'*ones
		stops := (w | (w + (0x80-10)*ones)) & highs
		if stops != 0 {
			return i + bits.TrailingZeros64(stops)>>3
		}
		i += 8
	}
}

func (v *validator) literal(b []byte, i int, word string) int {
	for k := range len(word) {
		if b[i+k] != word[k] {
			return v.unexpected(b, i+k, word)
		}
	}
	return i + len(word)
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

func load(b []byte, i int) uint64 {
	return binary.LittleEndian.Uint64(b[i : i+8])
}

func store(b []byte, i int, w uint64) {
	binary.LittleEndian.PutUint64(b[i:i+8], w)
}

// textStops marks, by the high bit of each byte, what ends a run of plain
// characters: a quote, a backslash, a control character, a byte above ASCII.
// Of several marks only the lowest is sure: a borrow may set those above it.
func textStops(w uint64) uint64 {
	// With its second bit turned, a quote comes right after the control characters.
	return (w | ((w ^ 0x02*ones) - 0x21*ones) | ((w ^ '\\'*ones) - ones)) & highs
}

// str checks the string whose opening quote is before b[i], and tells whether
// it holds escapes.
func (v *validator) str(b []byte, i int) (int, bool) {
	escaped := false
	for {
		stops := textStops(load(b, i))
		if stops == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(stops) >> 3
		c := b[i]
		if c == '"' {
			return i + 1, escaped
		}
		if c-0xC2 < 0xE0-0xC2 && b[i+1]&0xC0 == 0x80 {
			i += 2 // most of what is above ASCII in Latin, Greek, Cyrillic
			continue
		}
		if c == '\\' {
			escaped = true
			if shortEscapes[b[i+1]] {
				i += 2
				continue
			}
		}
		if i = v.special(b, i); i < 0 {
			return -1, escaped
		}
	}
}

// special checks what stands at b[i] in a string and is neither plain nor among
// what str knows by itself.
func (v *validator) special(b []byte, i int) int {
	switch c := b[i]; {
	case c == '\\':
		return v.escape(b, i)
	case c >= 0x80:
		next, bad := runes(b, i)
		if bad >= 0 {
			v.fault = fault{at: bad, reason: InvalidUTF8, text: notText(b[next])}
			return -1
		}
		return next
	}
	return v.unexpected(b, i, "a string's next character or '\"' (control characters are written as \\u00XX)")
}

// space drops the whitespace at b[i:].
func (v *validator) space(b []byte, i int) int {
	if !v.spaced {
		v.spaced = true
		v.out = v.out[:0]
	}
	// Most of what is between two spaces is short: two words, whose surplus the
	// next ones overwrite, beat a call of copy.
	if n, at := i-v.copied, len(v.out); n <= 16 && at+16 <= cap(v.out) {
		out := v.out[:at+16]
		store(out, at, load(b, v.copied))
		store(out, at+8, load(b, v.copied+8))
		v.out = out[:at+n]
	} else {
		v.out = append(v.out, b[v.copied:i]...)
	}
	if b[i] == ' ' && b[i+1] > ' ' {
		i++
	} else {
		i = skipBlank(b, i)
	}
	v.copied = i
	return i
}

// skipBlank returns the index of the first byte from b[i] on that is not whitespace.
func skipBlank(b []byte, i int) int {
	for {
		for load(b, i) == ' '*ones {
			i += 8
		}
		if !isBlank(b[i]) {
			return i
		}
		i++
	}
}

func isBlank(c byte) bool {
	return c <= ' ' && 1<<c&(1<<' '|1<<'\n'|1<<'\r'|1<<'\t') != 0
}

func (v *validator) unexpected(b []byte, i int, want string) int {
	v.fault = fault{at: i, reason: InvalidJSON, found: b[i], want: want}
	return -1
}

func (v *validator) tooDeep(i int) int {
	v.fault = fault{at: i, reason: InvalidJSON, text: fmt.Sprintf("more than %d levels of nesting", maxNesting)}
	return -1
}

// show names a byte for people.
func show(c byte) string {
	if c < ' ' || c >= 0x7F {
		return fmt.Sprintf("byte 0x%02X", c)
	}
	return fmt.Sprintf("%q", string(rune(c)))
}

func (v *validator) duplicate(b []byte, start, end int) int {
	v.fault = fault{at: start - 1, reason: DuplicateKey, text: fmt.Sprintf("the key %q is there before in the same object", clip(b[start:end]))}
	return -1
}

// clip shortens what a message quotes.
func clip(s []byte) []byte {
	return s[:min(len(s), 64)]
}
