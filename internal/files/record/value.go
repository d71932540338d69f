package record

import "fmt"

// Checker checks single JSON values by the rules of this package.
type Checker struct {
	v   *validator
	buf []byte
}

// NewChecker returns a Checker.
func NewChecker() *Checker { return &Checker{v: newValidator()} }

// Compact returns the JSON value in text without white space outside strings. The
// result is valid until the next call.
func (c *Checker) Compact(text []byte) ([]byte, error) {
	var end [pad]byte
	c.buf = append(append(c.buf[:0], text...), end[:]...)
	start := skipBlank(c.buf, 0)
	i := c.v.value(c.buf, start)
	if i < 0 && c.v.fault.at >= len(text) {
		return nil, fmt.Errorf("%s: the text ends inside a value", InvalidJSON)
	}
	if i < 0 {
		return nil, fmt.Errorf("%s: byte %d: %s", c.v.fault.reason, c.v.fault.at, c.v.fault.String())
	}
	if after := skipBlank(c.buf, i); after < len(text) {
		return nil, fmt.Errorf("%s: byte %d: found %s after the value", InvalidJSON, after, show(c.buf[after]))
	}
	return c.v.compact(c.buf, start, i), nil
}

// AppendUnescaped appends the value of a valid JSON string, given without its quotes, to dst.
func AppendUnescaped(dst, text []byte) []byte { return unescape(dst, text) }
