package batchwrite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Limits of DynamoDB, from "Service, account, and table quotas in Amazon DynamoDB".
const (
	// MaxItemBytes is the size of an item, names and values together.
	MaxItemBytes = 400 << 10
	// MaxNesting is how deep lists and maps may nest; an attribute's own list or map is level 1.
	MaxNesting = 32
	// MaxNumberDigits is the precision of a number, in significant digits.
	MaxNumberDigits = 38
	// A number's magnitude is from 1E-130 to 9.99…E+125.
	minNumberExponent = -130
	maxNumberExponent = 125
)

// Reasons why a record cannot be stored as an item. They are in the records of
// quarantine and must not change.
var (
	ErrItemTooLarge = errors.New("item_too_large")
	ErrTooDeep      = errors.New("nesting_too_deep")
	ErrNumberRange  = errors.New("number_out_of_range")
	ErrMalformed    = errors.New("malformed_record")
)

// Attributes appends the members of the JSON object src to dst as DynamoDB
// attributes, `"name":{"S":"value"},…`, without the braces around them. It
// returns dst and the size in bytes that DynamoDB counts for them ("DynamoDB item
// sizes and formats") plus base, the size of the item's other attributes.
// Strings and numbers are copied verbatim. src is a payload that unpack landed:
// valid JSON without duplicate names. Its syntax is checked nevertheless.
//
// An error wraps ErrItemTooLarge, ErrTooDeep, ErrNumberRange or ErrMalformed;
// the content of dst is then undefined.
func Attributes(dst, src []byte, base int) ([]byte, int, error) {
	t := transcoder{src: src, dst: dst, size: base}
	t.space()
	if t.peek() != '{' {
		return dst, 0, t.malformed("an object")
	}
	t.pos++
	if err := t.members(0); err != nil {
		return t.dst, t.size, err
	}
	return t.end()
}

// Value appends the JSON value src to dst as the value of one attribute, such
// as {"S":"x"}; base includes the size of the attribute's name. Otherwise it is
// like Attributes.
func Value(dst, src []byte, base int) ([]byte, int, error) {
	t := transcoder{src: src, dst: dst, size: base}
	t.space()
	if err := t.value(0); err != nil {
		return t.dst, t.size, err
	}
	return t.end()
}

// end checks that nothing follows and that the item is not too large.
func (t *transcoder) end() ([]byte, int, error) {
	t.space()
	if t.pos != len(t.src) {
		return t.dst, t.size, t.malformed("the end")
	}
	if t.size > MaxItemBytes {
		return t.dst, t.size, fmt.Errorf("%w: %d bytes as DynamoDB counts them, the limit is %d", ErrItemTooLarge, t.size, MaxItemBytes)
	}
	return t.dst, t.size, nil
}

type transcoder struct {
	src, dst []byte
	pos      int
	size     int
}

func (t *transcoder) malformed(expected string) error {
	if t.pos >= len(t.src) {
		return fmt.Errorf("%w: ends at byte %d where %s was expected", ErrMalformed, t.pos, expected)
	}
	return fmt.Errorf("%w: byte %d is %q where %s was expected", ErrMalformed, t.pos, t.src[t.pos], expected)
}

// peek returns the next byte, 0 at the end.
func (t *transcoder) peek() byte {
	if t.pos < len(t.src) {
		return t.src[t.pos]
	}
	return 0
}

func (t *transcoder) space() {
	for t.pos < len(t.src) {
		switch t.src[t.pos] {
		case ' ', '\t', '\r', '\n':
			t.pos++
		default:
			return
		}
	}
}

// members transcodes the members of an object, up to and including its closing brace.
func (t *transcoder) members(depth int) error {
	t.space()
	if t.peek() == '}' {
		t.pos++
		return nil
	}
	for {
		if t.peek() != '"' {
			return t.malformed("a name")
		}
		start := t.pos
		n, err := t.scanString()
		if err != nil {
			return err
		}
		t.size += n
		if depth > 0 {
			t.size++ // each element of a map costs a byte beyond its name and value
		}
		t.dst = append(t.dst, t.src[start:t.pos]...)
		t.space()
		if t.peek() != ':' {
			return t.malformed("a colon")
		}
		t.pos++
		t.dst = append(t.dst, ':')
		t.space()
		if err := t.value(depth); err != nil {
			return err
		}
		t.space()
		switch t.peek() {
		case ',':
			t.pos++
			t.dst = append(t.dst, ',')
			t.space()
		case '}':
			t.pos++
			return nil
		default:
			return t.malformed("a comma or a closing brace")
		}
	}
}

func (t *transcoder) value(depth int) error {
	switch c := t.peek(); c {
	case '"':
		start := t.pos
		n, err := t.scanString()
		if err != nil {
			return err
		}
		t.size += n
		t.dst = append(t.dst, `{"S":`...)
		t.dst = append(t.dst, t.src[start:t.pos]...)
		t.dst = append(t.dst, '}')
	case '{':
		if depth++; depth > MaxNesting {
			return fmt.Errorf("%w: more than %d levels, at byte %d", ErrTooDeep, MaxNesting, t.pos)
		}
		t.pos++
		t.size += 3
		t.dst = append(t.dst, `{"M":{`...)
		if err := t.members(depth); err != nil {
			return err
		}
		t.dst = append(t.dst, `}}`...)
	case '[':
		return t.list(depth + 1)
	case 't':
		return t.literal("true", `{"BOOL":true}`)
	case 'f':
		return t.literal("false", `{"BOOL":false}`)
	case 'n':
		return t.literal("null", `{"NULL":true}`)
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return t.number()
		}
		return t.malformed("a value")
	}
	return nil
}

func (t *transcoder) list(depth int) error {
	if depth > MaxNesting {
		return fmt.Errorf("%w: more than %d levels, at byte %d", ErrTooDeep, MaxNesting, t.pos)
	}
	t.pos++
	t.size += 3
	t.dst = append(t.dst, `{"L":[`...)
	t.space()
	if t.peek() == ']' {
		t.pos++
		t.dst = append(t.dst, `]}`...)
		return nil
	}
	for {
		t.size++
		if err := t.value(depth); err != nil {
			return err
		}
		t.space()
		switch t.peek() {
		case ',':
			t.pos++
			t.dst = append(t.dst, ',')
			t.space()
		case ']':
			t.pos++
			t.dst = append(t.dst, `]}`...)
			return nil
		default:
			return t.malformed("a comma or a closing bracket")
		}
	}
}

func (t *transcoder) literal(text, wire string) error {
	if len(t.src)-t.pos < len(text) || string(t.src[t.pos:t.pos+len(text)]) != text {
		return t.malformed(text)
	}
	t.pos += len(text)
	t.size++
	t.dst = append(t.dst, wire...)
	return nil
}

// scanString skips the string at pos, including its quotes, and returns the
// length of its value in bytes of UTF-8.
func (t *transcoder) scanString() (int, error) {
	src, start := t.src, t.pos
	escapes := 0 // how many bytes longer the source is than the value, because of escapes
	i := start + 1
	for {
		i += plainLength(src[i:])
		if i >= len(src) {
			break
		}
		switch src[i] {
		case '"':
			t.pos = i + 1
			return i - start - 1 - escapes, nil
		case '\\':
			n, length := escape(src[i:])
			if n == 0 {
				t.pos = i
				return 0, t.malformed("an escape sequence")
			}
			i += n
			escapes += n - length
		default:
			t.pos = i
			return 0, t.malformed("no control character")
		}
	}
	t.pos = len(src)
	return 0, t.malformed("a closing quote")
}

// plainLength returns the number of bytes before the first quote, backslash or
// control character of s. It tests eight bytes at a time: a subtraction borrows
// first in the lowest byte that is one of them.
func plainLength(s []byte) int {
	const low, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		v := binary.LittleEndian.Uint64(s[i:])
		quote, backslash := v^(low*'"'), v^(low*'\\')
		if special := ((v-low*0x20)&^v | (quote-low)&^quote | (backslash-low)&^backslash) & high; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

// escape returns the length of the escape sequence at the start of s and that of
// its value in UTF-8, or 0 where it is invalid.
func escape(s []byte) (n, length int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, 1
	case 'u':
	default:
		return 0, 0
	}
	r, ok := hex4(s[2:])
	switch {
	case !ok:
		return 0, 0
	case r < 0x80:
		return 6, 1
	case r < 0x800:
		return 6, 2
	case r < 0xd800 || r > 0xdfff:
		return 6, 3
	}
	// A surrogate pair is one character of four bytes; one half alone is invalid.
	if r > 0xdbff || len(s) < 12 || s[6] != '\\' || s[7] != 'u' {
		return 0, 0
	}
	if low, ok := hex4(s[8:]); !ok || low < 0xdc00 || low > 0xdfff {
		return 0, 0
	}
	return 12, 4
}

func hex4(s []byte) (uint32, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r uint32
	for _, c := range s[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | uint32(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | uint32(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | uint32(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
