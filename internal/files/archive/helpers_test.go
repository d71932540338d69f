package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"hash/crc64"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/ingestion/feed"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// memObject is an object in memory. If err is set, reads after failAt fail with it.
type memObject struct {
	data   []byte
	failAt int64
	err    error
	ranges atomic.Int64 // calls of ReadAt
}

func (o *memObject) Size() int64 { return int64(len(o.data)) }

func (o *memObject) Open(context.Context) (io.ReadCloser, error) {
	r := io.Reader(bytes.NewReader(o.data))
	if o.err != nil {
		r = io.MultiReader(io.LimitReader(r, o.failAt), &failingReader{o.err})
	}
	return io.NopCloser(r), nil
}

func (o *memObject) ReadAt(p []byte, off int64) (int, error) {
	o.ranges.Add(1)
	if o.err != nil && off+int64(len(p)) > o.failAt {
		return 0, o.err
	}
	return bytes.NewReader(o.data).ReadAt(p, off)
}

type failingReader struct{ err error }

func (r *failingReader) Read([]byte) (int, error) { return 0, r.err }

// seen is what a collector has received of one entry.
type seen struct {
	path   string
	data   string
	reason Reason // empty: whole
	offset int64
	call   string // "entry" or "damaged"
}

// collector is a Visitor that stores everything.
type collector struct {
	t    testing.TB
	got  []seen
	read func(io.Reader) ([]byte, error) // default io.ReadAll
}

func (c *collector) Entry(e Entry, r io.Reader) error {
	if e.Index != len(c.got) {
		c.t.Errorf("entry %q has index %d, want %d", e.Path, e.Index, len(c.got))
	}
	read := c.read
	if read == nil {
		read = io.ReadAll
	}
	b, err := read(r)
	s := seen{path: e.Path, data: string(b), call: "entry"}
	var d *Damage
	if errors.As(err, &d) {
		if d.Entry != e || d.Offset != int64(len(b)) {
			c.t.Errorf("damage of %+v at %d, want %+v at %d", d.Entry, d.Offset, e, len(b))
		}
		s.reason, s.offset = d.Reason, d.Offset
		err = nil
	}
	c.got = append(c.got, s)
	return err
}

func (c *collector) Damaged(d *Damage) error {
	if d.Entry.Index != len(c.got) {
		c.t.Errorf("damaged %q has index %d, want %d", d.Entry.Path, d.Entry.Index, len(c.got))
	}
	c.got = append(c.got, seen{path: d.Entry.Path, reason: d.Reason, call: "damaged"})
	return nil
}

func (c *collector) damages() int {
	n := 0
	for _, s := range c.got {
		if s.reason != "" {
			n++
		}
	}
	return n
}

func walk(t testing.TB, name string, data []byte, limits feed.Limits) []seen {
	t.Helper()
	c := &collector{t: t}
	if err := Walk(t.Context(), name, &memObject{data: data}, limits, c); err != nil {
		t.Fatalf("Walk: %v", err)
	}
	return c.got
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func gz(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	must(io.WriteString(w, s))
	check(w.Close())
	return b.Bytes()
}

func zst(s string) []byte {
	var b bytes.Buffer
	w := must(zstd.NewWriter(&b))
	must(io.WriteString(w, s))
	check(w.Close())
	return b.Bytes()
}

func snap(s string) []byte {
	var b bytes.Buffer
	w := snappy.NewBufferedWriter(&b)
	must(io.WriteString(w, s))
	check(w.Close())
	return b.Bytes()
}

func s2s(s string) []byte {
	var b bytes.Buffer
	w := s2.NewWriter(&b)
	must(io.WriteString(w, s))
	check(w.Close())
	return b.Bytes()
}

// The output of bzip2 for "bzip2 one\n", "and two\n" and "".
var (
	bz1     = unbase64("QlpoOTFBWSZTWdEczHkAAAHZgAAQQAAQABIhwBAgACIGgeoQAwpctDQ8XckU4UJDRHMx5A==")
	bz2     = unbase64("QlpoMTFBWSZTWWUj5YkAAAFRgAAQQAAkAYSAIAAxDAggaeph2g/cF3JFOFCQZSPliQ==")
	bzEmpty = unbase64("QlpoORdyRThQkAAAAAA=")
)

// The output of xz for "xz one\n", for "" and, at level 9, for "x" and for xzLevel9.
var (
	xz1      = unbase64("/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAGeHogb25lCgAA4byOjrLIe/QAAR8HFi64cx+2830BAAAAAARZWg==")
	xzEmpty  = unbase64("/Td6WFoAAATm1rRGAAAAABzfRCEftvN9AQAAAAAEWVo=")
	xzLevel9 = unbase64("/Td6WFoAAATm1rRGAgAhARwAAAAQz1jMAQAAeAAAAABFru+D+O4WCgABGQGlLIHMH7bzfQEAAAAABFla")
	xzNested = unbase64("/Td6WFoAAATm1rRGAgAhARwAAAAQz1jMAQA7/Td6WFoAAATm1rRGAgAhARwAAAAQz1jMAQAAeAAAAABFru+D+O4WCgABGQGlLIHMH7bzfQEAAAAABFlaAOY4RubanVJnAAFUPPxRPtEftvN9AQAAAAAEWVo=")
)

// repeated is the content of xzRepeated and of lz4Linked, whose blocks depend on the
// ones before (lz4 -BD).
var (
	repeated   = strings.Repeat("0123456789abcde\n", 10_000)
	xzRepeated = unbase64("/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4nD/AG1dABgMQpJqZ7wO0TMs5MxCKcBPDlbV/+KfgsTvDrgaYCNKI9GIK1pF99qctr8mvmMDuuIpHn1GcrRvcYlGEEpF/CBOZlQs+YAF0F80UUFQBGIamr/nJlR7vNA/VaISvhVE9OuL0laGVWRIS4SqyQAAAAAAIiMOt1WfNMEAAYkBgOIJAMGxd1GxxGf7AgAAAAAEWVo=")
	lz4Linked  = unbase64("BCJNGERAXhsBAAD/ATAxMjM0NTY3ODlhYmNkZQoQAP/////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////YUGJjZGUKCgEAAA8QAP/////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////oUGJjZGUKewAAAA8QAP//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////WVBiY2RlCgAAAABk5O/Y")
)

// xzOf returns an xz stream of one block, of which LZMA2 compresses nothing ("The .xz
// File Format", https://tukaani.org/xz/xz-file-format.txt).
func xzOf(s string) []byte {
	little := binary.LittleEndian
	sum := func(b []byte) []byte { return little.AppendUint32(b, crc32.ChecksumIEEE(b)) }
	flags := []byte{0, 4} // with CRC-64
	block := sum([]byte{2, 0, 0x21, 1, 22, 0, 0, 0})
	kind := byte(1) // resets the dictionary
	for rest := s; rest != ""; kind = 2 {
		n := min(len(rest), 1<<16)
		block = append(block, kind, byte((n-1)>>8), byte(n-1))
		block = append(block, rest[:n]...)
		rest = rest[n:]
	}
	block = append(block, 0)
	unpadded := uint64(len(block) + 8)
	block = append(block, make([]byte, -len(block)&3)...)
	block = little.AppendUint64(block, crc64.Checksum([]byte(s), crc64.MakeTable(crc64.ECMA)))
	index := binary.AppendUvarint(binary.AppendUvarint([]byte{0, 1}, unpadded), uint64(len(s)))
	index = sum(append(index, make([]byte, -len(index)&3)...))
	footer := append(little.AppendUint32(nil, uint32(len(index)/4-1)), flags...)
	footer = join(little.AppendUint32(nil, crc32.ChecksumIEEE(footer)), footer, []byte("YZ"))
	header := join([]byte("\xfd7zXZ\x00"), sum(flags))
	return join(header, block, index, footer)
}

func lz4Of(s string) []byte {
	var b bytes.Buffer
	w := lz4.NewWriter(&b)
	must(io.WriteString(w, s))
	check(w.Close())
	return b.Bytes()
}

func unbase64(s string) []byte { return must(base64.StdEncoding.DecodeString(s)) }

type file struct{ name, data string }

func tarOf(files ...file) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		check(w.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.data)), Mode: 0o600, Typeflag: tar.TypeReg}))
		must(io.WriteString(w, f.data))
	}
	check(w.Close())
	return b.Bytes()
}

func zipOf(files ...file) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		must(io.WriteString(must(w.Create(f.name)), f.data))
	}
	check(w.Close())
	return b.Bytes()
}

// rawMember is a member of a zip, which may be invalid.
type rawMember struct {
	name   string
	method uint16
	flags  uint16
	packed []byte
	size   int64
	crc    uint32
	at     int64 // the stated offset, if not 0
	attrs  uint32
	zip64  bool // sizes and offset in the extra field
}

func storedMember(name, data string) rawMember {
	return rawMember{name: name, packed: []byte(data), size: int64(len(data)), crc: crc32.ChecksumIEEE([]byte(data))}
}

func deflated(name, data string) rawMember {
	var b bytes.Buffer
	w := must(flate.NewWriter(&b, 6))
	must(io.WriteString(w, data))
	check(w.Close())
	m := storedMember(name, data)
	m.method, m.packed = 8, b.Bytes()
	return m
}

// rawZip writes members without checks, with a Zip64 end record if wide.
func rawZip(wide bool, members ...rawMember) []byte {
	var out, dir []byte
	for _, m := range members {
		at := int64(len(out))
		if m.at != 0 {
			at = m.at
		}
		out = le.AppendUint32(out, localHeaderSignature)
		out = le.AppendUint16(out, 20)
		out = le.AppendUint16(out, m.flags)
		out = le.AppendUint16(out, m.method)
		out = append(out, 0, 0, 0, 0)
		out = le.AppendUint32(out, m.crc)
		out = le.AppendUint32(out, uint32(len(m.packed)))
		out = le.AppendUint32(out, uint32(m.size))
		out = le.AppendUint16(out, uint16(len(m.name)))
		out = le.AppendUint16(out, 0)
		out = append(out, m.name...)
		out = append(out, m.packed...)

		packed, size, offset, extra := uint32(len(m.packed)), uint32(m.size), uint32(at), []byte(nil)
		if m.zip64 {
			packed, size, offset = 1<<32-1, 1<<32-1, 1<<32-1
			extra = le.AppendUint16(extra, 0x7777) // another field first
			extra = le.AppendUint16(extra, 1)
			extra = append(extra, 'x')
			extra = le.AppendUint16(extra, zip64Extra)
			extra = le.AppendUint16(extra, 24)
			extra = le.AppendUint64(extra, uint64(m.size))
			extra = le.AppendUint64(extra, uint64(len(m.packed)))
			extra = le.AppendUint64(extra, uint64(at))
		}
		dir = le.AppendUint32(dir, dirHeaderSignature)
		dir = le.AppendUint16(dir, 3<<8|20)
		dir = le.AppendUint16(dir, 20)
		dir = le.AppendUint16(dir, m.flags)
		dir = le.AppendUint16(dir, m.method)
		dir = append(dir, 0, 0, 0, 0)
		dir = le.AppendUint32(dir, m.crc)
		dir = le.AppendUint32(dir, packed)
		dir = le.AppendUint32(dir, size)
		dir = le.AppendUint16(dir, uint16(len(m.name)))
		dir = le.AppendUint16(dir, uint16(len(extra)))
		dir = append(dir, make([]byte, 6)...)
		dir = le.AppendUint32(dir, m.attrs)
		dir = le.AppendUint32(dir, offset)
		dir = append(dir, m.name...)
		dir = append(dir, extra...)
	}
	start := len(out)
	out = append(out, dir...)
	n, size, offset := uint16(len(members)), uint32(len(dir)), uint32(start)
	if wide {
		at := len(out)
		out = le.AppendUint32(out, dir64EndSignature)
		out = le.AppendUint64(out, dir64EndLen-12)
		out = append(out, 45, 0, 45, 0)
		out = append(out, make([]byte, 8)...)
		out = le.AppendUint64(out, uint64(len(members)))
		out = le.AppendUint64(out, uint64(len(members)))
		out = le.AppendUint64(out, uint64(len(dir)))
		out = le.AppendUint64(out, uint64(start))
		out = le.AppendUint32(out, dir64LocSignature)
		out = le.AppendUint32(out, 0)
		out = le.AppendUint64(out, uint64(at))
		out = le.AppendUint32(out, 1)
		n, size, offset = 1<<16-1, 1<<32-1, 1<<32-1
	}
	out = le.AppendUint32(out, dirEndSignature)
	out = append(out, 0, 0, 0, 0)
	out = le.AppendUint16(out, n)
	out = le.AppendUint16(out, n)
	out = le.AppendUint32(out, size)
	out = le.AppendUint32(out, offset)
	return le.AppendUint16(out, 0)
}

// join makes one slice of several.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func crc(s string) uint32 { return crc32.ChecksumIEEE([]byte(s)) }

func wideMember(m rawMember) rawMember {
	m.zip64 = true
	return m
}

// unopened is an object that cannot be opened.
type unopened struct{ err error }

func (o unopened) ReadAt([]byte, int64) (int, error)           { return 0, o.err }
func (o unopened) Size() int64                                 { return 1 }
func (o unopened) Open(context.Context) (io.ReadCloser, error) { return nil, o.err }

// same reports whether an error is the wanted one itself, not wrapped.
func same(got, want error) bool {
	return got == want //nolint:errorlint // see above
}
