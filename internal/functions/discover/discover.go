package discover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/handler"
)

// Handler scans the external sources of a feed.
type Handler struct {
	Spec  feed.Spec
	Table string
	// DynamoDB has the items of seen objects and the cursors.
	DynamoDB API
	// Bucket returns the client that lists the bucket of a source.
	Bucket func(ctx context.Context, source feed.Source, bucket string) (s3source.ListAPI, error)
	// Dispatch dispatches the event of one object to unpack.
	Dispatch dispatch.Dispatcher
	// Continue dispatches the continuation of a scan.
	Continue func(context.Context, Request) error
	// NearDeadline is handler.NearDeadline and Now is time.Now, except in tests.
	NearDeadline func(context.Context) func() bool
	Now          func() time.Time
	Log          *slog.Logger
}

// Request is the payload of an invocation. Without a bucket it is for all of the
// feed's external sources.
type Request struct {
	Bucket string `json:"bucket,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// Lease is the lease of a scan that is continued, empty for a new scan.
	Lease string `json:"lease,omitempty"`
	// Continuation is the number of earlier invocations of the scan, and Counts what
	// they have done.
	Continuation int    `json:"continuation,omitempty"`
	Counts       Counts `json:"counts,omitzero"`
}

// Counts are the totals of a scan.
type Counts struct {
	// Listed is how many objects the source has, New and Changed how many of them
	// no scan had seen, or not in this version, and Dispatched how many of those were
	// dispatched to unpack.
	Listed     int64   `json:"listed"`
	New        int64   `json:"new"`
	Changed    int64   `json:"changed"`
	Dispatched int64   `json:"dispatched"`
	Seconds    float64 `json:"seconds"`
}

// HandlePayload is the function's handler. Besides a Request it accepts the
// record of a failed invocation from the failure queue.
func (h *Handler) HandlePayload(ctx context.Context, payload json.RawMessage) error {
	r, err := parse(payload)
	if err != nil {
		return err
	}
	return h.Handle(ctx, r)
}

func parse(payload json.RawMessage) (Request, error) {
	var p struct {
		Request
		RequestPayload *Request `json:"requestPayload"`
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		return Request{}, fmt.Errorf("payload of discover: %w", err)
	}
	if p.RequestPayload != nil {
		return *p.RequestPayload, nil
	}
	return p.Request, nil
}

// Handle scans the sources of a request. An error means that the scan of a source
// is incomplete: a retry of the request resumes it.
func (h *Handler) Handle(ctx context.Context, r Request) error {
	ctx, cancel := handler.WithDeadline(ctx)
	defer cancel()
	nearDeadline := h.NearDeadline(ctx)
	var errs []error
	found := false
	for _, source := range h.Spec.Sources {
		if source.Kind != feed.ExternalBucket || r.Bucket != "" && (source.Bucket != r.Bucket || source.Prefix != r.Prefix) {
			continue
		}
		found = true
		request := r
		request.Bucket, request.Prefix = source.Bucket, source.Prefix
		if err := h.source(ctx, source, request, nearDeadline); err != nil {
			err = fmt.Errorf("feed %s: source s3://%s/%s: %w", h.Spec.Feed, source.Bucket, source.Prefix, err)
			h.Log.Error("failed", "bucket", source.Bucket, "prefix", source.Prefix, "error", err.Error())
			errs = append(errs, err)
		}
	}
	if !found {
		// The rule of a source that a deployment removes may fire once more.
		h.Log.Warn("no such source", "bucket", r.Bucket, "prefix", r.Prefix)
	}
	return errors.Join(errs...)
}

// source scans one source until its end or near the deadline.
func (h *Handler) source(ctx context.Context, source feed.Source, r Request, nearDeadline func() bool) error {
	start := time.Now()
	if r.Continuation > handler.MaxContinuations {
		return fmt.Errorf("not finished after %d continuations", handler.MaxContinuations)
	}
	c, acquired, err := h.acquire(ctx, r)
	if err != nil {
		return err
	}
	if !acquired {
		h.Log.Info("another invocation scans this source", "bucket", r.Bucket, "prefix", r.Prefix)
		return nil
	}
	s := &scan{h: h, source: source, after: c.After, nearDeadline: nearDeadline, counts: r.Counts}
	complete, err := s.run(ctx)
	s.counts.Seconds += time.Since(start).Seconds()
	log := h.Log.With("bucket", r.Bucket, "prefix", r.Prefix, "listed", s.counts.Listed, "new", s.counts.New,
		"changed", s.counts.Changed, "dispatched", s.counts.Dispatched, "seconds", s.counts.Seconds, "continuation", r.Continuation)
	if err != nil {
		log.Error("scan failed")
		// The retry resumes here and does not wait for the lease to expire.
		return errors.Join(err, h.release(context.WithoutCancel(ctx), c, s.after))
	}
	if complete {
		log.Info("scanned")
		return h.release(ctx, c, "")
	}
	if c, err = h.lend(ctx, c, s.after); err != nil {
		return err
	}
	r.Lease, r.Counts = c.Lease, s.counts
	r.Continuation++
	if err := h.Continue(ctx, r); err != nil {
		err = fmt.Errorf("dispatch the continuation of the scan: %w", err)
		// The retry of this payload must not find the scan leased to a continuation
		// that does not exist. Where it was dispatched in spite of the error, it has
		// changed the lease.
		if releaseErr := h.release(context.WithoutCancel(ctx), c, s.after); !isConditionFailed(releaseErr) {
			err = errors.Join(err, releaseErr)
		}
		return err
	}
	log.Info("continued", "after", s.after)
	return nil
}
