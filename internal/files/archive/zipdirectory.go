package archive

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math"
)

// The standard library's archive/zip keeps the whole directory in memory, 400 bytes a
// member or more. This reader streams it through a buffer of fixed size. Layouts and
// numbers are those of PKWARE's APPNOTE, sections 4.3 and 4.4.

var le = binary.LittleEndian

const (
	localHeaderLen = 30
	dirHeaderLen   = 46
	dirEndLen      = 22
	dir64LocLen    = 20
	dir64EndLen    = 56
	// tailLen is the size of the end in which the directory's end record is
	// searched: the record, its longest comment, and the Zip64 records before it.
	tailLen = dir64EndLen + dir64LocLen + dirEndLen + math.MaxUint16
	// dirBufferLen holds the largest directory header: three fields of 64 KiB.
	dirBufferLen = 256 << 10

	localHeaderSignature = 0x04034b50
	dirHeaderSignature   = 0x02014b50
	dirEndSignature      = 0x06054b50
	dir64LocSignature    = 0x07064b50
	dir64EndSignature    = 0x06064b50
	dirSealSignature     = 0x05054b50 // digital signature after the last header
	dirCryptSignature    = 0x08064b50 // start of an encrypted directory

	zip64Extra = 0x0001
)

// directory reads a zip's central directory, header by header.
type directory struct {
	r       *ranged
	start   int64 // where it begins, after the members
	base    int64 // is added to all offsets: the length of what precedes the zip
	members uint64
	wide    bool // members is exact, with Zip64; otherwise it is modulo 65,536
	seen    uint64
	left    int64 // remaining bytes of headers
	buf     *bufio.Reader
}

// openDirectory finds the directory of src. Its errors are a *Damage or the source's.
func openDirectory(ctx context.Context, src zipSource) (*directory, error) {
	r := &ranged{ctx: ctx, r: src, size: src.size}
	if err := r.fetchTail(); err != nil {
		return nil, err
	}
	p := findDirEnd(r.tail)
	if p < 0 {
		return nil, damagef(Truncated, "zip: no directory at the end of the file")
	}
	end := r.tail[p:]
	d := &directory{r: r, members: uint64(le.Uint16(end[10:]))}
	disk, dirDisk := uint32(le.Uint16(end[4:])), uint32(le.Uint16(end[6:]))
	size, offset := uint64(le.Uint32(end[12:])), uint64(le.Uint32(end[16:]))
	endAt := r.tailAt + int64(p)

	if at, rec, err := r.dir64End(endAt); err != nil {
		return nil, err
	} else if rec != nil {
		endAt, d.wide = at, true
		disk, dirDisk = le.Uint32(rec[16:]), le.Uint32(rec[20:])
		d.members, size, offset = le.Uint64(rec[32:]), le.Uint64(rec[40:]), le.Uint64(rec[48:])
	}
	if disk != 0 || dirDisk != 0 {
		return nil, unsupported("zip: it is part %d of a zip that consists of several files", disk+1)
	}
	if size > uint64(endAt) || offset > uint64(endAt)-size {
		return nil, damagef(Truncated, "zip: the directory of %d bytes at byte %d does not fit before its end at %d", size, offset, endAt)
	}
	if err := d.place(endAt, int64(size), int64(offset)); err != nil {
		return nil, err
	}
	if d.members == 0 && d.start > 0 {
		return nil, damagef(Corrupt, "zip: the directory lists none of the %d bytes before it", d.start)
	}
	return d, nil
}

// place calculates where the directory and the zip begin. The stated offset is too
// small by the length of what precedes the zip, unless the end record does not
// directly follow the directory.
func (d *directory) place(endAt, size, offset int64) error {
	d.start, d.left = endAt-size, size
	d.base = d.start - offset
	if d.base > 0 && size >= 4 {
		var sig [4]byte
		if _, err := d.r.ReadAt(sig[:], offset); err != nil {
			return err
		}
		if le.Uint32(sig[:]) == dirHeaderSignature {
			d.start, d.base = offset, 0
		}
	}
	d.buf = bufio.NewReaderSize(io.NewSectionReader(d.r, d.start, size), int(min(size, dirBufferLen)))
	return nil
}

// findDirEnd returns the position of the end record in tail, or -1.
func findDirEnd(tail []byte) int {
	for p := len(tail) - dirEndLen; p >= 0; p-- {
		if le.Uint32(tail[p:]) == dirEndSignature && p+dirEndLen+int(le.Uint16(tail[p+20:])) <= len(tail) {
			return p
		}
	}
	return -1
}

// dir64End returns the Zip64 end record and its offset, or nil if there is none.
func (r *ranged) dir64End(endAt int64) (int64, []byte, error) {
	loc := endAt - r.tailAt - dir64LocLen
	if loc < 0 || le.Uint32(r.tail[loc:]) != dir64LocSignature {
		return 0, nil, nil
	}
	// The stated offset is wrong in a zip that other data precedes; the position
	// directly before the locator is wrong where the record has an extension.
	locAt := endAt - dir64LocLen
	for _, at := range []uint64{uint64(locAt - dir64EndLen), le.Uint64(r.tail[loc+8:])} {
		if locAt < dir64EndLen || at > uint64(locAt-dir64EndLen) {
			continue
		}
		rec := make([]byte, dir64EndLen)
		if _, err := r.ReadAt(rec, int64(at)); err != nil {
			return 0, nil, err
		}
		if le.Uint32(rec) == dir64EndSignature {
			return int64(at), rec, nil
		}
	}
	return 0, nil, damagef(Corrupt, "zip: no Zip64 directory end where its locator has one")
}

// zipHeader is a member's header in the directory.
type zipHeader struct {
	name    []byte
	creator uint16
	flags   uint16
	method  uint16
	crc     uint32
	packed  int64 // compressed size
	size    int64
	attrs   uint32
	offset  int64 // of the local header
}

// encrypted reports whether any of the three flags of encryption is set.
func (h *zipHeader) encrypted() bool { return h.flags&(1<<0|1<<6|1<<13) != 0 }

// isLink reports whether the member is a symbolic link, as Unix and macOS mark it.
func (h *zipHeader) isLink() bool {
	system := h.creator >> 8
	return (system == 3 || system == 19) && h.attrs>>28 == 0xa
}

// next returns the next header, io.EOF after the last, a *Damage, or the
// source's error.
func (d *directory) next() (*zipHeader, error) {
	var sig uint32
	if d.left >= 4 {
		b, err := d.buf.Peek(4)
		if err != nil {
			return nil, err
		}
		sig = le.Uint32(b)
	}
	if d.left == 0 || sig == dirSealSignature {
		if d.seen == d.members || !d.wide && uint16(d.seen) == uint16(d.members) {
			return nil, io.EOF
		}
		return nil, damagef(Corrupt, "zip: the directory has %d members, its end record states %d", d.seen, d.members)
	}
	if sig == dirCryptSignature {
		return nil, damagef(Encrypted, "zip: the directory is encrypted")
	}
	if sig != dirHeaderSignature || d.left < dirHeaderLen {
		return nil, damagef(Corrupt, "zip: the directory is invalid after %d members", d.seen)
	}
	b, err := d.buf.Peek(dirHeaderLen)
	if err != nil {
		return nil, err
	}
	nameEnd := dirHeaderLen + int(le.Uint16(b[28:]))
	extraEnd := nameEnd + int(le.Uint16(b[30:]))
	end := extraEnd + int(le.Uint16(b[32:]))
	if d.left < int64(end) {
		return nil, damagef(Corrupt, "zip: the directory is invalid after %d members", d.seen)
	}
	if b, err = d.buf.Peek(end); err != nil {
		return nil, err
	}
	h := &zipHeader{
		name:    bytes.Clone(b[dirHeaderLen:nameEnd]),
		creator: le.Uint16(b[4:]),
		flags:   le.Uint16(b[8:]),
		method:  le.Uint16(b[10:]),
		crc:     le.Uint32(b[16:]),
		packed:  int64(le.Uint32(b[20:])),
		size:    int64(le.Uint32(b[24:])),
		attrs:   le.Uint32(b[38:]),
		offset:  int64(le.Uint32(b[42:])),
	}
	h.widen(b[nameEnd:extraEnd])
	h.offset += d.base
	d.seen++
	d.left -= int64(end)
	_, err = d.buf.Discard(end)
	return h, err
}

// widen sets the fields that did not fit from the Zip64 extra field. A field that is
// missing there keeps its value, and is detected as wrong when it is used.
func (h *zipHeader) widen(extra []byte) {
	for len(extra) >= 4 {
		id, n := le.Uint16(extra), int(le.Uint16(extra[2:]))
		if extra = extra[4:]; n > len(extra) {
			return
		}
		if id == zip64Extra {
			field := extra[:n]
			for _, v := range []*int64{&h.size, &h.packed, &h.offset} {
				if *v == math.MaxUint32 && len(field) >= 8 {
					*v = int64(le.Uint64(field)) // a negative value is out of range
					field = field[8:]
				}
			}
			return
		}
		extra = extra[n:]
	}
}
