package archive

import (
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// zipSource is the content of a zip.
type zipSource struct {
	io.ReaderAt
	size   int64
	object bool // the source object, not the copy of a nested zip
}

// memory is about what the open zip allocates, in bytes.
func (s zipSource) memory() int { return 2*s.maxRange() + tailLen + dirBufferLen }

// maxRange is the length of the longest range that is read at once. Only requests to
// S3 are worth long ones.
func (s zipSource) maxRange() int {
	if s.object {
		return maxRange
	}
	return minRange
}

// zip reads the members of src in the order of its central directory.
func (w *walker) zip(at location, src zipSource, depth int) error {
	release, err := w.reserve(src.memory())
	if err != nil {
		return w.damaged(at, damagef(LimitMemory, "zip: %v", err))
	}
	defer release()
	dir, err := openDirectory(w.ctx, src)
	if err != nil {
		return w.report(at, err)
	}
	z := &zipReader{w: w, src: src, dir: dir, depth: depth, data: newPrefetcher(dir.r, dir.start, src.maxRange())}
	defer z.data.close()
	for {
		h, err := dir.next()
		if isEOF(err) {
			return nil
		}
		if err != nil {
			return w.report(at, err)
		}
		if err := w.member(at); err != nil {
			return err
		}
		if err := z.member(at, h); err != nil {
			return err
		}
	}
}

// zipReader is a zip being read.
type zipReader struct {
	w     *walker
	src   zipSource
	dir   *directory
	data  *prefetcher
	used  byteRanges
	depth int
}

// member reads the member that h describes. Damage in one does not affect the
// others.
func (z *zipReader) member(at location, h *zipHeader) error {
	at = at.member(displayName(h.name))
	name := string(h.name)
	if ignored(name) || h.isLink() {
		return nil
	}
	if strings.HasSuffix(name, "/") || h.size == 0 && strings.HasSuffix(name, `\`) {
		if h.size != 0 {
			return z.w.damaged(at, damagef(Corrupt, "zip: a directory with %d bytes of data", h.size))
		}
		return nil
	}
	if h.encrypted() {
		return z.w.damaged(at, damagef(Encrypted, "zip: the member is encrypted"))
	}
	c, ok := zipCodecs[h.method]
	if !ok {
		return z.w.damaged(at, unsupported("zip: compression %s", methodName(h.method)))
	}
	start, err := z.locate(h)
	if err != nil {
		return z.w.report(at, err)
	}
	release, err := z.w.reserve(c.memory)
	if err != nil {
		return z.w.damaged(at, damagef(LimitMemory, "zip: %v", err))
	}
	defer release()

	raw := newInput(&stage{
		w: z.w, consumes: z.src.object,
		r: &section{from: z.data, off: start, end: start + h.packed},
	})
	defer raw.release()
	dec, done := c.open(raw.Reader)
	defer done()
	out := newInput(&stage{
		w: z.w, below: raw.from, what: "zip", depth: z.depth,
		r: &checked{r: dec, want: h},
	})
	defer out.release()
	return z.w.content(at, out, z.depth)
}

// locate returns the start of a member's data after its local header. It rejects
// members that overlap, with which a small zip without any nesting could unpack to
// petabytes.
func (z *zipReader) locate(h *zipHeader) (int64, error) {
	if h.offset < 0 || h.offset > z.dir.start-localHeaderLen {
		return 0, damagef(Truncated, "zip: the member starts at byte %d, outside the %d bytes before the directory", h.offset, z.dir.start)
	}
	b := make([]byte, localHeaderLen)
	if err := z.data.readFull(b, h.offset); err != nil {
		return 0, err
	}
	if le.Uint32(b) != localHeaderSignature {
		return 0, damagef(Corrupt, "zip: no member at byte %d, where the directory has one", h.offset)
	}
	start := h.offset + localHeaderLen + int64(le.Uint16(b[26:])) + int64(le.Uint16(b[28:]))
	if h.packed < 0 || h.packed > z.dir.start-start {
		return 0, damagef(Truncated, "zip: the member's %d bytes at byte %d reach beyond the directory's start at %d", h.packed, start, z.dir.start)
	}
	if !z.used.add(h.offset, start+h.packed) {
		return 0, damagef(Corrupt, "zip: bytes %d to %d of the member belong to another member too", h.offset, start+h.packed)
	}
	return start, nil
}

// checked compares the size and the checksum of a member with those in the directory
// when it was read to its end. Before, no code relies on the directory.
type checked struct {
	r    io.Reader
	want *zipHeader
	n    int64
	crc  uint32
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p[:n])
	if !isEOF(err) {
		return n, err
	}
	switch {
	case c.n != c.want.size:
		err = damagef(Corrupt, "zip: the member has %d bytes, the directory states %d", c.n, c.want.size)
	case c.crc != c.want.crc:
		err = damagef(Corrupt, "zip: checksum %08x, the directory states %08x", c.crc, c.want.crc)
	}
	return n, err
}

var zipCodecs = map[uint16]codec{
	0:  stored,
	8:  deflate,
	12: codecs[formatBzip2],
	20: codecs[formatZstd], // its former number
	93: codecs[formatZstd],
}

// methodName names a compression method of PKWARE's APPNOTE, section 4.4.5.
func methodName(method uint16) string {
	names := map[uint16]string{
		1: "Shrink", 2: "Reduce", 3: "Reduce", 4: "Reduce", 5: "Reduce", 6: "Implode",
		9:  "Deflate64, which Windows uses for files over 2 GB",
		10: "PKWARE DCL", 14: "LZMA", 16: "IBM CMPSC", 18: "IBM TERSE", 19: "LZ77",
		94: "MP3", 95: "XZ", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES",
	}
	if name, ok := names[method]; ok {
		return fmt.Sprintf("method %d (%s)", method, name)
	}
	return fmt.Sprintf("method %d", method)
}
