package record

import (
	"bytes"
	"cmp"
	"slices"
)

// fewKeys is up to how many keys an object's next one is compared with those
// before it; the keys of a larger object are sorted at its end instead.
const fewKeys = 32

// key is a key of an open object that is not one of the shapes.
type key struct {
	print uint64 // differs if the keys differ, most of the time
	at    uint32 // where it begins in the buffer
	start uint32 // where it is in its text
	size  uint32
	kept  bool // its text is keys.kept; else it is the buffer
}

// keys finds what an object names twice. The open objects share one list, the
// innermost at its end.
type keys struct {
	list []key
	kept []byte // keys that the buffer does not hold as they are compared
}

// keySet is one object's share of keys.
type keySet struct {
	first int
	seen  [4]uint64 // a bit for each key, chosen by its print: a filter
}

func (k *keys) reset() {
	k.list = k.list[:0]
	k.kept = k.kept[:0]
}

// add notes the key b[start:end] and reports whether it is new, as far as is
// known: close has the last word.
func (k *keys) add(b []byte, start, end int, escaped bool, set *keySet) bool {
	if escaped {
		from := len(k.kept)
		k.kept = unescape(k.kept, b[start:end])
		return k.addKept(b, from, start, set)
	}
	n := key{at: uint32(start), start: uint32(start), size: uint32(end - start)}
	n.print = fingerprint(b, start, end-start)
	return k.note(b, n, set)
}

// addKept notes the key that k.kept holds from from on, for b[at:].
func (k *keys) addKept(b []byte, from, at int, set *keySet) bool {
	n := key{at: uint32(at), start: uint32(from), size: uint32(len(k.kept) - from), kept: true}
	var room [pad]byte
	k.kept = append(k.kept, room[:]...)
	n.print = fingerprint(k.kept, from, int(n.size))
	return k.note(b, n, set)
}

func (k *keys) note(b []byte, n key, set *keySet) bool {
	hash := n.print * 0x9E3779B97F4A7C15
	seen, bit := &set.seen[hash>>62], uint64(1)<<(hash>>56&63)
	if *seen&bit != 0 && len(k.list)-set.first < fewKeys {
		for _, o := range k.list[set.first:] {
			if o.print == n.print && bytes.Equal(k.text(b, o), k.text(b, n)) {
				return false
			}
		}
	}
	*seen |= bit
	k.list = append(k.list, n)
	return true
}

// close ends an object. It returns where in b a key begins that was there
// before, or -1.
func (k *keys) close(b []byte, set keySet) int {
	own := k.list[set.first:]
	k.list = k.list[:set.first]
	if len(own) <= fewKeys {
		return -1
	}
	slices.SortFunc(own, func(x, y key) int {
		if x.print != y.print {
			return cmp.Compare(x.print, y.print)
		}
		return bytes.Compare(k.text(b, x), k.text(b, y))
	})
	for i := 1; i < len(own); i++ {
		x, y := own[i-1], own[i]
		if x.print == y.print && bytes.Equal(k.text(b, x), k.text(b, y)) {
			return int(max(x.at, y.at))
		}
	}
	return -1
}

func (k *keys) text(b []byte, n key) []byte {
	if n.kept {
		b = k.kept
	}
	return b[n.start : n.start+n.size]
}

// fingerprint is made of a text's length and of its first and last eight
// bytes. Behind the text, pad bytes can be loaded.
func fingerprint(b []byte, start, size int) uint64 {
	w := load(b, start)
	if size < 8 {
		return w&(1<<(8*size)-1) | uint64(size)<<56
	}
	return w ^ load(b, start+size-8)*0xD6E8FEB86659FD93 ^ uint64(size)<<56
}
