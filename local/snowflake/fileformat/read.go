package fileformat

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

const (
	// maxValue is the maximum length of a field or document in bytes, as for a VARCHAR
	// or VARIANT of Snowflake.
	maxValue = 128 << 20
	// bufferSize is the size of a reader's buffer.
	bufferSize = 64 << 10
)

// Read reads r and calls yield for each record. It stops at the first error and
// returns it: an *Error for invalid content, or that of yield or of r. yield may keep
// the Row. Memory grows with the longest record, not with the file.
func Read(f Format, r io.Reader, yield func(Row) error) error {
	src := &source{r: r}
	plain, err := decompress(f.Compression, src)
	if err != nil {
		return err
	}
	defer plain.Close() //nolint:errcheck // it was only read
	in := &content{r: plain, source: src, compression: f.Compression}
	switch f.Type {
	case CSV:
		decoder, err := decoderOf(f.Encoding)
		if err != nil {
			return err
		}
		if decoder == nil {
			return readCSV(f, in, yield)
		}
		return readCSV(f, decoder.Reader(in), yield)
	case JSON:
		return readJSON(f, in, yield)
	}
	return fmt.Errorf("file format: type %q is not supported by the local Snowflake", f.Type)
}

// source records the error of the caller's reader, to distinguish it from an error of
// the content.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// content is the decompressed file. Errors of the decompressor become an *Error.
type content struct {
	r           io.Reader
	source      *source
	compression Compression
}

func (c *content) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	case c.source.err != nil:
		return n, c.source.err
	}
	return n, decompressError(c.compression, err)
}

func decompressError(c Compression, err error) error {
	return &Error{Message: fmt.Sprintf("Error decompressing the file (COMPRESSION = %s): %v", c, err)}
}

// magics has the bytes by which AUTO recognises a compression. For bzip2 they are
// those of the first block, because a text may begin with BZh.
var magics = []struct {
	compression Compression
	at          int
	bytes       string
}{
	{Gzip, 0, "\x1f\x8b"},
	{Zstd, 0, "\x28\xb5\x2f\xfd"},
	{Bzip2, 4, "\x31\x41\x59\x26\x53\x59"},
}

func recognise(head []byte) Compression {
	for _, m := range magics {
		if len(head) > m.at && bytes.HasPrefix(head[m.at:], []byte(m.bytes)) {
			return m.compression
		}
	}
	return None
}

func decompress(c Compression, r *source) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(r, bufferSize)
	if c == Auto {
		head, err := in.Peek(16)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		c = recognise(head)
	}
	var (
		out io.ReadCloser
		err error
	)
	switch c {
	case None:
		return io.NopCloser(in), nil
	case Gzip:
		out, err = gzip.NewReader(in) // reads all members
	case Bzip2:
		return io.NopCloser(bzip2.NewReader(in)), nil
	case Zstd:
		var d *zstd.Decoder
		if d, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1)); err == nil {
			return d.IOReadCloser(), nil
		}
	case Deflate:
		out, err = zlib.NewReader(in)
	case RawDeflate:
		return flate.NewReader(in), nil
	default:
		return nil, fmt.Errorf("file format: compression %q is not supported by the local Snowflake", c)
	}
	if err != nil {
		if r.err != nil {
			return nil, r.err
		}
		return nil, decompressError(c, err)
	}
	return out, nil
}

// decoderOf returns the decoder of an encoding; nil for UTF-8.
func decoderOf(name string) (*encoding.Decoder, error) {
	switch strings.NewReplacer("-", "", "_", "").Replace(strings.ToUpper(name)) {
	case "UTF8", "":
		return nil, nil
	case "ISO88591":
		return charmap.ISO8859_1.NewDecoder(), nil
	case "WINDOWS1252":
		return charmap.Windows1252.NewDecoder(), nil
	case "UTF16", "UTF16BE":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder(), nil
	case "UTF16LE":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder(), nil
	}
	return nil, fmt.Errorf("file format: encoding %q is not supported by the local Snowflake", name)
}

// skipBOM skips the byte order mark of UTF-8, as SKIP_BYTE_ORDER_MARK does by default.
func skipBOM(in *bufio.Reader) error {
	head, err := in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(head) == "\ufeff" {
		_, err = in.Discard(3)
		return err
	}
	return nil
}
