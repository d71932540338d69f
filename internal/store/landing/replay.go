package landing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/klauspost/compress/gzip"

	"example.com/ingestion/internal/aws/s3write"
	"example.com/ingestion/internal/ids"
)

// ReplayWriter lands records that were in quarantine, in separate parts, one after
// the other. The keys of the parts contain a hash of their content, so repeating a
// replay lands, and announces, nothing twice. Its methods must be called by one
// goroutine at a time.
type ReplayWriter struct {
	ctx    context.Context
	c      Config
	number int64 // of the replay

	env     envelope
	entry   int
	path    string
	open    bool
	payload int64
	line    []byte
	sum     hash.Hash
	buf     *partBuffer
	gz      *gzip.Writer
	chunks  chunkPool
	part    ReplayPart
	parts   []ReplayPart
	records int64
}

// ReplayPart is a part of a ReplayWriter.
type ReplayPart struct {
	Name    string `json:"name"` // see ids.ReplayPartName
	Entry   int    `json:"entry"`
	Key     string `json:"key"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"` // compressed
}

// NewReplayWriter returns the writer of the replay with that number of an upload.
// Config.Landed is not used.
func NewReplayWriter(ctx context.Context, c Config, number int64) (*ReplayWriter, error) {
	gz, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("make gzip writer: %w", err)
	}
	return &ReplayWriter{ctx: ctx, c: c, number: number, sum: sha256.New(), gz: gz}, nil
}

// Record adds one record of an entry. It copies data.
func (w *ReplayWriter) Record(entry int, path string, ordinal int64, data []byte) error {
	if w.open && (w.entry != entry || w.path != path) {
		if err := w.close(); err != nil {
			return err
		}
	}
	if !w.open {
		env, err := newEnvelope(w.c.Upload, entry, path)
		if err != nil {
			return err
		}
		w.open, w.env, w.entry, w.path = true, env, entry, path
		w.buf = &partBuffer{pool: &w.chunks}
		w.gz.Reset(w.buf)
		w.sum.Reset()
		w.payload = 0
		w.part = ReplayPart{Name: ids.ReplayPartName(entry, w.number, len(w.parts)), Entry: entry}
	}
	w.line = w.env.appendHead(w.line[:0], ordinal)
	w.line = append(w.line, data...)
	w.line = append(w.line, '}', '\n')
	w.sum.Write(w.line) // a hash never fails
	if _, err := w.gz.Write(w.line); err != nil {
		return fmt.Errorf("compress part: %w", err)
	}
	w.records++
	w.part.Records++
	if w.payload += int64(len(data)); w.payload >= w.c.PartBytes {
		return w.close()
	}
	return nil
}

func (w *ReplayWriter) close() error {
	if err := w.gz.Close(); err != nil {
		return fmt.Errorf("compress part: %w", err)
	}
	w.open = false
	w.part.Key = w.c.Upload.ReplayPartKey(w.c.Prefix, w.entry, hex.EncodeToString(w.sum.Sum(nil)[:8]))
	w.part.Bytes = w.buf.total
	created, err := s3write.Create(w.ctx, w.c.API, w.c.Bucket, w.part.Key, ContentType, w.buf.reader())
	if err != nil {
		return fmt.Errorf("part %s: %w", w.part.Key, err)
	}
	if created {
		w.buf.release()
	}
	w.parts = append(w.parts, w.part)
	return nil
}

// Records returns how many records were added.
func (w *ReplayWriter) Records() int64 { return w.records }

// Closed returns how many parts were landed, without the one being written.
func (w *ReplayWriter) Closed() int { return len(w.parts) }

// Close lands the last part and returns all parts.
func (w *ReplayWriter) Close() ([]ReplayPart, error) {
	if !w.open {
		return w.parts, nil
	}
	err := w.close()
	return w.parts, err
}
