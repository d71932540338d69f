package record

import "encoding/binary"

// The scanners test eight bytes at a time, loaded as one word.
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
