package record

// maxOpen bounds the memory for brackets that are open in what does not decode.
const maxOpen = 1 << 20

// nesting finds the end of a value by its brackets and strings alone: of one
// that is not valid, not wanted, or too large to hold. A closing bracket closes
// all that was opened since its partner.
type nesting struct {
	// outer is the bracket that closes what the value is in: the value ends
	// before it or before a comma. Without one, the value begins with a bracket
	// and ends behind the partner of that.
	outer   byte
	open    []byte
	arrays  int // how many of open are '['
	quoted  bool
	escaped bool
	lost    bool // more than maxOpen brackets are open: the end is not to be found
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

// close closes the innermost partner of c, if there is one. That it counts
// them first keeps a run of closing brackets from searching all of open each time.
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
