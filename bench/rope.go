package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"slices"
)

// rope is an object made of pieces, some of which may be the same bytes many
// times: 10 GB of content in a few megabytes of memory.
type rope struct {
	pieces [][]byte
	ends   []int64
}

// keepFrom is the size from which Write keeps the caller's slice. What is
// smaller it copies: that is how buffered writers pass on their buffer.
const keepFrom = 1 << 20

// Write implements io.Writer. A slice of keepFrom bytes or more is not to be changed after.
func (r *rope) Write(p []byte) (int, error) {
	if len(p) < keepFrom {
		if n := len(r.pieces) - 1; n >= 0 && len(r.pieces[n]) < keepFrom {
			r.pieces[n] = append(r.pieces[n], p...)
			r.ends[n] += int64(len(p))
			return len(p), nil
		}
	}
	piece := p
	if len(p) < keepFrom {
		piece = bytes.Clone(p)
	}
	r.ends = append(r.ends, r.size()+int64(len(p)))
	r.pieces = append(r.pieces, piece)
	return len(p), nil
}

func (r *rope) size() int64 {
	if len(r.ends) == 0 {
		return 0
	}
	return r.ends[len(r.ends)-1]
}

func (r *rope) bytes() []byte { return bytes.Join(r.pieces, nil) }

// open returns a reader of its own on the rope.
func (r *rope) open() io.ReadSeeker { return &ropeReader{rope: r} }

type ropeReader struct {
	rope *rope
	at   int64
}

func (r *ropeReader) Read(p []byte) (int, error) {
	if r.at >= r.rope.size() {
		return 0, io.EOF
	}
	i, found := slices.BinarySearch(r.rope.ends, r.at)
	if found {
		i++
	}
	piece := r.rope.pieces[i]
	n := copy(p, piece[int64(len(piece))-(r.rope.ends[i]-r.at):])
	r.at += int64(n)
	return n, nil
}

// Seek implements io.Seeker.
func (r *ropeReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.rope.size()
	}
	if offset < 0 {
		return r.at, errors.New("seek before the start")
	}
	r.at = offset
	return offset, nil
}

// zipped makes a zip of one entry from content, which is repeated, and of whose
// compressed form the last piece ends the stream.
func zipped(name string, content []byte, times int) (*rope, error) {
	piece, err := deflated(content, false)
	if err != nil {
		return nil, err
	}
	end, err := deflated(nil, true)
	if err != nil {
		return nil, err
	}
	sum := crc32.NewIEEE()
	for range times {
		_, _ = sum.Write(content) // a hash never fails
	}
	out := &rope{}
	w := zip.NewWriter(out)
	entry, err := w.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Deflate, CRC32: sum.Sum32(),
		UncompressedSize64: uint64(len(content)) * uint64(times),
		CompressedSize64:   uint64(len(piece))*uint64(times) + uint64(len(end)),
	})
	if err != nil {
		return nil, err
	}
	for range times {
		if _, err := entry.Write(piece); err != nil {
			return nil, err
		}
	}
	if _, err := entry.Write(end); err != nil {
		return nil, err
	}
	return out, w.Close()
}
