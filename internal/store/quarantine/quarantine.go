// Package quarantine keeps what cannot be loaded, whole, with the reason: as
// gzipped NDJSON objects beside the parts. Each line is a Record.
package quarantine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/ids"
)

// Record is one line of a quarantine object.
type Record struct {
	// ID, Feed, Source, Version, Entry and Ordinal say where the record came
	// from, as in a part.
	ID      string `json:"id"`
	Feed    string `json:"feed"`
	Source  string `json:"source"`
	Version string `json:"version"`
	Entry   string `json:"entry"`
	Ordinal int64  `json:"ordinal"`
	// Offset is where the record began in its decompressed entry, in bytes; -1 where it is not known.
	Offset int64 `json:"offset"`
	// Stage is the function that refused the record: unpack or load.
	Stage string `json:"stage"`
	// Reason is one word to count by, Detail a sentence to act on.
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	// Rest says that the record stands for all of its entry from Offset on.
	Rest bool `json:"rest,omitempty"`
	// Raw holds the bytes, as text or, where they are not UTF-8, in base64.
	Raw         string `json:"raw"`
	RawEncoding string `json:"raw_encoding,omitempty"`
	// Copy is the key of a copy of the whole source object in the landing
	// bucket, where Raw is not all that was refused.
	Copy string `json:"copy,omitempty"`
}

// SetRaw fills Raw and RawEncoding from the bytes as they came.
func (r *Record) SetRaw(raw []byte) {
	if utf8.Valid(raw) {
		r.Raw, r.RawEncoding = string(raw), ""
		return
	}
	r.Raw, r.RawEncoding = base64.StdEncoding.EncodeToString(raw), "base64"
}

// Bytes returns the raw bytes as they came.
func (r *Record) Bytes() ([]byte, error) {
	if r.RawEncoding != "base64" {
		return []byte(r.Raw), nil
	}
	b, err := base64.StdEncoding.DecodeString(r.Raw)
	if err != nil {
		return nil, fmt.Errorf("quarantined record %s: %w", r.ID, err)
	}
	return b, nil
}

// objectBytes is the compressed size at which an object is closed.
const objectBytes = 4 << 20

// Writer writes one invocation's quarantine. Its objects are named by what is in
// them, so that no invocation, repeated or beside another, writes over what
// another has kept. The same record may then be in several objects: its ID
// tells, and the ledger counts it once.
type Writer struct {
	ctx     context.Context
	api     s3source.API
	bucket  string
	folder  string
	name    string
	buf     bytes.Buffer
	gz      *gzip.Writer
	sum     hash.Hash
	count   int64
	reasons map[string]int64
	keys    []string
	known   map[string]string // keys by the hash in them
}

// NewWriter returns a Writer of objects
// <prefix><feed>/<date>/<upload>/<name>-<hash of the lines>.ndjson.gz.
func NewWriter(ctx context.Context, api s3source.API, bucket, prefix string, u ids.Upload, name string) *Writer {
	return &Writer{
		ctx: ctx, api: api, bucket: bucket, folder: u.Folder(prefix), name: name, sum: sha256.New(), reasons: map[string]int64{},
	}
}

// NewReplayWriter returns a Writer of what a replay of an upload, by its number,
// refuses again of a group. What comes out as one of the objects that are there
// stays that object.
func NewReplayWriter(ctx context.Context, api s3source.API, bucket, prefix string, u ids.Upload, group string, replay int64, there []string) *Writer {
	w := NewWriter(ctx, api, bucket, prefix, u, group+fmt.Sprintf(replayMark, replay))
	w.known = map[string]string{}
	for _, key := range there {
		w.known[hashOf(key)] = key
	}
	return w
}

// CopyKey is the key of the copy of an upload's source object.
func CopyKey(prefix string, u ids.Upload) string { return u.Folder(prefix) + "source" }

// Add puts one record in quarantine.
func (w *Writer) Add(r Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("quarantine record %s: %w", r.ID, err)
	}
	if w.gz == nil {
		w.gz = gzip.NewWriter(&w.buf)
	}
	line = append(line, '\n')
	w.sum.Write(line) // a hash never fails
	if _, err := w.gz.Write(line); err != nil {
		return fmt.Errorf("quarantine record %s: %w", r.ID, err)
	}
	w.count++
	w.reasons[r.Reason]++
	if w.buf.Len() >= objectBytes {
		return w.put()
	}
	return nil
}

func (w *Writer) put() error {
	err := w.gz.Close()
	if err == nil {
		key := fmt.Sprintf("%s%s-%x%s", w.folder, w.name, w.sum.Sum(nil)[:8], extension)
		if same, ok := w.known[hashOf(key)]; ok {
			key = same
		} else {
			err = s3source.Put(w.ctx, w.api, w.bucket, key, "application/gzip", w.buf.Bytes())
		}
		w.keys = append(w.keys, key)
	}
	w.gz = nil
	w.buf.Reset()
	w.sum.Reset()
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	return nil
}

// Close writes what is left and returns how many records there are, in all and by reason.
func (w *Writer) Close() (count int64, reasons map[string]int64, err error) {
	if w.gz != nil {
		err = w.put()
	}
	return w.count, w.reasons, err
}

// Keys are those of the objects that hold what was added.
func (w *Writer) Keys() []string { return w.keys }

// ErrNotQuarantine means that an object is not one of quarantine's.
var ErrNotQuarantine = errors.New("not a quarantine object")

// Read calls yield for each record of a quarantine object's bytes.
func Read(object []byte, yield func(Record) error) error {
	return ReadFrom(bytes.NewReader(object), yield)
}

// ReadFrom is Read of an object's body.
func ReadFrom(body io.Reader, yield func(Record) error) error {
	gz, err := gzip.NewReader(body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotQuarantine, err)
	}
	lines := json.NewDecoder(gz)
	for lines.More() {
		var r Record
		if err := lines.Decode(&r); err != nil {
			return fmt.Errorf("%w: %w", ErrNotQuarantine, err)
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}
