package landing

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/semaphore"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/ids"
)

// ContentType is that of parts. There is no Content-Encoding: clients that see
// one decompress on their own, and then the name is wrong.
const ContentType = "application/gzip"

const (
	// maxBytesUnderWay bounds the compressed parts that wait for S3. One more is being made.
	maxBytesUnderWay = 16 << 20
	// maxPartsUnderWay bounds their number, for archives of many small entries.
	maxPartsUnderWay = 16
)

// Part is a part that was written.
type Part struct {
	Entry, Number int
	Key           string
	Records       int64
	Bytes         int64 // compressed
}

// Config is what a Writer needs to know.
type Config struct {
	API    s3source.API
	Bucket string
	// Prefix is the feed spec's LandingPrefix.
	Prefix string
	Upload ids.Upload
	// PartBytes is the size of the payloads at which a part is closed.
	PartBytes int64
	// Landed is called, concurrently and in no order, for each part once it is in the bucket.
	Landed func(context.Context, Part) error
}

// Writer cuts records into parts at record boundaries and uploads a part while
// the next is being made. It is for one goroutine. After an error it is of no
// use but for Close.
type Writer struct {
	c      Config
	ctx    context.Context
	cancel context.CancelCauseFunc
	slots  *semaphore.Weighted
	bytes  *semaphore.Weighted
	wg     sync.WaitGroup

	env     envelope
	part    Part
	payload int64 // bytes of payload in the open part
	line    []byte
	buf     *chunks
	gz      *gzip.Writer
	store   store

	parts, landed int64
}

// NewWriter returns a Writer whose uploads end with ctx.
func NewWriter(ctx context.Context, c Config) (*Writer, error) {
	w := &Writer{
		c: c, slots: semaphore.NewWeighted(maxPartsUnderWay), bytes: semaphore.NewWeighted(maxBytesUnderWay),
		line: make([]byte, 0, lineBuffer+lineBuffer/4),
	}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	var err error
	if w.gz, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
		return nil, fmt.Errorf("make gzip writer: %w", err)
	}
	return w, nil
}

// lineBuffer is how much goes to the compressor at a time.
const lineBuffer = 64 << 10

// StartEntry begins an entry: its records' ordinals start again, its parts at
// firstPart, which is not 0 where an earlier invocation landed the ones before.
func (w *Writer) StartEntry(entry int, path string, firstPart int) error {
	env, err := newEnvelope(w.c.Upload, entry, path)
	if err != nil {
		return err
	}
	w.env = env
	w.part = Part{Entry: entry, Number: firstPart}
	return nil
}

// NextPart is the number of the entry's open or next part, and whether it is
// still without a record: then everything before it is in closed parts.
func (w *Writer) NextPart() (number int, empty bool) { return w.part.Number, w.buf == nil }

// Record adds one record to the entry. It copies data.
func (w *Writer) Record(ordinal int64, data []byte) error {
	if w.buf == nil {
		if err := context.Cause(w.ctx); err != nil {
			return err
		}
		w.buf = &chunks{from: &w.store}
		w.gz.Reset(w.buf)
		w.payload = 0
	}
	w.line = w.env.appendHead(w.line, ordinal)
	w.line = append(w.line, data...)
	w.line = append(w.line, '}', '\n')
	w.part.Records++
	w.payload += int64(len(data))
	if len(w.line) >= lineBuffer {
		if err := w.flush(); err != nil {
			return err
		}
	}
	// The envelope does not count, so that the cut hangs on the source alone.
	if w.payload >= w.c.PartBytes {
		return w.closePart()
	}
	return nil
}

func (w *Writer) flush() error {
	_, err := w.gz.Write(w.line)
	w.line = w.line[:0]
	if err != nil {
		return fmt.Errorf("compress part: %w", err)
	}
	return nil
}

// EndEntry closes the entry's last part: no part has records of two entries.
func (w *Writer) EndEntry() error {
	if w.buf == nil {
		return nil
	}
	return w.closePart()
}

func (w *Writer) closePart() error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.gz.Close(); err != nil {
		return fmt.Errorf("compress part: %w", err)
	}
	part, buf := w.part, w.buf
	part.Key = w.c.Upload.PartKey(w.c.Prefix, part.Entry, part.Number)
	part.Bytes = buf.total
	w.buf = nil
	w.part = Part{Entry: part.Entry, Number: part.Number + 1}
	w.parts++
	w.landed += part.Bytes

	weight := min(part.Bytes, maxBytesUnderWay)
	if err := errors.Join(w.slots.Acquire(w.ctx, 1), w.bytes.Acquire(w.ctx, weight)); err != nil {
		return context.Cause(w.ctx)
	}
	w.wg.Go(func() {
		defer w.slots.Release(1)
		defer w.bytes.Release(weight)
		created, err := s3source.Create(w.ctx, w.c.API, w.c.Bucket, part.Key, ContentType, buf.reader())
		if created {
			buf.release()
		}
		if err == nil {
			err = w.c.Landed(w.ctx, part)
		}
		if err != nil {
			w.cancel(fmt.Errorf("part %s: %w", part.Key, err))
		}
	})
	return nil
}

// Close waits for the uploads and returns how many parts there are and their
// compressed size, or the first error. The last entry must have been ended.
func (w *Writer) Close() (parts, landedBytes int64, err error) {
	w.wg.Wait()
	err = context.Cause(w.ctx)
	w.cancel(nil)
	return w.parts, w.landed, err
}
