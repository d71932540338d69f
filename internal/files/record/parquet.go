package record

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/parquet-go/parquet-go"

	"example.com/ingestion/feed"
)

// RandomAccess is implemented by readers of entries that can also be read at any
// position, as those of objects that are no archive: Parquet is then read by ranges.
type RandomAccess interface {
	// ReaderAt returns false if the entry is a stream. The errors of r other than io.EOF
	// are those of the entry's reader.
	ReaderAt() (r io.ReaderAt, size int64, ok bool)
}

// Resumer is implemented by Sinks that ignore the first records of an entry, so that a
// format with random access need not read them.
type Resumer interface {
	// From is the ordinal of the first record that the Sink does not ignore. Records
	// before it may be left out, or passed without their bytes.
	From() int64
}

const (
	// maxSpooled is the size of the largest Parquet file inside an archive, in bytes: it
	// is copied to a temporary file, and a Lambda function has 512 MB of temporary storage
	// by default.
	maxSpooled = 384 << 20
	// maxFooter bounds the memory for the metadata of a Parquet file, in bytes.
	maxFooter = 32 << 20
)

// parquetReader splits a Parquet file into one record per row.
type parquetReader struct {
	sink    Sink
	limit   int
	columns int // Limits.MaxColumns
	nan     bool
	src     *trackingReaderAt
	size    int64
	ordinal int64
	result  Result
	schema  *parquetField
	values  [][]parquet.Value // of a row, by column
	out     []byte
	// repeated are the columns that can have several values in a row.
	repeated []bool
	buffers  [][]byte // of the columns' windows
	whole    []byte   // the bytes of a row group
	// groupBytes is the size of the largest row group that is read as a whole.
	groupBytes int64
	pages      openPages
	scan       pageScanner
}

// splitParquet is Split for Parquet.
func splitParquet(r io.Reader, f feed.Format, lim feed.Limits, sink Sink) (Result, error) {
	return newParquetReader(f, lim, sink).split(r)
}

func newParquetReader(f feed.Format, lim feed.Limits, sink Sink) *parquetReader {
	return &parquetReader{
		sink: sink, limit: cmp.Or(lim.MaxRecordBytes, feed.DefaultMaxRecordBytes), columns: cmp.Or(lim.MaxColumns, feed.DefaultMaxColumns), nan: f.NaNAsNull,
		groupBytes: groupBytes, pages: openPages{limit: pageBytes},
	}
}

func (p *parquetReader) split(r io.Reader) (Result, error) {
	if access, ok := r.(RandomAccess); ok {
		if at, size, ok := access.ReaderAt(); ok {
			p.src, p.size = &trackingReaderAt{r: at}, size
		}
	}
	if p.src == nil {
		file, err := p.spool(r)
		if file != nil {
			defer func() { _ = file.Close() }() // it was deleted already
		}
		if err != nil {
			return p.result, ended(err)
		}
		p.src = &trackingReaderAt{r: file}
	}
	p.result.Bytes = p.size
	return p.result, ended(p.file())
}

// ended returns err unless it means that the remainder of the entry was rejected.
func ended(err error) error {
	if errors.Is(err, errRest) {
		return nil
	}
	return err
}

// spool copies a stream to a temporary file, which has no name any more.
func (p *parquetReader) spool(r io.Reader) (*os.File, error) {
	file, err := os.CreateTemp("", "parquet-")
	if err != nil {
		return nil, fmt.Errorf("split entry: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return file, fmt.Errorf("split entry: %w", err)
	}
	src := &trackingReader{r: io.LimitReader(r, maxSpooled+1)}
	p.size, err = io.Copy(file, src)
	p.result.Bytes = p.size
	switch {
	case src.err != nil:
		return file, p.failed(src.err)
	case err != nil:
		return file, fmt.Errorf("split entry: copy it to a temporary file: %w", err)
	case p.size > maxSpooled:
		return file, p.rest(LimitNestedParquet, fmt.Sprintf("a Parquet file inside an archive has more than %d MiB: send it separately", maxSpooled>>20))
	}
	return file, nil
}

// trackingReader and trackingReaderAt store the error of a reader, because the readers
// around them may replace it.
type trackingReader struct {
	r   io.Reader
	err error
}

func (t *trackingReader) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	if err != nil && err != io.EOF {
		t.err = err
	}
	return n, err
}

// errOffset is a fault of the file, not of the source.
var errOffset = errors.New("an offset is negative")

type trackingReaderAt struct {
	r  io.ReaderAt
	mu sync.Mutex
	// err is read through failure while reads go on.
	err error
}

func (t *trackingReaderAt) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *trackingReaderAt) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errOffset
	}
	n, err := t.r.ReadAt(b, off)
	if err != nil && err != io.EOF {
		t.mu.Lock()
		t.err = err
		t.mu.Unlock()
	}
	return n, err
}

// failed handles an error of the entry's reader.
func (p *parquetReader) failed(err error) error {
	var damage DamageError
	if errors.As(err, &damage) {
		return p.rest(damage.Damage(), damage.Error())
	}
	return fmt.Errorf("read entry: %w", err)
}

// rest rejects the remainder of the entry.
func (p *parquetReader) rest(reason, detail string) error {
	if err := p.reject(Rejection{Offset: -1, Reason: reason, Detail: detail, RawCut: true, Rest: true}); err != nil {
		return err
	}
	return errRest
}

func (p *parquetReader) reject(r Rejection) error {
	r.Ordinal = p.ordinal
	p.ordinal++
	p.result.Rejected++
	return p.sink.Reject(r)
}

// guard calls f, and returns an error of the source, or makes any other error and a panic
// of the Parquet reader an error of the file.
func (p *parquetReader) guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = p.damaged(fmt.Errorf("%v", r))
		}
	}()
	err = f()
	if err == nil || errors.Is(err, errPages) {
		return err
	}
	return p.damaged(err)
}

func (p *parquetReader) damaged(err error) error {
	if err := p.src.failure(); err != nil {
		return p.failed(err)
	}
	return p.rest(Corrupt, fmt.Sprintf("row %d: the Parquet file cannot be read: %v: send the file again", p.ordinal+1, err))
}

// file reads the whole file.
func (p *parquetReader) file() error {
	if p.size == 0 {
		return nil
	}
	if err := p.check(); err != nil {
		return err
	}
	var file *parquet.File
	err := p.guard(func() (err error) {
		file, err = parquet.OpenFile(p.src, p.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.FileReadMode(parquet.ReadModeSync), parquet.ReadBufferSize(8<<10))
		if err == nil {
			p.schema, err = newParquetSchema(file.Metadata().Schema)
		}
		return err
	})
	if err != nil {
		return err
	}
	leaves := p.schema.last - p.schema.first
	if leaves > p.columns {
		return p.rest(TooManyColumns, fmt.Sprintf("the file has %d columns, the limit is %d (Limits.MaxColumns)", leaves, p.columns))
	}
	if name := p.schema.duplicate(); name != "" {
		return p.rest(DuplicateKey, fmt.Sprintf("the schema has the column %q twice", name))
	}
	p.values = make([][]parquet.Value, leaves)
	p.buffers = make([][]byte, leaves)
	p.repeated = p.schema.repeats(nil)
	skip := int64(0)
	if resumer, ok := p.sink.(Resumer); ok {
		skip = resumer.From()
	}
	for i, group := range file.Metadata().RowGroups {
		if n := group.NumRows; skip >= n {
			skip -= n
			p.ordinal += n
			p.result.Records += n
			continue
		}
		if err := p.group(file, i, skip); err != nil {
			return err
		}
		skip = 0
	}
	return nil
}

// check reports what is not a Parquet file that can be read.
func (p *parquetReader) check() error {
	head, tail := make([]byte, 4), make([]byte, 8)
	if p.size < 12 {
		return p.rest(NotParquet, fmt.Sprintf("the entry has %d bytes, which is too short for Parquet: does this file belong to this feed?", p.size))
	}
	for b, at := range map[*[]byte]int64{&head: 0, &tail: p.size - 8} {
		if n, err := p.src.ReadAt(*b, at); n < len(*b) {
			return p.failed(cmp.Or(p.src.failure(), err))
		}
	}
	footer := int64(binary.LittleEndian.Uint32(tail))
	switch {
	case bytes.Equal(head, []byte("PARE")) || bytes.Equal(tail[4:], []byte("PARE")):
		return p.rest(NotParquet, "the Parquet file is encrypted: send it without encryption")
	case !bytes.Equal(head, []byte("PAR1")):
		return p.rest(NotParquet, "byte 0: Parquet begins with PAR1: does this file belong to this feed?")
	case !bytes.Equal(tail[4:], []byte("PAR1")):
		return p.rest(Truncated, "the Parquet file does not end with PAR1: send the complete file again")
	case footer > p.size-12:
		return p.rest(Corrupt, fmt.Sprintf("the footer of the Parquet file has %d bytes, the file %d: send the file again", footer, p.size))
	case footer > maxFooter:
		return p.rest(LimitFooter, fmt.Sprintf("the metadata of the Parquet file has %d bytes, the limit is %d: write fewer columns or larger row groups", footer, maxFooter))
	}
	return nil
}

// group reads a row group, of which the sink ignores the first skip rows.
func (p *parquetReader) group(file *parquet.File, number int, skip int64) error {
	var columns []columnReader
	err := p.guard(func() (err error) {
		columns, err = p.open(file, number)
		return err
	})
	if err != nil {
		return err
	}
	for left := file.Metadata().RowGroups[number].NumRows; left > 0; left-- {
		limit := p.limit
		err := p.guard(func() (err error) {
			for i := range columns {
				if limit, err = columns[i].read(limit); err != nil {
					return err
				}
				p.values[i] = columns[i].row
			}
			return nil
		})
		switch {
		case errors.Is(err, errPages):
			return p.rest(LimitPages, fmt.Sprintf("row %d: the pages of the Parquet file that are open at once need more than %d MiB: write smaller pages, or fewer columns", p.ordinal+1, p.pages.limit>>20))
		case err != nil:
			return err
		case skip > 0:
			skip--
			err = p.pass([]byte{})
		case limit < 0:
			err = p.tooLarge("has more than")
		default:
			err = p.row()
		}
		if err != nil {
			return err
		}
	}
	p.keep(columns)
	return nil
}

// open opens the columns of a row group.
func (p *parquetReader) open(file *parquet.File, number int) ([]columnReader, error) {
	group := file.Metadata().RowGroups[number]
	if len(group.Columns) != len(p.values) {
		return nil, fmt.Errorf("the row group has %d columns, the schema %d", len(group.Columns), len(p.values))
	}
	windows, err := p.windows(group)
	if err != nil {
		return nil, err
	}
	p.pages.bytes = 0
	columns := make([]columnReader, len(windows))
	for i, chunk := range file.RowGroups()[number].ColumnChunks() {
		chunk, ok := chunk.(*parquet.FileColumnChunk)
		if !ok {
			return nil, fmt.Errorf("the column chunk is a %T", chunk)
		}
		from, _ := columnRange(group.Columns[i])
		columns[i] = columnReader{
			window: &windows[i], codec: group.Columns[i].MetaData.Codec, open: &p.pages, scan: &p.scan, header: from,
			pages: chunk.PagesFrom(&windows[i]), repeated: p.repeated[i],
		}
	}
	return columns, nil
}

// keep keeps the buffers of the columns for the next row group.
func (p *parquetReader) keep(columns []columnReader) {
	if p.whole != nil {
		return
	}
	for i, c := range columns {
		p.buffers[i] = c.window.buf
	}
}

// row passes on or rejects a row.
func (p *parquetReader) row() error {
	invalid := invalidValue{}
	err := p.guard(func() error {
		out, err := p.schema.appendGroup(p.out[:0], p.values, p.nan)
		p.out = out
		if errors.As(err, &invalid) {
			return nil
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case invalid.reason != "":
		return p.reject(Rejection{Offset: -1, Reason: invalid.reason, Detail: fmt.Sprintf("row %d: %s", p.ordinal+1, invalid.text), RawCut: true})
	case len(p.out) > p.limit:
		return p.tooLarge(fmt.Sprintf("has %d bytes, more than", len(p.out)))
	}
	return p.pass(p.out)
}

func (p *parquetReader) tooLarge(has string) error {
	detail := fmt.Sprintf("row %d: as JSON the row %s the limit of %d bytes (Limits.MaxRecordBytes)", p.ordinal+1, has, p.limit)
	return p.reject(Rejection{Offset: -1, Reason: TooLarge, Detail: detail, RawCut: true})
}

// pass passes on a record.
func (p *parquetReader) pass(record []byte) error {
	if err := p.sink.Record(p.ordinal, record); err != nil {
		var limit *limitError
		if errors.As(err, &limit) {
			return p.rest(TooManyRecords, limit.Error())
		}
		return err
	}
	p.ordinal++
	p.result.Records++
	return nil
}
