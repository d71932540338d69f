package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/metrics"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// Stage is the stage that is recorded with quarantined records.
const Stage = "load"

// reasonRejected is the reason of a record that DynamoDB itself rejected.
const reasonRejected = "rejected_by_dynamodb"

// Handler loads parts.
type Handler struct {
	Spec     feed.Spec
	Bucket   string // of landing and quarantine
	Table    string
	S3       s3source.API
	DynamoDB *batchwrite.Client
	Ledger   *ledger.Ledger
	// Continue dispatches the continuation of a part.
	Continue func(context.Context, ids.PartRef) error
	// NearDeadline is handler.NearDeadline, except in tests.
	NearDeadline func(context.Context) func() bool
	Metrics      *metrics.Emitter
	Log          *slog.Logger
}

// Handle is the function's handler: payload is an ids.PartRef. After an error a retry
// with the same payload resumes at the last checkpoint.
func (h *Handler) Handle(ctx context.Context, payload json.RawMessage) error {
	ctx, cancel := handler.WithDeadline(ctx)
	defer cancel()
	var ref ids.PartRef
	if err := json.Unmarshal(payload, &ref); err != nil {
		return fmt.Errorf("payload is not a reference to a part: %w", err)
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
		return errors.New("the part is not in the ledger")
	}
	if p.State.Done() {
		h.Log.Info("loaded already", "upload", p.Upload, "part", p.Name, "state", p.State)
	} else if done, err := h.load(ctx, &p, start); err != nil {
		return err
	} else if !done {
		return h.dispatchContinuation(ctx, ref)
	}
	_, err = h.Ledger.Settle(ctx, p.Feed, p.Upload)
	return err
}

// dispatchContinuation continues a part in the next invocation.
func (h *Handler) dispatchContinuation(ctx context.Context, ref ids.PartRef) error {
	if ref.Continuation++; ref.Continuation > handler.MaxContinuations {
		return fmt.Errorf("not finished after %d continuations: is the table's capacity limited?", handler.MaxContinuations)
	}
	return h.Continue(ctx, ref)
}

// load loads the part from its checkpoint on. Near the deadline it stores the
// checkpoint and returns false.
func (h *Handler) load(ctx context.Context, p *ledger.Part, start time.Time) (done bool, err error) {
	u := ids.Upload{ID: p.Upload, Feed: p.Feed, Time: p.Time}
	l := &loader{
		part:       p,
		quarantine: quarantine.NewWriter(ctx, h.S3, h.Bucket, h.Spec.QuarantinePrefix, u, Stage+"-"+p.Name),
		rejected:   map[int64]error{}, from: p.Lines, nearDeadline: h.NearDeadline(ctx),
	}
	l.prepareKeys()
	l.writer, err = h.DynamoDB.NewWriter(ctx, h.Table, func(tag int64, err error) { l.rejected[tag] = err })
	if err != nil {
		return false, err
	}
	readErr := h.eachLine(ctx, p.Key, l.put)
	stored, requests, writeErr := l.writer.Flush()
	if writeErr != nil {
		readErr = nil // the write error ended the reading
	}
	stopped := errors.Is(readErr, errNearDeadline)
	if stopped {
		readErr = nil
	}
	if err := errors.Join(readErr, writeErr); err != nil {
		return false, err
	}
	if !stopped && l.lines != p.Records {
		return false, fmt.Errorf("s3://%s/%s has %d records, and %d in the ledger", h.Bucket, p.Key, l.lines, p.Records)
	}
	if len(l.rejected) > 0 {
		// The bytes of rejected records are no longer in memory. They are rare: the part is read again.
		if err := h.eachLine(ctx, p.Key, l.quarantineRejected); err != nil {
			return false, err
		}
	}
	rejected, reasons, err := l.quarantine.Close()
	if err != nil {
		return false, err
	}
	if stored+rejected != l.lines-l.from {
		return false, fmt.Errorf("%d records were stored and %d quarantined, but %d were read", stored, rejected, l.lines-l.from)
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
		"bytes_landed", p.Bytes, "requests", requests, "seconds", time.Since(start).Seconds())
	if stopped {
		if err := h.Ledger.PartProgress(ctx, *p, l.from); err != nil {
			return false, err
		}
		log.Info("continued", "lines", p.Lines)
		return false, nil
	}
	if err := h.Ledger.PartLoaded(ctx, *p); err != nil {
		return false, err
	}
	log.Info("loaded")
	h.Metrics.Emit(metrics.Values{feed.MetricStored: float64(p.Stored), feed.MetricQuarantined: float64(p.Rejected)})
	return true, nil
}
