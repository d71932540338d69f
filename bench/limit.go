package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// The physical limit of unpack: what decompressing the input and compressing
// the output take, and nothing else. A process of its own reads the very input
// from a file, decompresses it with the decoder that unpack has, and compresses
// the very lines that unpack has made of it, read from another file, with the
// encoder and the level that unpack has. There is no network, no scanning and
// no copy of a record in it.

// limitArgument makes of this program the contender: LIMIT FORM INPUT LINES.
const limitArgument = "limit"

const limitBuffer = 64 << 10

func runLimit(form, input, lines string) (err error) {
	in, err := os.Open(input)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	var plain io.Reader
	if form == formZip {
		plain, err = rawEntry(in)
	} else {
		plain, err = gzip.NewReader(bufio.NewReaderSize(in, limitBuffer))
	}
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(onlyWriter{io.Discard}, plain, make([]byte, limitBuffer)); err != nil {
		return err
	}

	out, err := os.Open(lines)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(onlyWriter{z}, onlyReader{out}, make([]byte, limitBuffer)); err != nil {
		return err
	}
	return z.Close()
}

// onlyWriter and onlyReader hide the short cuts that io.Copy looks for.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

// rawEntry returns the content of the first entry of a zip without checking
// what it is: to find where it begins, its local header is enough.
func rawEntry(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, limitBuffer)
	var header [30]byte
	if _, err := io.ReadFull(b, header[:]); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(header[:], []byte("PK\x03\x04")) {
		return nil, errors.New("not a zip")
	}
	names := int64(header[26]) + int64(header[27])<<8 + int64(header[28]) + int64(header[29])<<8
	if _, err := io.CopyN(io.Discard, b, names); err != nil {
		return nil, err
	}
	return flate.NewReader(b), nil
}
