package record

// maxNesting is the largest depth of arrays and objects, as in encoding/json.
const maxNesting = 10_000

// validator checks one JSON value at a time and removes the whitespace outside its
// strings. Its methods have a buffer that ends with NUL (see window) and the index to
// begin at as arguments; they return the index after what they read, or -1 with fault
// set. A fault at the index of that NUL means that more bytes are needed.
type validator struct {
	fault  fault
	keys   keys
	shapes shapes
	out    []byte // the value without whitespace, up to b[copied]
	copied int
	spaced bool // there was whitespace, so that out is used
	// nanAsNull is feed.Format.NaNAsNull.
	nanAsNull bool
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

// compact returns the value in b[start:end] that value has checked, without whitespace.
// It is a slice of b if b contains none.
func (v *validator) compact(b []byte, start, end int) []byte {
	if !v.spaced {
		return b[start:end:end]
	}
	v.out = append(v.out, b[v.copied:end]...)
	v.copied = end
	return v.out
}

// any checks a value inside depth objects and arrays, which is the value of the key of
// shape outer.
func (v *validator) any(b []byte, i, depth int, outer int32) int {
	switch c := b[i]; {
	case c == '"':
		i, _ = v.str(b, i+1)
		return i
	case c == '{':
		return v.object(b, i+1, depth+1, outer)
	case c == '[':
		return v.array(b, i+1, depth+1, outer)
	case c == '-' && v.nanAsNull && b[i+1] == 'I':
		return v.null(b, i, "-Infinity")
	case c-'0' < 10 || c == '-':
		return v.number(b, i)
	case c == 't':
		return v.literal(b, i, "true")
	case c == 'f':
		return v.literal(b, i, "false")
	case c == 'n':
		return v.literal(b, i, "null")
	case c == 'N' && v.nanAsNull:
		return v.null(b, i, "NaN")
	case c == 'I' && v.nanAsNull:
		return v.null(b, i, "Infinity")
	case c == 'N' || c == 'I':
		return v.unexpected(b, i, "a value (NaN and Infinity are not JSON: the option NaNAsNull of the feed's format reads them as null)")
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
		switch c := b[i]; { // most members, without a function call
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

// members is the state of an object whose members are being read.
type members struct {
	outer int32  // the shape of the key whose value the object is
	last  int32  // the shape of its last key; elsewhere if its keys are in set
	set   keySet // its keys, once they are not those of a shape
}

// expect returns the first of the alternative shapes of the next key.
func (o *members) expect(s *shapes) int32 {
	if o.last == 0 {
		return s.list[o.outer].inner
	}
	return s.list[o.last].next
}

// newKey checks the key at b[i:] and the colon after it. It learns the key, or
// continues without shapes until the end of the object.
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
