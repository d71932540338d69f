package record

const (
	// maxShapes bounds the memory of shapes, to about half a megabyte.
	maxShapes = 4096
	// maxShapeKey is the length of the longest key that is learnt.
	maxShapeKey = 64
	// maxShapePlace is the number of keys of an object up to which shapes are learnt,
	// because a new key is compared with all before it.
	maxShapePlace = 512
	// maxAlternatives is how many alternative keys are learnt after the same keys.
	maxAlternatives = 8
	// relearnAfter is how many keys must not have been found, after maxShapes were
	// learnt, before all are discarded and learnt again: learning then costs little in
	// comparison.
	relearnAfter = 1 << 16
)

// shapes learns the order of the keys in the objects of an entry, as the hidden
// classes of a JavaScript engine do. A key that follows the same keys as before is
// known to be valid and, because those keys are known too, not to be a duplicate: one
// comparison replaces both checks. Index 0 is the top level, index 1 is for values
// inside objects that are not learnt.
type shapes struct {
	list   []shape
	missed int
}

// shape is a key that follows certain keys in an object at a certain path. Its links
// are indexes, 0 for none.
type shape struct {
	words [2]uint64 // the first sixteen bytes of text
	masks [2]uint64 // the bytes of words that belong to text
	text  string    // the key as in the source, with the quote and colon that end it
	prior int32     // the key before it in its object
	next  int32     // a key that follows it in its object
	inner int32     // the first key of an object that is its value
	other int32     // an alternative key at the same position
	place int32     // number of keys before it
}

const (
	topLevel  = 0
	elsewhere = 1
)

func newShapes() shapes {
	return shapes{list: make([]shape, 2, 64)}
}

// find returns the shape of the key at b[i:], after its opening quote, if it is first or
// one of its alternatives, and otherwise 0.
func (s *shapes) find(b []byte, i int, first int32) int32 {
	low, high := load(b, i), load(b, i+8)
	for n := first; n != 0; {
		x := &s.list[n]
		if (low^x.words[0])&x.masks[0]|(high^x.words[1])&x.masks[1] == 0 {
			size := len(x.text)
			if size <= 16 || i+size <= len(b) && string(b[i:i+size]) == x.text {
				return n
			}
		}
		n = x.other
	}
	return 0
}

// learn adds the key text, which follows the key prior (0: none) in the object that is
// the value of outer. It returns 0 if a limit is reached.
func (s *shapes) learn(text []byte, prior, outer int32) int32 {
	if len(s.list) == maxShapes {
		s.missed++
		return 0
	}
	if len(text) > maxShapeKey {
		return 0
	}
	link := &s.list[outer].inner
	place := int32(0)
	if prior != 0 {
		link = &s.list[prior].next
		place = s.list[prior].place + 1
	}
	if place == maxShapePlace {
		return 0
	}
	for range maxAlternatives {
		if *link == 0 {
			x := shape{text: string(text), prior: prior, place: place}
			for k := range min(len(text), 16) {
				x.words[k/8] |= uint64(text[k]) << (k % 8 * 8)
				x.masks[k/8] |= 0xFF << (k % 8 * 8)
			}
			*link = int32(len(s.list))
			s.list = append(s.list, x)
			return int32(len(s.list) - 1)
		}
		link = &s.list[*link].other
	}
	return 0
}

// renew discards all shapes if they are no longer useful. No object may be open.
func (s *shapes) renew() {
	if s.missed > relearnAfter {
		s.missed = 0
		s.list = append(s.list[:0], shape{}, shape{})
	}
}

// key returns the text of shape n without quote and colon.
func (s *shapes) key(n int32) string {
	text := s.list[n].text
	return text[:len(text)-2]
}

// has reports whether the key is that of prior or of one before it.
func (s *shapes) has(key []byte, prior int32) bool {
	for n := prior; n != 0; n = s.list[n].prior {
		if s.key(n) == string(key) {
			return true
		}
	}
	return false
}
