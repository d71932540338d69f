package record

// maxOpen bounds the memory for the open brackets of an invalid value.
const maxOpen = 1 << 20

// nesting finds the end of a value by its brackets and strings only, for values that
// are invalid, skipped, or larger than the window. A closing bracket closes every
// bracket since its partner.
type nesting struct {
	// outer is the bracket that closes the array or object around the value, which
	// ends before it or before a comma. If it is 0, the value begins with a bracket
	// and ends after that one's partner.
	outer   byte
	open    []byte
	arrays  int // number of '[' in open
	quoted  bool
	escaped bool
	lost    bool // more than maxOpen brackets are open: the end cannot be found
}

func (n *nesting) scan(b []byte) (int, bool) {
	if n.lost {
		return len(b), false
	}
	for i, c := range b {
		if n.quoted {
			switch {
			case n.escaped:
				n.escaped = false
			case c == '\\':
				n.escaped = true
			case c == '"':
				n.quoted = false
			}
			continue
		}
		switch c {
		case '"':
			n.quoted = true
		case '{', '[':
			if len(n.open) == maxOpen {
				n.lost = true
				return len(b), false
			}
			n.open = append(n.open, c)
			if c == '[' {
				n.arrays++
			}
		case '}', ']':
			if n.close(c) {
				if n.outer == 0 && len(n.open) == 0 {
					return i + 1, true
				}
			} else if c == n.outer {
				return i, true
			}
		case ',':
			if n.outer != 0 && len(n.open) == 0 {
				return i, true
			}
		}
	}
	return len(b), false
}

// close closes the innermost partner of c, if there is one. It first checks their
// number, so that many closing brackets do not search all of open each time.
func (n *nesting) close(c byte) bool {
	partner, left := byte('['), n.arrays
	if c == '}' {
		partner, left = '{', len(n.open)-n.arrays
	}
	if left == 0 {
		return false
	}
	for {
		last := n.open[len(n.open)-1]
		n.open = n.open[:len(n.open)-1]
		if last == '[' {
			n.arrays--
		}
		if last == partner {
			return true
		}
	}
}
