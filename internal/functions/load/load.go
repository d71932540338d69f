// Package load turns a part into items of the table: it is the load function,
// apart from its wiring.
package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/metrics"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// Stage is the name that quarantined records carry.
const Stage = "load"

// reasonRefused is the reason of a record that DynamoDB itself refused.
const reasonRefused = "refused_by_dynamodb"

// Handler loads parts.
type Handler struct {
	Spec     feed.Spec
	Bucket   string // of landing and quarantine
	Table    string
	S3       s3source.API
	DynamoDB *batchwrite.Client
	Ledger   *ledger.Ledger
	// Continue hands a part to the function's next invocation.
	Continue func(context.Context, ids.PartRef) error
	// NearDeadline is handler.NearDeadline, except in tests.
	NearDeadline func(context.Context) func() bool
	Metrics      *metrics.Emitter
	Log          *slog.Logger
}

// Handle is the function: payload is an upload.PartRef. An error means that the
// same payload is to be sent again; what was stored is stored again as it was.
func (h *Handler) Handle(ctx context.Context, payload json.RawMessage) error {
	ctx, cancel := handler.WithDeadline(ctx)
	defer cancel()
	var ref ids.PartRef
	if err := json.Unmarshal(payload, &ref); err != nil {
		return fmt.Errorf("payload is no part's name: %w", err)
	}
	err := h.part(ctx, ref)
	if err != nil {
		err = fmt.Errorf("feed %s: upload %s: part %s: %w", ref.Feed, ref.Upload, ref.Part, err)
		h.Log.Error("failed", "error", err.Error())
	}
	return err
}

func (h *Handler) part(ctx context.Context, ref ids.PartRef) error {
	start := time.Now()
	if ref.Feed != h.Spec.Feed {
		return fmt.Errorf("this function loads feed %q", h.Spec.Feed)
	}
	p, ok, err := h.Ledger.GetPart(ctx, ref.Feed, ref.Upload, ref.Part)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the ledger does not know the part")
	}
	if p.State.Done() {
		h.Log.Info("known already", "upload", p.Upload, "part", p.Name, "state", p.State)
	} else if done, err := h.load(ctx, &p, start); err != nil {
		return err
	} else if !done {
		return h.handOn(ctx, ref)
	}
	_, err = h.Ledger.Settle(ctx, p.Feed, p.Upload)
	return err
}

// handOn hands the rest of a part on.
func (h *Handler) handOn(ctx context.Context, ref ids.PartRef) error {
	if ref.Continuation++; ref.Continuation > handler.MaxContinuations {
		return fmt.Errorf("handed on %d times and not done: is the table's capacity limited?", handler.MaxContinuations)
	}
	return h.Continue(ctx, ref)
}

// load loads the part from where an earlier invocation left it. It is not done
// when the time was up: what was loaded is then stored as the part's progress.
func (h *Handler) load(ctx context.Context, p *ledger.Part, start time.Time) (done bool, err error) {
	u := ids.Upload{ID: p.Upload, Feed: p.Feed, Time: p.Time}
	l := &loader{
		part:       p,
		quarantine: quarantine.NewWriter(ctx, h.S3, h.Bucket, h.Spec.QuarantinePrefix, u, Stage+"-"+p.Name),
		refused:    map[int64]error{}, from: p.Lines, expired: h.NearDeadline(ctx),
	}
	l.prepareKeys()
	l.writer, err = h.DynamoDB.NewWriter(ctx, h.Table, func(tag int64, err error) { l.refused[tag] = err })
	if err != nil {
		return false, err
	}
	readErr := h.eachLine(ctx, p.Key, l.put)
	stored, calls, writeErr := l.writer.Flush()
	if writeErr != nil {
		readErr = nil // the reading ended because the writing had
	}
	nearDeadline := errors.Is(readErr, errTimeUp)
	if nearDeadline {
		readErr = nil
	}
	if err := errors.Join(readErr, writeErr); err != nil {
		return false, err
	}
	if !nearDeadline && l.lines != p.Records {
		return false, fmt.Errorf("s3://%s/%s holds %d records, the ledger says %d", h.Bucket, p.Key, l.lines, p.Records)
	}
	if len(l.refused) > 0 {
		// The bytes of what DynamoDB refused are gone from memory by now; it is rare enough to read them again.
		if err := h.eachLine(ctx, p.Key, l.quarantineRefused); err != nil {
			return false, err
		}
	}
	rejected, reasons, err := l.quarantine.Close()
	if err != nil {
		return false, err
	}
	if stored+rejected != l.lines-l.from {
		return false, fmt.Errorf("%d records were stored and %d quarantined, which is not the %d that were read", stored, rejected, l.lines-l.from)
	}
	p.Stored += stored
	p.Rejected += rejected
	p.Lines = l.lines
	for reason, n := range reasons {
		if p.Reasons == nil {
			p.Reasons = map[string]int64{}
		}
		p.Reasons[reason] += n
	}
	log := h.Log.With("upload", p.Upload, "part", p.Name, "records", p.Records, "stored", p.Stored, "quarantined", p.Rejected,
		"bytes_landed", p.Bytes, "calls", calls, "seconds", time.Since(start).Seconds())
	if nearDeadline {
		if err := h.Ledger.PartProgress(ctx, *p, l.from); err != nil {
			return false, err
		}
		log.Info("handed on", "lines", p.Lines)
		return false, nil
	}
	if err := h.Ledger.PartLoaded(ctx, *p); err != nil {
		return false, err
	}
	log.Info("loaded")
	h.Metrics.Emit(metrics.Values{feed.MetricStored: float64(p.Stored), feed.MetricQuarantined: float64(p.Rejected)})
	return true, nil
}

// eachLine calls yield for each line of a part, without its line break. The
// line is valid during the call only.
func (h *Handler) eachLine(ctx context.Context, key string, yield func([]byte) error) error {
	out, err := h.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &h.Bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", h.Bucket, key, err)
	}
	defer func() { _ = out.Body.Close() }() // read to its end, or failed already
	if err := eachLine(out.Body, yield); err != nil {
		return fmt.Errorf("s3://%s/%s: %w", h.Bucket, key, err)
	}
	return nil
}

func eachLine(compressed io.Reader, yield func([]byte) error) error {
	gz, err := gzip.NewReader(compressed)
	if err != nil {
		return err
	}
	lines := bufio.NewReaderSize(gz, 256<<10)
	var long []byte
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, line...)
			continue
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := yield(bytes.TrimSuffix(line, []byte{'\n'})); err != nil {
			return err
		}
		long = long[:0]
	}
}
