package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/klauspost/compress/gzip"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/aws/s3write"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/store/ledger"
)

// ContentType is the content type of change objects. Like parts they have no Content-Encoding.
const ContentType = "application/gzip"

// Handler exports batches of the table's stream, with the changes of all feeds.
type Handler struct {
	Bucket string // of landing
	S3     s3source.API
	// Uploads returns an upload of the ledger, and false if it has none of that ID.
	Uploads func(ctx context.Context, feedName, id string) (ledger.Upload, bool, error)
	Log     *slog.Logger

	known map[string]origin // by upload
}

// Handle is the function's handler. An error fails the batch, which Lambda then
// retries or bisects: no change is skipped because it cannot be read.
func (h *Handler) Handle(ctx context.Context, event Event) error {
	ctx, cancel := handler.WithDeadline(ctx)
	defer cancel()
	start := time.Now()
	b, err := read(event, h.origins(ctx))
	var written int
	if err == nil {
		written, err = h.write(ctx, b.objects)
	}
	log := h.Log.With("changes", len(event.Records), "exported", b.exported, "ledger", b.skipped[kindLedger],
		"foreign", b.skipped[kindForeign], "expired", b.skipped[kindExpired], "objects", len(b.objects), "bytes_written", written, "seconds", time.Since(start).Seconds())
	if len(event.Records) > 0 {
		log = log.With("first_sequence", event.Records[0].Change.SequenceNumber)
	}
	if err != nil {
		log.Error("failed", "error", err.Error())
		return err
	}
	log.Info("exported")
	return nil
}

// batch is the output of a batch of the stream. All lines are in memory: they are not
// much longer than the 6 MB of JSON that Lambda passes in one invocation.
type batch struct {
	objects  []*object // in the order of their first change
	exported int
	skipped  map[kind]int
}

// object has the changes of one feed, in the stream's order.
type object struct {
	feed        string
	first, last string // sequence numbers, padded
	time        time.Time
	lines       []byte
}

func read(event Event, origins func(feedName, upload string) (origin, error)) (batch, error) {
	b := batch{skipped: map[kind]int{}}
	byFeed := map[string]*object{}
	l := liner{origin: origins}
	for i := range event.Records {
		r := &event.Records[i]
		c, k, err := r.read()
		if err == nil && k == kindRecord && r.expired() {
			var o origin
			if o, err = origins(c.feed, c.upload); err == nil && !o.expire {
				k = kindExpired
			}
		}
		if err == nil && k != kindRecord {
			b.skipped[k]++
			continue
		}
		if err == nil {
			o := byFeed[c.feed]
			if o == nil {
				o = &object{feed: c.feed, first: c.sequence, time: c.time}
				byFeed[c.feed] = o
				b.objects = append(b.objects, o)
			}
			o.last = c.sequence
			o.lines, err = l.append(o.lines, c)
		}
		if err != nil {
			keys := r.Change.Keys
			return b, fmt.Errorf("change %d of %d, sequence number %q, event %q, item %q %q: %w",
				i+1, len(event.Records), r.Change.SequenceNumber, r.EventID, keys.Partition.S, keys.Sort.S, err)
		}
		b.exported++
	}
	return b, nil
}

// write writes the objects sequentially: most batches have one.
func (h *Handler) write(ctx context.Context, objects []*object) (written int, err error) {
	if len(objects) == 0 {
		return 0, nil
	}
	var buf bytes.Buffer
	gz, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		return 0, fmt.Errorf("make gzip writer: %w", err)
	}
	for _, o := range objects {
		buf.Reset()
		gz.Reset(&buf)
		if _, err := gz.Write(o.lines); err != nil {
			return written, fmt.Errorf("feed %s: compress changes: %w", o.feed, err)
		}
		if err := gz.Close(); err != nil {
			return written, fmt.Errorf("feed %s: compress changes: %w", o.feed, err)
		}
		if err := s3write.PutNew(ctx, h.S3, h.Bucket, o.key(), ContentType, bytes.NewReader(buf.Bytes())); err != nil {
			return written, fmt.Errorf("feed %s: changes %s to %s: %w", o.feed, o.first, o.last, err)
		}
		written += buf.Len()
	}
	return written, nil
}

// key is derived from the object's content: the date of its first change, the range of
// its sequence numbers and, because two shards may have the same numbers, a hash of
// its lines. The hash is that of the uncompressed lines, so that another version of
// the compressor makes the same key.
func (o *object) key() string {
	sum := sha256.Sum256(o.lines)
	return feed.DefaultChangesPrefix + o.feed + o.time.Format("/2006/01/02/") +
		o.first + "-" + o.last + "-" + hex.EncodeToString(sum[:8]) + ".ndjson.gz"
}
