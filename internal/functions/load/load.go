package load

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/metrics"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// Stage is the stage that is recorded with quarantined records.
const Stage = "load"

// Handler loads the parts of the feeds of a store.
type Handler struct {
	Bucket string // of landing and quarantine
	Table  string
	// Loaders is how many invocations load at a time, for all feeds together.
	Loaders  int
	S3       s3source.API
	DynamoDB *batchwrite.Client
	Ledger   *ledger.Ledger
	// Continue invokes the next loader.
	Continue func(context.Context, ids.Load) error
	// NearDeadline is handler.NearDeadline, except in tests.
	NearDeadline func(context.Context) func() bool
	// Lease is how long a lease of a slot and a part holds without renewal; 0 means a
	// minute.
	Lease time.Duration
	// Retries are the waits before the next attempts of a part that fails; nil means
	// two seconds to two minutes.
	Retries []time.Duration
	// Metrics returns what emits the metrics of a feed, by the names of those that the
	// feed emits.
	Metrics func(feedName, names string) *metrics.Emitter
	Log     *slog.Logger
}

// DefaultLease is for how long a loader has its slot and its part without renewing them.
const DefaultLease = time.Minute

// defaultRetries are the waits before the next attempts of a part. Transient errors of
// AWS last for seconds, a denied permission until somebody changes it.
var defaultRetries = []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}

func (h *Handler) newLease(ctx context.Context) ledger.Lease {
	return handler.NewLease(ctx, h.leaseTime())
}

func (h *Handler) leaseTime() time.Duration { return cmp.Or(h.Lease, DefaultLease) }

func (h *Handler) retries() []time.Duration {
	if h.Retries != nil {
		return h.Retries
	}
	return defaultRetries
}

// Handle is the function's handler: payload is an ids.Load, which wakes a loader. The
// error is that of the loader's own requests; a retry looks for parts like any other
// invocation.
func (h *Handler) Handle(ctx context.Context, payload json.RawMessage) error {
	ctx, cancel := handler.WithDeadline(ctx)
	defer cancel()
	var wake ids.Load
	if err := json.Unmarshal(payload, &wake); err != nil {
		return fmt.Errorf("payload does not wake a loader: %w", err)
	}
	err := h.run(handler.WithOwner(ctx), wake.Feed)
	if err != nil {
		h.Log.Error("failed", "error", err.Error())
	}
	return err
}

// run loads parts until none is due, or the deadline is near. first is the feed to look
// at first, empty for any.
func (h *Handler) run(ctx context.Context, first string) error {
	nearDeadline := h.NearDeadline(ctx)
	for {
		number, err := h.Ledger.TakeSlot(ctx, h.Loaders, h.newLease(ctx))
		if err != nil || number == 0 {
			return err // with all slots held, their loaders find the parts
		}
		l := &loader{Handler: h, slot: number, lease: h.newLease(ctx), nearDeadline: nearDeadline, turns: turns{first: first}}
		if err := l.run(ctx); err != nil {
			return err
		}
		if nearDeadline() {
			return h.Continue(ctx, ids.Load{})
		}
		if l.surplus() {
			if _, others, err := l.Ledger.Rank(ctx, l.slot); err != nil || others > 0 {
				return err
			}
		}
		// What was entered while the slot was held is found after its end.
		due, err := l.due(ctx, l.lease.Owner)
		if err != nil || !due {
			return err
		}
	}
}
