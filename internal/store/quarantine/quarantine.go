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
	"example.com/ingestion/internal/aws/s3write"
	"example.com/ingestion/internal/ids"
)

// Record is one line of a quarantine object.
type Record struct {
	// ID, Feed, Source, Version, Entry and Ordinal identify the record and where it
	// came from, as in a part.
	ID      string `json:"id"`
	Feed    string `json:"feed"`
	Source  string `json:"source"`
	Version string `json:"version"`
	Entry   string `json:"entry"`
	Ordinal int64  `json:"ordinal"`
	// Offset is the position of the record in its decompressed entry, in bytes; -1 where it is unknown.
	Offset int64 `json:"offset"`
	// Stage is the function that rejected the record: unpack or load.
	Stage string `json:"stage"`
	// Reason is a constant to count by, Detail a description for people.
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	// Rest means that the record represents the rest of its entry, from Offset on.
	Rest bool `json:"rest,omitempty"`
	// Raw contains the original bytes, as text or, where they are not UTF-8, in base64.
	Raw         string `json:"raw"`
	RawEncoding string `json:"raw_encoding,omitempty"`
	// Copy is the key of a copy of the whole source object in the landing bucket,
	// where Raw does not contain everything that was rejected.
	Copy string `json:"copy,omitempty"`
}

// SetRaw sets Raw and RawEncoding from the original bytes.
func (r *Record) SetRaw(raw []byte) {
	if utf8.Valid(raw) {
		r.Raw, r.RawEncoding = string(raw), ""
		return
	}
	r.Raw, r.RawEncoding = base64.StdEncoding.EncodeToString(raw), "base64"
}

// Bytes returns the original bytes.
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

// objectBytes is the compressed size at which an object is closed, in bytes.
const objectBytes = 4 << 20

// Writer writes the quarantine of one invocation. The keys of its objects contain
// a hash of their content, so that no other invocation, be it a retry or concurrent,
// overwrites them with different content. A record may then be in several
// objects: it has the same ID in each, and the ledger counts it once.
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
	known   map[string]string // keys of existing objects by the hash in them
}

// NewWriter returns a Writer of objects
// <prefix><feed>/<date>/<upload>/<name>-<hash of the lines>.ndjson.gz.
func NewWriter(ctx context.Context, api s3source.API, bucket, prefix string, u ids.Upload, name string) *Writer {
	return &Writer{
		ctx: ctx, api: api, bucket: bucket, folder: u.Folder(prefix), name: name, sum: sha256.New(), reasons: map[string]int64{},
	}
}

// NewReplayWriter returns a Writer for what the replay with that number of an
// upload rejects again of a group. Where an object would have the same content as
// one of the existing keys, the existing one is kept instead.
func NewReplayWriter(ctx context.Context, api s3source.API, bucket, prefix string, u ids.Upload, group string, replay int64, existing []string) *Writer {
	w := NewWriter(ctx, api, bucket, prefix, u, group+fmt.Sprintf(replayMark, replay))
	w.known = map[string]string{}
	for _, key := range existing {
		w.known[hashOf(key)] = key
	}
	return w
}

// CopyKey returns the key of the copy of an upload's source object.
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
			err = s3write.Put(w.ctx, w.api, w.bucket, key, "application/gzip", w.buf.Bytes())
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

// Close writes the last object and returns the number of records added, in total and by reason.
func (w *Writer) Close() (count int64, reasons map[string]int64, err error) {
	if w.gz != nil {
		err = w.put()
	}
	return w.count, w.reasons, err
}

// Keys returns the keys of the objects that contain the records added.
func (w *Writer) Keys() []string { return w.keys }

// ErrNotQuarantine means that an object is not a quarantine object.
var ErrNotQuarantine = errors.New("not a quarantine object")

// Read calls yield for each record in the bytes of a quarantine object.
func Read(object []byte, yield func(Record) error) error {
	return ReadFrom(bytes.NewReader(object), yield)
}

// ReadFrom is like Read, for the body of an object.
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
