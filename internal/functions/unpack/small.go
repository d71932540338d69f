package unpack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// parseGather reads the payload of a gathering, also from the record of a failed
// invocation in the failure queue.
func parseGather(payload []byte) (ids.GatherRef, bool) {
	var p struct {
		ids.Gather
		RequestPayload ids.Gather `json:"requestPayload"`
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		return ids.GatherRef{}, false
	}
	ref := p.Gather.Gather
	if ref.Feed == "" {
		ref = p.RequestPayload.Gather
	}
	return ref, ref.Feed != ""
}

// small reports whether an object is gathered with others. An event without its size, or
// without version and ETag, does not say enough.
func (h *Handler) small(o s3event.Object) bool {
	return h.Self != nil && o.Size > 0 && o.Size <= ledger.SmallObjectBytes && (o.VersionID != "" || o.ETag != "")
}

// waiting are the shards in which an invocation has entered objects.
type waiting map[int]bool

// wait enters an object as waiting.
func (h *Handler) wait(ctx context.Context, o s3event.Object, in waiting) error {
	u := ids.New(ids.Upload{Feed: h.Spec.Feed, Bucket: o.Bucket, Key: o.Key, VersionID: o.VersionID, ETag: o.ETag})
	err := h.Ledger.PutWaiting(ctx, h.Spec.Feed, ledger.Waiting{
		ID: u.ID, Bucket: o.Bucket, Key: o.Key, VersionID: u.VersionID, ETag: u.ETag, Size: o.Size,
	})
	if err == nil {
		in[ledger.WaitingShard(u.ID)] = true
	}
	return err
}

// gatherAll gathers the shards that no other invocation gathers: the first one itself. An
// invocation that gathers a shard looks for objects once more after it has ended its lease,
// so it finds those that were entered before this one has seen the lease.
func (h *Handler) gatherAll(ctx context.Context, in waiting) error {
	var first *ids.GatherRef
	var errs []error
	for _, shard := range slices.Sorted(maps.Keys(in)) {
		g, err := h.Ledger.GetGathering(ctx, h.Spec.Feed, shard)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		ref := ids.GatherRef{Feed: h.Spec.Feed, Shard: shard}
		switch {
		case g.Reader != handler.Owner(ctx) && g.Active(time.Now()): // a retry has the lease of the attempt that failed
		case first == nil:
			first = &ref
		default:
			errs = append(errs, h.Self(ctx, ids.Gather{Gather: ref}))
		}
	}
	if first != nil {
		errs = append(errs, h.gather(ctx, *first))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("feed %s: small objects: %w", h.Spec.Feed, err)
	}
	return nil
}
