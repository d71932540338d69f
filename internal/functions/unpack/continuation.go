package unpack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// parseResume reads the payload of a continuation, also from the record of a failed
// invocation in the failure queue.
func parseResume(payload []byte) (ids.Ref, bool) {
	var p struct {
		ids.Resume
		RequestPayload ids.Resume `json:"requestPayload"`
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		return ids.Ref{}, false
	}
	ref := p.Resume.Resume
	if ref.Upload == "" {
		ref = p.RequestPayload.Resume
	}
	return ref, ref.Upload != ""
}

func (h *Handler) resume(ctx context.Context, ref ids.Ref) error {
	u, ok, err := h.Ledger.GetUpload(ctx, ref.Feed, ref.Upload)
	if err != nil {
		return err
	}
	if !ok || ref.Feed != h.Spec.Feed {
		return fmt.Errorf("the upload is not in the ledger of feed %q", h.Spec.Feed)
	}
	if u.State != ledger.Unpacking {
		return h.settle(ctx, u)
	}
	if u, ok, err = h.take(ctx, u); err != nil || !ok {
		return err
	}
	source, err := h.open(ctx, u.Upload)
	if errors.Is(err, s3source.ErrNotFound) {
		return h.unpack(ctx, u, nil, err)
	}
	if err != nil {
		return err
	}
	return h.unpack(ctx, u, source, nil)
}

// dispatchContinuation stores the checkpoint and then dispatches the continuation.
func (h *Handler) dispatchContinuation(ctx context.Context, u ledger.Upload, c ledger.Checkpoint, start time.Time) error {
	if c.Continuations > handler.MaxContinuations {
		return fmt.Errorf("not finished after %d continuations", handler.MaxContinuations)
	}
	if err := h.Ledger.SetCheckpoint(ctx, u, c); err != nil {
		return err
	}
	if err := h.Continue(ctx, ids.Resume{Resume: ids.Ref{Feed: u.Feed, Upload: u.ID}}); err != nil {
		return fmt.Errorf("dispatch the continuation of upload %s: %w", u.ID, err)
	}
	h.Log.Info("continued", "upload", u.ID, "source", u.Source(), "continuation", c.Continuations, "entry", c.Entry, "ordinal", c.Ordinal,
		"parts", c.Parts, "bytes_landed", c.BytesLanded, "seconds", time.Since(start).Seconds())
	return nil
}
