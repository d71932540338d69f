// Package discover lists the buckets of others for a feed: it is the discover
// function, apart from its wiring.
//
// What it has seen is in the feed's own table, an item for each object. A walk
// lists a source from its first key to its last beside these items, which are in
// the same order, and hands to unpack what is new or another than it was. It is
// handed on first and remembered after that: at least once. Late objects, with
// whatever key or time, are found because every walk lists everything.
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

// Handler lists the external sources of a feed.
type Handler struct {
	Spec  feed.Spec
	Table string
	// DynamoDB is where the items are of what was seen.
	DynamoDB API
	// Bucket opens the bucket of a source.
	Bucket func(ctx context.Context, source feed.Source, bucket string) (s3source.ListAPI, error)
	// HandOn hands one object's event to unpack.
	HandOn dispatch.Dispatcher
	// Again hands the rest of a walk to the function's next invocation.
	Again func(context.Context, Request) error
	// TimeUp is function.TimeUp, but for tests.
	TimeUp func(context.Context) func() bool
	// Now is time.Now, but for tests.
	Now func() time.Time
	Log *slog.Logger
}

// Request is the payload of an invocation. Without a bucket it is for all of
// the feed's external sources.
type Request struct {
	Bucket string `json:"bucket,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// Lease is the one under which the walk was handed on, empty for a walk that
	// is to begin. Hop counts the invocations that have handed it on.
	Lease string `json:"lease,omitempty"`
	Hop   int    `json:"hop,omitempty"`
	// Counts is what these have done.
	Counts Counts `json:"counts,omitzero"`
}

// Counts is what a walk comes to.
type Counts struct {
	// Listed is how many objects of the source there are, New and Changed how
	// many of them no walk had seen, or not as they are, Sent how many of those
	// unpack has got.
	Listed  int64   `json:"listed"`
	New     int64   `json:"new"`
	Changed int64   `json:"changed"`
	Sent    int64   `json:"sent"`
	Seconds float64 `json:"seconds"`
}

// Handle is the function. An error means that the walk of a source has not come
// to its end: the same payload goes on with it.
func (h *Handler) Handle(ctx context.Context, r Request) error {
	ctx, cancel := handler.WithDeadline(ctx)
	defer cancel()
	timeUp := h.TimeUp(ctx)
	var errs []error
	found := false
	for _, source := range h.Spec.Sources {
		if source.Kind != feed.ExternalBucket || r.Bucket != "" && (source.Bucket != r.Bucket || source.Prefix != r.Prefix) {
			continue
		}
		found = true
		request := r
		request.Bucket, request.Prefix = source.Bucket, source.Prefix
		if err := h.source(ctx, source, request, timeUp); err != nil {
			err = fmt.Errorf("feed %s: source s3://%s/%s: %w", h.Spec.Feed, source.Bucket, source.Prefix, err)
			h.Log.Error("failed", "bucket", source.Bucket, "prefix", source.Prefix, "error", err.Error())
			errs = append(errs, err)
		}
	}
	if !found {
		// The rule of a source that a deployment takes away may fire once more.
		h.Log.Warn("no such source", "bucket", r.Bucket, "prefix", r.Prefix)
	}
	return errors.Join(errs...)
}

// Payload reads a Request from the payload of an invocation, also from the
// record of one in the failure queue.
func Payload(payload json.RawMessage) (Request, error) {
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

// source walks one source as far as the time goes.
func (h *Handler) source(ctx context.Context, source feed.Source, r Request, timeUp func() bool) error {
	start := time.Now()
	if r.Hop > handler.MaxHops {
		return fmt.Errorf("handed on %d times and not done", handler.MaxHops)
	}
	place, ok, err := h.begin(ctx, r)
	if err != nil {
		return err
	}
	if !ok {
		h.Log.Info("a walk is under way", "bucket", r.Bucket, "prefix", r.Prefix)
		return nil
	}
	w := &walk{h: h, source: source, after: place.After, timeUp: timeUp, counts: r.Counts}
	complete, err := w.run(ctx)
	w.counts.Seconds += time.Since(start).Seconds()
	log := h.Log.With("bucket", r.Bucket, "prefix", r.Prefix, "listed", w.counts.Listed, "new", w.counts.New,
		"changed", w.counts.Changed, "sent", w.counts.Sent, "seconds", w.counts.Seconds, "hop", r.Hop)
	if err != nil {
		log.Error("not listed")
		// Whoever comes next goes on from here, without waiting for the lease to end.
		return errors.Join(err, h.release(context.WithoutCancel(ctx), place, w.after))
	}
	if complete {
		log.Info("listed")
		return h.release(ctx, place, "")
	}
	if place.Lease, err = h.extend(ctx, place, w.after); err != nil {
		return err
	}
	r.Lease, r.Counts = place.Lease, w.counts
	r.Hop++
	if err := h.Again(ctx, r); err != nil {
		err = fmt.Errorf("hand the walk on: %w", err)
		// Whoever tries this payload again would find the walk given away. Where it
		// was handed on in spite of the error, the walk has its owner.
		if releaseErr := h.release(context.WithoutCancel(ctx), place, w.after); !isConditionFailed(releaseErr) {
			err = errors.Join(err, releaseErr)
		}
		return err
	}
	log.Info("handed on", "after", w.after)
	return nil
}
