package record

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

const (
	// pageBytes is the memory for the open pages and dictionaries of all columns, in bytes.
	pageBytes = 384 << 20
	// maxPageHeader is the size of the longest header of a page, which may have the
	// smallest and the largest value of the page.
	maxPageHeader = 64 << 20
	valuesAtOnce  = 128
)

// errPages means that the open pages do not fit into pageBytes.
var errPages = errors.New("the pages that are open at once are too large")

// errPageSize means that a page has another size than its header says.
var errPageSize = errors.New("a page has another size than its header says")

// openPages is the memory for the open pages of all columns of a row group, in bytes.
type openPages struct{ bytes, limit int64 }

// columnReader reads the values of one column of a row group, page by page. It reads
// each header before the library does, which allocates whatever a header asks for.
type columnReader struct {
	window *columnWindow
	codec  format.CompressionCodec
	pages  *parquet.FilePages
	open   *openPages
	scan   *pageScanner
	header int64 // the position of the next header
	// dictionary and page are the memory of the open dictionary and page.
	dictionary, page int64
	values           parquet.ValueReader
	buf              [valuesAtOnce]parquet.Value
	at, n            int
	repeated         bool
	row              []parquet.Value // of the current row
}

// read reads the values of the next row, of at most limit bytes as JSON, and returns
// what it left of the limit. Below 0, the row is not complete.
func (c *columnReader) read(limit int) (int, error) {
	c.row = c.row[:0]
	for {
		if c.at == c.n {
			err := c.fill()
			if err == io.EOF && len(c.row) > 0 { //nolint:errorlint // io.EOF is never wrapped
				return limit, nil
			}
			if err != nil {
				return limit, err
			}
		}
		v := c.buf[c.at]
		if len(c.row) > 0 && v.RepetitionLevel() == 0 {
			return limit, nil
		}
		c.at++
		limit -= sizeOf(v)
		if limit >= 0 || len(c.row) == 0 {
			c.row = append(c.row, v)
		}
		if !c.repeated {
			return limit, nil
		}
	}
}

// sizeOf is the least number of bytes of a value in JSON, with the delimiter after it.
func sizeOf(v parquet.Value) int {
	switch v.Kind() {
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return len(v.ByteArray()) + 1
	}
	return 2
}

// fill reads more values. Those of an earlier page stay valid, since pages are not released.
func (c *columnReader) fill() error {
	for c.at, c.n = 0, 0; c.n == 0; {
		if c.values == nil {
			if err := c.nextPage(); err != nil {
				return err
			}
		}
		n, err := c.values.ReadValues(c.buf[:])
		c.n = n
		if err == io.EOF { //nolint:errorlint // io.EOF is never wrapped
			c.values = nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// nextPage opens the next page with values.
func (c *columnReader) nextPage() error {
	for {
		header, n, err := c.peekHeader()
		if err != nil {
			return err
		}
		data := c.header + n
		c.header = data + int64(header.CompressedPageSize)
		c.open.bytes -= c.page
		values := int64(header.DataPageHeader.V.NumValues) + int64(header.DataPageHeaderV2.V.NumValues)
		// The compressed and the decompressed bytes, and for each value its levels and its index in the dictionary.
		c.page = int64(header.CompressedPageSize) + int64(header.UncompressedPageSize) + 8*values
		if header.Type == format.DictionaryPage {
			c.open.bytes -= c.dictionary
			c.dictionary = int64(header.UncompressedPageSize) + 4*int64(header.DictionaryPageHeader.V.NumValues)
			c.open.bytes += c.dictionary
		}
		if c.open.bytes += c.page; c.open.bytes > c.open.limit {
			return errPages
		}
		if err := c.check(header, data); err != nil {
			return err
		}
		if header.Type != format.DictionaryPage {
			break
		}
	}
	page, err := c.pages.ReadPage()
	if err != nil {
		return unexpected(err)
	}
	c.values = page.Values()
	return nil
}

// unexpected is err of a page that the column has.
func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // io.EOF is never wrapped
		return io.ErrUnexpectedEOF
	}
	return err
}

// peekHeader returns the header of the next page and its length.
func (c *columnReader) peekHeader() (*format.PageHeader, int64, error) {
	for n := 4 << 10; ; n <<= 7 {
		b, err := c.window.peek(c.header, n)
		if err != nil {
			return nil, 0, err
		}
		b = b[:min(len(b), n)]
		header := new(format.PageHeader)
		r := bytes.NewReader(b)
		err = thrift.NewDecoder(new(thrift.CompactProtocol).NewReader(r)).Decode(header)
		if err != nil && n < maxPageHeader && int64(n) < c.window.end-c.header {
			continue
		}
		if err != nil {
			return nil, 0, unexpected(err)
		}
		for _, size := range []int32{
			header.CompressedPageSize, header.UncompressedPageSize, header.DataPageHeader.V.NumValues,
			header.DataPageHeaderV2.V.NumValues, header.DictionaryPageHeader.V.NumValues,
		} {
			if size < 0 {
				return nil, 0, fmt.Errorf("the header of a page has the size %d", size)
			}
		}
		return header, int64(len(b) - r.Len()), nil
	}
}

// check compares the size of a page with that in its header.
func (c *columnReader) check(h *format.PageHeader, data int64) error {
	if c.codec == format.Uncompressed || h.DataPageHeaderV2.Valid && h.DataPageHeaderV2.V.IsCompressed.Valid && !h.DataPageHeaderV2.V.IsCompressed.V {
		return nil
	}
	b, err := c.window.peek(data, int(h.CompressedPageSize))
	if err != nil {
		return unexpected(err)
	}
	b = b[:min(len(b), int(h.CompressedPageSize))]
	levels := int64(0)
	if h.DataPageHeaderV2.Valid {
		levels = int64(h.DataPageHeaderV2.V.RepetitionLevelsByteLength) + int64(h.DataPageHeaderV2.V.DefinitionLevelsByteLength)
	}
	if levels < 0 || levels > int64(h.UncompressedPageSize) {
		return errPageSize
	}
	return c.scan.check(c.codec, b[min(levels, int64(len(b))):], int64(h.UncompressedPageSize)-levels)
}

// pageScanner compares the sizes of compressed pages with those in their headers without
// the memory for them: the library decompresses all that a page has.
type pageScanner struct {
	gzip   *gzip.Reader
	zstd   *zstd.Decoder
	brotli *brotli.Reader
	block  []byte
}

func (s *pageScanner) check(codec format.CompressionCodec, page []byte, want int64) (err error) {
	if len(page) == 0 {
		return nil
	}
	var stream io.Reader
	r := bytes.NewReader(page)
	switch codec {
	case format.Snappy, format.Lz4Raw:
		return s.checkBlock(codec, page, want)
	case format.Gzip:
		if s.gzip == nil {
			s.gzip = new(gzip.Reader)
		}
		stream, err = s.gzip, s.gzip.Reset(r)
	case format.Zstd:
		if s.zstd == nil {
			s.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
		}
		if err == nil {
			stream, err = s.zstd, s.zstd.Reset(r)
		}
	case format.Brotli:
		if s.brotli == nil {
			s.brotli = brotli.NewReader(nil)
		}
		stream, err = s.brotli, s.brotli.Reset(r)
	default:
		return fmt.Errorf("the compression %s is not supported", codec)
	}
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(stream, want+1))
	if err == nil && n != want {
		return errPageSize
	}
	return err
}

// checkBlock is check for compressions whose blocks have no stream.
func (s *pageScanner) checkBlock(codec format.CompressionCodec, page []byte, want int64) error {
	if codec == format.Snappy {
		n, err := snappy.DecodedLen(page)
		if err == nil && int64(n) != want {
			return errPageSize
		}
		return err
	}
	if int64(cap(s.block)) < want {
		s.block = make([]byte, want)
	}
	n, err := lz4.UncompressBlock(page, s.block[:want])
	if err == nil && int64(n) != want || errors.Is(err, lz4.ErrInvalidSourceShortBuffer) {
		return errPageSize
	}
	return err
}
