package record

import "fmt"

// fault is why and where in the buffer a value is invalid.
type fault struct {
	at     int
	reason string
	text   string
	// An unexpected byte and what was expected, instead of text: the message is
	// formatted only when it is needed, because the end of the buffer is such a byte.
	found byte
	want  string
}

func (f fault) String() string {
	if f.want == "" {
		return f.text
	}
	return fmt.Sprintf("found %s where %s was expected", show(f.found), f.want)
}

// unexpected sets the fault that b[i] is not what was expected.
func (v *validator) unexpected(b []byte, i int, want string) int {
	v.fault = fault{at: i, reason: InvalidJSON, found: b[i], want: want}
	return -1
}

func (v *validator) tooDeep(i int) int {
	v.fault = fault{at: i, reason: InvalidJSON, text: fmt.Sprintf("more than %d levels of nesting", maxNesting)}
	return -1
}

// show formats a byte for messages.
func show(c byte) string {
	if c < ' ' || c >= 0x7F {
		return fmt.Sprintf("byte 0x%02X", c)
	}
	return fmt.Sprintf("%q", string(rune(c)))
}

func (v *validator) duplicate(b []byte, start, end int) int {
	v.fault = fault{at: start - 1, reason: DuplicateKey, text: fmt.Sprintf("duplicate key %q in the object", clip(b[start:end]))}
	return -1
}

// clip shortens a text for a message.
func clip(s []byte) []byte {
	return s[:min(len(s), 64)]
}
