package archive

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/therootcompany/xz"
)

const (
	// maxMemory bounds the memory of the decoders and buffers in use, in bytes.
	maxMemory = 24 << 20
	// zstdWindow is the largest zstd window, in bytes: the one that every decoder
	// should support (RFC 8878, section 3.1.1.1.2), and that zstd -1 to -19 do not
	// exceed, unlike --long and --ultra.
	zstdWindow = 8 << 20
	// maxDictionaries bounds the memory of the xz dictionaries in use, in bytes, besides
	// maxMemory: that of xz -9 (xz(1), "Preset levels").
	maxDictionaries = 64 << 20
	// xzDictionary is the smallest dictionary that is reserved for xz, in bytes: that of
	// xz -6, the default.
	xzDictionary = 8 << 20
)

// codec is a compression format.
type codec struct {
	// memory is about what one decoder and its buffers allocate, in bytes.
	memory int
	// open returns a reader, which must not fail before its first Read, and the
	// function that releases it.
	open func(r *bufio.Reader) (io.Reader, func())
}

// deflate and stored have no magic number: they occur in zip only.
var (
	deflate = codec{memory: 192 << 10, open: openFlate}
	stored  = codec{memory: 2 * bufferLen, open: openStored}
)

var codecs = map[format]codec{
	formatGzip:   {memory: 192 << 10, open: openGzip},
	formatZstd:   {memory: zstdWindow + 1<<20, open: openZstd},
	formatBzip2:  {memory: 5 << 20, open: openBzip2},
	formatSnappy: {memory: 9 << 20, open: openSnappy},
	formatXZ:     {memory: 1 << 20, open: openXZ},  // besides its dictionary,
	formatLZ4:    {memory: 9 << 20, open: openLZ4}, // two blocks of 4 MiB
}

// reserve accounts for memory until release is called.
func (w *walker) reserve(n int) (release func(), err error) {
	if w.memory+n > maxMemory {
		return nil, fmt.Errorf("the layers around it and this one need more than %d MiB of memory", maxMemory>>20)
	}
	w.memory += n
	return func() { w.memory -= n }, nil
}

// reserveDictionary accounts for the dictionary of the xz stream in r until release is
// called.
func (w *walker) reserveDictionary(r *bufio.Reader) (release func(), err error) {
	n := dictionarySize(r)
	if w.dictionaries+n > maxDictionaries {
		return nil, fmt.Errorf("the dictionary of %d MiB, with those of the layers around it, exceeds %d MiB", n>>20, maxDictionaries>>20)
	}
	w.dictionaries += n
	return func() { w.dictionaries -= n }, nil
}

// dictionarySize returns the size of the dictionary for the xz stream in r, in bytes:
// that of its first block, and at least xzDictionary. The stream may have other sizes in
// later blocks, or no block at all.
// https://tukaani.org/xz/xz-file-format.txt, sections 3.1 and 5.3.1
func dictionarySize(r *bufio.Reader) int {
	const streamHeader = 12
	head, _ := r.Peek(streamHeader + 1024) // the largest block header
	if len(head) < streamHeader+2 {
		return xzDictionary
	}
	flags, b := head[streamHeader+1], head[streamHeader+2:]
	number := func() (n uint64) {
		n, size := binary.Uvarint(b)
		b = b[max(size, 0):]
		return n
	}
	for _, sized := range []byte{0x40, 0x80} { // compressed and uncompressed size
		if flags&sized != 0 {
			number()
		}
	}
	for range flags&3 + 1 {
		id, size := number(), number()
		if uint64(len(b)) <= size {
			break
		}
		if bits := b[0]; id == 0x21 && size == 1 && bits <= 40 {
			return max(xzDictionary, min((2|int(bits&1))<<(bits/2+11), 4<<30-1))
		}
		b = b[size:]
	}
	return xzDictionary
}

// decoderDamage returns the damage that an error of the named decoder means.
func decoderDamage(what string, err error) *Damage {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, xz.ErrBuf):
		return damagef(Truncated, "%s: %w", what, err)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return unsupported("%s: needs a window of more than %d MiB, compress without --long and --ultra: %w", what, zstdWindow>>20, err)
	case errors.Is(err, xz.ErrMemlimit):
		return unsupported("%s: a later block or stream needs a larger dictionary than the first, compress the whole file with one level: %w", what, err)
	case errors.Is(err, zstd.ErrUnknownDictionary), errors.Is(err, s2.ErrUnsupported),
		errors.Is(err, xz.ErrOptions), errors.Is(err, xz.ErrUnsupportedCheck):
		return unsupported("%s: %w", what, err)
	}
	return damagef(Corrupt, "%s: %w", what, err)
}

func openStored(r *bufio.Reader) (io.Reader, func()) { return r, func() {} }

var flates = sync.Pool{New: func() any { return flate.NewReader(eof{}) }}

func openFlate(r *bufio.Reader) (io.Reader, func()) {
	d := flates.Get().(io.ReadCloser)
	// Reset without a dictionary cannot fail.
	_ = d.(flate.Resetter).Reset(r, nil)
	return d, func() {
		_ = d.(flate.Resetter).Reset(eof{}, nil) // so that the pool references no buffer
		flates.Put(d)
	}
}

// eof is an empty flate.Reader, which pooled decoders reference.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }
func (eof) ReadByte() (byte, error)  { return 0, io.EOF }

var gzips = sync.Pool{New: func() any { return new(gzip.Reader) }}

func openGzip(r *bufio.Reader) (io.Reader, func()) {
	g := &gunzip{r: r, z: gzips.Get().(*gzip.Reader)}
	return g, func() {
		_ = g.z.Reset(eof{}) // it returns io.EOF
		gzips.Put(g.z)
		g.z = nil
	}
}

// gunzip reads gzip members one by one, to check what follows the last: padding
// with zeros, as of tapes and block devices, is valid, anything else is not.
type gunzip struct {
	r    *bufio.Reader
	z    *gzip.Reader
	open bool // inside a member
	read bool // a member was read
}

func (g *gunzip) Read(p []byte) (int, error) {
	for {
		if !g.open {
			if err := g.next(); err != nil {
				return 0, err
			}
		}
		n, err := g.z.Read(p)
		if isEOF(err) {
			g.open, g.read = false, true
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (g *gunzip) next() error {
	if g.read {
		head, err := g.r.Peek(1)
		if err != nil {
			return err
		}
		if head[0] == 0 {
			return skipPadding(g.r)
		}
		if head, _ = g.r.Peek(2); string(head) != "\x1f\x8b" {
			return damagef(Corrupt, "gzip: followed by bytes that are neither another member nor zeros")
		}
	}
	err := g.z.Reset(g.r)
	if isEOF(err) {
		return io.ErrUnexpectedEOF
	}
	g.z.Multistream(false)
	g.open = true
	return err
}

// skipPadding reads zeros to the end of r, and returns io.EOF at its end.
func skipPadding(r *bufio.Reader) error {
	for {
		c, err := r.ReadByte()
		if err != nil {
			return err
		}
		if c != 0 {
			return damagef(Corrupt, "gzip: zero padding is followed by other bytes")
		}
	}
}

var zstds = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1), // no goroutines, so that the garbage collector can free it
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdWindow),
		zstd.WithDecoderMaxMemory(zstdWindow)) // the window size of single-segment frames
	if err != nil {
		panic(err) // the options are constant
	}
	return d
}}

func openZstd(r *bufio.Reader) (io.Reader, func()) {
	d := zstds.Get().(*zstd.Decoder)
	// Without concurrency Reset does not read, so it cannot fail.
	_ = d.Reset(r)
	return d, func() {
		_ = d.Reset(nil)
		zstds.Put(d)
	}
}

// openBzip2 makes a new reader each time: that of the standard library cannot be reset.
func openBzip2(r *bufio.Reader) (io.Reader, func()) {
	return bzip2.NewReader(r), func() {}
}

var snappies = sync.Pool{New: func() any { return s2.NewReader(nil, s2.ReaderAllocBlock(64<<10)) }}

func openSnappy(r *bufio.Reader) (io.Reader, func()) {
	d := snappies.Get().(*s2.Reader)
	d.Reset(r)
	return d, func() {
		d.Reset(nil)
		snappies.Put(d)
	}
}

// openXZ makes a new reader each time, so that no pool keeps its dictionary.
func openXZ(r *bufio.Reader) (io.Reader, func()) {
	return &unxz{r: r}, func() {}
}

// unxz reads xz streams with padding between them.
type unxz struct {
	r *bufio.Reader
	z *xz.Reader
}

func (u *unxz) Read(p []byte) (int, error) {
	if u.z == nil {
		z, err := xz.NewReader(u.r, uint32(dictionarySize(u.r)))
		if err != nil {
			return 0, err
		}
		u.z = z
	}
	return u.z.Read(p)
}

var lz4s = sync.Pool{New: func() any { return lz4.NewReader(eof{}) }}

func openLZ4(r *bufio.Reader) (io.Reader, func()) {
	d := lz4s.Get().(*lz4.Reader)
	d.Reset(r)
	return d, func() {
		d.Reset(eof{})
		lz4s.Put(d)
	}
}
