package record

import (
	"bytes"
	"cmp"
	"slices"
)

// fewKeys is the number of keys up to which an object's next key is compared with
// those before it; the keys of a larger object are sorted at its end instead.
const fewKeys = 32

// key is a key of an open object that is not a known shape. It has 16 bytes, because a
// record of 16 MiB can have two million keys.
type key struct {
	print uint32 // part of its fingerprint: usually differs if the keys differ
	at    uint32 // where it begins in the buffer
	start uint32 // where it begins in its text
	size  uint32 // with the bit kept if its text is in keys.kept, otherwise in the buffer
}

// kept is above the size of the largest record.
const kept = 1 << 31

// keys detects duplicate keys. The open objects share one list, with the innermost at
// its end.
type keys struct {
	list []key
	kept []byte // keys with escapes, decoded
}

// keySet is the part of keys of one object.
type keySet struct {
	first int
	seen  [4]uint64 // a Bloom filter: one bit for each key, by its fingerprint
}

func (k *keys) reset() {
	k.list = k.list[:0]
	k.kept = k.kept[:0]
}

// add adds the key b[start:end] and reports whether it is new. For an object with many
// keys, only close finds all duplicates.
func (k *keys) add(b []byte, start, end int, escaped bool, set *keySet) bool {
	if escaped {
		from := len(k.kept)
		k.kept = unescape(k.kept, b[start:end])
		return k.addKept(b, from, start, set)
	}
	n := key{at: uint32(start), start: uint32(start), size: uint32(end - start)}
	return k.note(b, n, fingerprint(b, start, end-start), set)
}

// addKept adds the key k.kept[from:], whose source is at b[at:].
func (k *keys) addKept(b []byte, from, at int, set *keySet) bool {
	size := len(k.kept) - from
	n := key{at: uint32(at), start: uint32(from), size: uint32(size) | kept}
	var padding [pad]byte
	k.kept = append(k.kept, padding[:]...)
	return k.note(b, n, fingerprint(k.kept, from, size), set)
}

func (k *keys) note(b []byte, n key, print uint64, set *keySet) bool {
	hash := print * 0x9E3779B97F4A7C15
	n.print = uint32(hash >> 24)
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

// close ends an object. It returns where in b a duplicate key begins, or -1.
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
	if n.size&kept != 0 {
		b = k.kept
	}
	return b[n.start : n.start+n.size&^kept]
}

// fingerprint combines the length of a text and its first and last eight bytes. After
// the text, pad bytes can be loaded.
func fingerprint(b []byte, start, size int) uint64 {
	w := load(b, start)
	if size < 8 {
		return w&(1<<(8*size)-1) | uint64(size)<<56
	}
	return w ^ load(b, start+size-8)*0xD6E8FEB86659FD93 ^ uint64(size)<<56
}
