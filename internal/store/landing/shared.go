package landing

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/aws/s3write"
	"example.com/ingestion/internal/ids"
)

// MaxMemberBytes is how many bytes of lines one upload may have in a shared part: they
// are in memory until the upload is known to be complete.
const MaxMemberBytes = 4 << 20

// ErrMemberTooLarge means that an upload has more than MaxMemberBytes of lines: it needs
// parts of its own.
var ErrMemberTooLarge = errors.New("the records are too large for a shared part")

// ErrDropped means that another invocation has dropped a shared part before it was
// written, see DropShared.
var ErrDropped = errors.New("another invocation has dropped the part")

// SharedWriter writes one part with the records of several small uploads. Its methods
// must be called by one goroutine at a time.
type SharedWriter struct {
	c     Config
	gz    *gzip.Writer
	buf   partBuffer
	bytes int64 // of lines in the part

	// The open upload.
	upload  ids.Upload
	env     envelope
	lines   []byte
	records int64

	part Part
}

// NewSharedWriter returns a SharedWriter. Config.Upload, PartBytes, FirstPart and Landed
// are not used.
func NewSharedWriter(c Config) (*SharedWriter, error) {
	w := &SharedWriter{c: c}
	w.buf.pool = &chunkPool{}
	var err error
	if w.gz, err = gzip.NewWriterLevel(&w.buf, gzip.BestSpeed); err != nil {
		return nil, fmt.Errorf("make gzip writer: %w", err)
	}
	return w, nil
}

// Start begins an upload. What was added of another one without Keep is discarded.
func (w *SharedWriter) Start(u ids.Upload) {
	w.upload, w.lines, w.records = u, w.lines[:0], 0
}

// StartEntry begins an entry of the upload.
func (w *SharedWriter) StartEntry(entry int, path string) (err error) {
	w.env, err = newEnvelope(w.upload, entry, path)
	return err
}

// Record adds one record to the entry. It copies data. The error is ErrMemberTooLarge
// where the upload needs parts of its own.
func (w *SharedWriter) Record(ordinal int64, data []byte) error {
	w.lines = w.env.appendHead(w.lines, ordinal)
	w.lines = append(w.lines, data...)
	w.lines = append(w.lines, '}', '\n')
	w.records++
	if len(w.lines) > MaxMemberBytes {
		return ErrMemberTooLarge
	}
	return nil
}

// Skipped does nothing, unlike that of Writer: the part does not end within an upload.
func (w *SharedWriter) Skipped(int64) error { return nil }

// NextPart reports that the part is open, see Writer.NextPart.
func (w *SharedWriter) NextPart() (number int, empty bool) { return 0, false }

// Keep adds the records of the upload to the part, and returns their number.
func (w *SharedWriter) Keep() (records int64, err error) {
	if _, err := w.gz.Write(w.lines); err != nil {
		return 0, fmt.Errorf("compress part: %w", err)
	}
	records = w.records
	w.bytes += int64(len(w.lines))
	w.part.Records += records
	w.Start(ids.Upload{})
	return records, nil
}

// Bytes is how many bytes of lines the part has.
func (w *SharedWriter) Bytes() int64 { return w.bytes }

// Close completes the part, which Land writes to the bucket. of has the feed, the ID of
// the shared part, and a time.
func (w *SharedWriter) Close(of ids.Upload) (Part, error) {
	if err := w.gz.Close(); err != nil {
		return Part{}, fmt.Errorf("compress part: %w", err)
	}
	w.part.Key, w.part.Bytes = of.PartKey(w.c.Prefix, 0, 0), w.buf.total
	return w.part, nil
}

// Land writes the part to the bucket. A part that exists stays as it is. The error wraps
// ErrDropped where another invocation has dropped it.
func (w *SharedWriter) Land(ctx context.Context) error {
	created, err := s3write.Create(ctx, w.c.API, w.c.Bucket, w.part.Key, ContentType, w.buf.reader())
	if err == nil && !created {
		var landed bool
		if landed, err = isLanded(ctx, w.c.API, w.c.Bucket, w.part.Key, w.part.Bytes); err == nil && !landed {
			err = ErrDropped
		}
	}
	if err != nil {
		return fmt.Errorf("part %s: %w", w.part.Key, err)
	}
	return nil
}

// DropShared drops a shared part unless it is landed, and reports whether it is. A part
// without records takes its place, so that an invocation that is late cannot land it any
// more: who reads the parts of the bucket would have its records twice.
func DropShared(ctx context.Context, api s3source.API, bucket, key string, bytes int64) (landed bool, err error) {
	empty := partBuffer{pool: &chunkPool{}}
	gz, err := gzip.NewWriterLevel(&empty, gzip.BestSpeed)
	if err == nil {
		err = gz.Close()
	}
	if err != nil {
		return false, fmt.Errorf("compress part: %w", err)
	}
	created, err := s3write.Create(ctx, api, bucket, key, ContentType, empty.reader())
	if err == nil && !created {
		landed, err = isLanded(ctx, api, bucket, key, bytes)
	}
	if err != nil {
		return false, fmt.Errorf("drop part %s: %w", key, err)
	}
	return landed, nil
}

// isLanded reports whether the object with the key of a shared part has its length, and
// not that of a part without records.
func isLanded(ctx context.Context, api s3source.API, bucket, key string, bytes int64) (bool, error) {
	out, err := api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return false, fmt.Errorf("read metadata: %w", err)
	}
	return aws.ToInt64(out.ContentLength) == bytes, nil
}
