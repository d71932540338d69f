package landing

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/semaphore"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/aws/s3write"
	"example.com/ingestion/internal/ids"
)

// ContentType is the content type of parts. They have no Content-Encoding, because
// clients decompress such objects, and then their names are wrong.
const ContentType = "application/gzip"

const (
	// maxBytesInFlight bounds the compressed parts being uploaded, in bytes. One
	// more part is being written.
	maxBytesInFlight = 16 << 20
	// maxPartsInFlight bounds their number, for archives of many small entries.
	maxPartsInFlight = 16
)

// MaxPartRecords is the number of records at which a part is closed: its lines have some
// 200 bytes around each payload, so that 32 MiB of payloads of a byte or two are gigabytes.
const MaxPartRecords = 1_000_000

// Part is a part that was closed.
type Part struct {
	Entry   int // of its first record
	Number  int // among the parts of the upload
	Key     string
	Records int64
	Bytes   int64 // compressed
}

// Config is the configuration of a Writer.
type Config struct {
	API    s3source.API
	Bucket string
	// Prefix is the feed spec's LandingPrefix.
	Prefix string
	Upload ids.Upload
	// PartBytes is the uncompressed size of the payloads at which a part is closed.
	PartBytes int64
	// FirstPart is the number of the first part: how many parts earlier invocations
	// have closed.
	FirstPart int
	// Landed is called, concurrently and in no order, for each part once it is in the bucket.
	Landed func(context.Context, Part) error
}

// Writer divides records into parts and uploads a part while it writes the next.
// Its methods must be called by one goroutine at a time. After an error only
// Close may be called.
type Writer struct {
	c      Config
	ctx    context.Context
	cancel context.CancelCauseFunc
	slots  *semaphore.Weighted
	bytes  *semaphore.Weighted
	wg     sync.WaitGroup

	env     envelope
	entry   int
	part    Part
	payload int64 // bytes of payload, and what Skipped counts, in the open part
	line    []byte
	buf     *partBuffer
	gz      *gzip.Writer
	chunks  chunkPool

	parts, landed int64
}

// NewWriter returns a Writer whose uploads end with ctx.
func NewWriter(ctx context.Context, c Config) (*Writer, error) {
	w := &Writer{
		c: c, slots: semaphore.NewWeighted(maxPartsInFlight), bytes: semaphore.NewWeighted(maxBytesInFlight),
		line: make([]byte, 0, lineBuffer+lineBuffer/4),
		part: Part{Number: c.FirstPart},
	}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	var err error
	if w.gz, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
		return nil, fmt.Errorf("make gzip writer: %w", err)
	}
	return w, nil
}

// lineBuffer is how many bytes are given to the compressor at a time.
const lineBuffer = 64 << 10

// StartEntry begins an entry. The open part continues with its records.
func (w *Writer) StartEntry(entry int, path string) error {
	env, err := newEnvelope(w.c.Upload, entry, path)
	if err != nil {
		return err
	}
	w.env, w.entry = env, entry
	if w.buf != nil {
		return w.Skipped(entryBytes)
	}
	return nil
}

// entryBytes is what an entry adds to the size of the open part, so that a part ends
// too in an archive of many entries with hardly any records.
const entryBytes = 64

// Skipped adds the bytes of a rejected record to the size of the open part. With it a
// part is closed, and the upload can be continued after it, in a file of which hardly
// any record can be read too.
func (w *Writer) Skipped(bytes int64) error {
	if w.buf == nil {
		return nil
	}
	w.payload += bytes
	return w.closeFull()
}

// NextPart returns the number of the open or next part, and whether it has no record
// yet: then all records so far are in closed parts.
func (w *Writer) NextPart() (number int, empty bool) { return w.part.Number, w.buf == nil }

// Record adds one record to the entry. It copies data.
func (w *Writer) Record(ordinal int64, data []byte) error {
	if w.buf == nil {
		if err := context.Cause(w.ctx); err != nil {
			return err
		}
		w.buf = &partBuffer{pool: &w.chunks}
		w.gz.Reset(w.buf)
		w.payload, w.part.Entry = 0, w.entry
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
	// The envelope is not counted, so that the parts depend on the source only.
	return w.closeFull()
}

func (w *Writer) closeFull() error {
	if w.payload < w.c.PartBytes && w.part.Records < MaxPartRecords {
		return nil
	}
	return w.closePart()
}

func (w *Writer) flush() error {
	_, err := w.gz.Write(w.line)
	w.line = w.line[:0]
	if err != nil {
		return fmt.Errorf("compress part: %w", err)
	}
	return nil
}

// Finish closes the last part, after the last record of the upload.
func (w *Writer) Finish() error {
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
	w.part = Part{Number: part.Number + 1}
	w.parts++
	w.landed += part.Bytes

	weight := min(part.Bytes, maxBytesInFlight)
	if err := errors.Join(w.slots.Acquire(w.ctx, 1), w.bytes.Acquire(w.ctx, weight)); err != nil {
		return context.Cause(w.ctx)
	}
	w.wg.Go(func() {
		defer w.slots.Release(1)
		defer w.bytes.Release(weight)
		created, err := s3write.Create(w.ctx, w.c.API, w.c.Bucket, part.Key, ContentType, buf.reader())
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

// Close waits for the uploads and returns the number of parts and their compressed
// size in bytes, or the first error. Without Finish the open part is not landed.
func (w *Writer) Close() (parts, landedBytes int64, err error) {
	w.wg.Wait()
	err = context.Cause(w.ctx)
	w.cancel(nil)
	return w.parts, w.landed, err
}
