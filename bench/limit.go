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

// The physical limit of unpack is what decompressing its input and compressing
// its output take. A separate process decompresses the same input, read from a
// file, with the decoder that unpack uses, and compresses the lines that unpack
// made of it, read from another file, with the encoder and the level that unpack
// uses. It has no network, scans nothing and copies no record.

// limitArgument makes this program the process that is measured: limit FORM INPUT LINES.
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

// onlyWriter and onlyReader hide the methods with which io.Copy avoids its buffer.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

// rawEntry returns the content of the first entry of a zip, without checks: its
// local header is enough to find the start.
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
