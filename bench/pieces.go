package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"slices"
)

// pieces is content in pieces, which may share memory: 10 GB of repeated content
// take a few megabytes.
type pieces struct {
	list [][]byte
	ends []int64 // ends[i] is the end of piece i in the content
}

// keepFrom is the size from which Write keeps the caller's slice. Smaller ones it
// copies, because buffered writers reuse their buffer.
const keepFrom = 1 << 20

// Write implements io.Writer. A slice of keepFrom bytes or more must not be changed afterwards.
func (r *pieces) Write(p []byte) (int, error) {
	if len(p) < keepFrom {
		if n := len(r.list) - 1; n >= 0 && len(r.list[n]) < keepFrom {
			r.list[n] = append(r.list[n], p...)
			r.ends[n] += int64(len(p))
			return len(p), nil
		}
	}
	piece := p
	if len(p) < keepFrom {
		piece = bytes.Clone(p)
	}
	r.ends = append(r.ends, r.size()+int64(len(p)))
	r.list = append(r.list, piece)
	return len(p), nil
}

func (r *pieces) size() int64 {
	if len(r.ends) == 0 {
		return 0
	}
	return r.ends[len(r.ends)-1]
}

func (r *pieces) bytes() []byte { return bytes.Join(r.list, nil) }

// open returns a new reader of the content.
func (r *pieces) open() io.ReadSeeker { return &piecesReader{of: r} }

type piecesReader struct {
	of *pieces
	at int64
}

func (r *piecesReader) Read(p []byte) (int, error) {
	if r.at >= r.of.size() {
		return 0, io.EOF
	}
	i, found := slices.BinarySearch(r.of.ends, r.at)
	if found {
		i++
	}
	piece := r.of.list[i]
	n := copy(p, piece[int64(len(piece))-(r.of.ends[i]-r.at):])
	r.at += int64(n)
	return n, nil
}

// Seek implements io.Seeker.
func (r *piecesReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.of.size()
	}
	if offset < 0 {
		return r.at, errors.New("seek before the start")
	}
	r.at = offset
	return offset, nil
}

// zipped makes a zip with one entry that contains content several times. The
// content is compressed once; a last piece ends the compressed stream.
func zipped(name string, content []byte, times int) (*pieces, error) {
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
	out := &pieces{}
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
