package archive

import (
	"bytes"
	"strconv"
)

// headLen is how many bytes are needed to recognise a format: a tar has its magic
// number and its checksum in a block of 512.
const headLen = 512

// format is a format of content, recognised by a magic number.
type format int

const (
	formatPlain format = iota
	formatGzip
	formatZstd
	formatBzip2
	formatSnappy
	formatXZ
	formatLZ4
	formatZip
	formatTar
	formatAppleDouble
	// The formats below are recognised, but not supported.
	format7z
	formatRAR
	formatLegacyLZ4
	formatLzip
	formatLzop
	formatCompress
)

var formatNames = [...]string{
	"plain", "gzip", "zstd", "bzip2", "snappy", "xz", "lz4", "zip", "tar", "AppleDouble",
	"7z", "rar", "lz4 with the legacy frame", "lzip", "lzop", "compress (.Z)",
}

func (f format) name() string      { return formatNames[f] }
func (f format) unsupported() bool { return f >= format7z }

// magics are the formats recognised by their first bytes alone. All but bzip2's and
// lzip's, which are long enough, contain bytes that do not occur in text.
var magics = []struct {
	magic  string
	format format
}{
	{"\x1f\x8b", formatGzip},
	{"\x28\xb5\x2f\xfd", formatZstd},
	{"\xff\x06\x00\x00sNaPpY", formatSnappy},
	{"\xff\x06\x00\x00S2sTwO", formatSnappy},
	{"PK\x03\x04", formatZip},
	{"PK\x05\x06", formatZip},           // empty
	{"PK\x07\x08PK\x03\x04", formatZip}, // written as a split zip with one part
	{"\xfd7zXZ\x00", formatXZ},
	{"7z\xbc\xaf\x27\x1c", format7z},
	{"Rar!\x1a\x07", formatRAR},
	{"\x04\x22\x4d\x18", formatLZ4},
	{"\x02\x21\x4c\x18", formatLegacyLZ4}, // as of lz4 -l
	{"LZIP\x01", formatLzip},
	{"\x89LZO\x00\x0d\x0a\x1a\x0a", formatLzop},
	{"\x1f\x9d", formatCompress},
	{"\x00\x05\x16\x07\x00", formatAppleDouble},
}

// formatOf returns the format of content by its first headLen bytes (fewer if it is shorter).
func formatOf(b []byte) format {
	for _, m := range magics {
		if bytes.HasPrefix(b, []byte(m.magic)) {
			return m.format
		}
	}
	switch {
	// A skippable frame, with which pzstd starts. lz4 has the same frames, but never
	// starts with one.
	case len(b) >= 4 && b[0]&0xf0 == 0x50 && string(b[1:4]) == "\x2a\x4d\x18":
		return formatZstd
	// "BZh", the level, then the magic of a block or of the end.
	case len(b) >= 10 && string(b[:3]) == "BZh" && b[3] >= '1' && b[3] <= '9' &&
		(string(b[4:10]) == "1AY&SY" || string(b[4:10]) == "\x17\x72\x45\x38\x50\x90"):
		return formatBzip2
	case isTar(b):
		return formatTar
	}
	return formatPlain
}

// HeadBytes is how many of the first bytes of an object Compression needs.
const HeadBytes = headLen

// Compression returns the name of the compression of an object that is one compressed
// stream, by its first bytes, or false for one that is not.
func Compression(head []byte) (name string, ok bool) {
	f := formatOf(head)
	_, ok = codecs[f]
	return f.name(), ok
}

// isTar reports whether b starts with a tar header: one with a valid checksum (v7
// has no magic number), or one with the ustar magic number and its NUL, which does
// not occur in text.
func isTar(b []byte) bool {
	if len(b) < 512 {
		return false
	}
	if string(b[257:263]) == "ustar\x00" || string(b[257:265]) == "ustar  \x00" {
		return true
	}
	field := bytes.Trim(b[148:156], " \x00")
	want, err := strconv.ParseInt(string(field), 8, 64)
	if err != nil || b[0] == 0 {
		return false
	}
	// Historic implementations summed signed bytes.
	var unsigned, signed int64
	for i, c := range b[:512] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return want == unsigned || want == signed
}
