package unpack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// ReplayAPI is what replays need of an S3 client beyond s3source.API.
type ReplayAPI interface {
	quarantine.ListAPI
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// parseReplay reads the payload of a replay.
func parseReplay(payload []byte) (ids.ReplayRef, bool) {
	var p ids.Replay
	if err := json.Unmarshal(payload, &p); err != nil {
		return ids.ReplayRef{}, false
	}
	return p.Replay, p.Replay.Upload != ""
}

// replay unpacks the quarantined records of an upload again, with the feed's current
// spec. Records that are valid now are landed in parts, which load loads like any
// other; the others return to quarantine with their current reason. One transaction
// of the ledger stores the new counts and the steps that remain; after it the parts
// are dispatched to load, and finally the old objects of quarantine are deleted. So
// nothing is deleted from quarantine before it is stored elsewhere, and an
// interrupted replay is finished by the next one.
//
// It works in batches, and ends without an error near the deadline: the caller reads
// from the ledger's number of replays whether to replay again.
func (h *Handler) replay(ctx context.Context, ref ids.ReplayRef) error {
	if ref.Feed != h.Spec.Feed {
		return fmt.Errorf("this function unpacks feed %q", h.Spec.Feed)
	}
	u, ok, err := h.Ledger.GetUpload(ctx, ref.Feed, ref.Upload)
	switch {
	case err != nil:
		return err
	case !ok:
		return errors.New("the upload is not in the ledger")
	}
	if err := h.finishReplay(ctx, u); err != nil {
		return err
	}
	if u.State == ledger.Unpacking || u.State == ledger.Missing {
		return nil // quarantine has no record that is counted yet
	}
	groups, copied, err := quarantine.Groups(ctx, h.Replays, h.Bucket, h.Spec.QuarantinePrefix, u.Upload, ref.Before)
	if err != nil {
		return err
	}
	s := &replayRun{Handler: h, ref: ref, replays: u.Replays, nearDeadline: h.NearDeadline(ctx), committed: map[int64][]string{}}
	for _, g := range groups {
		if err := s.group(ctx, g); err != nil {
			return fmt.Errorf("quarantine %s: %w", g.Name, err)
		}
		if s.nearDeadline() {
			return nil
		}
	}
	if !copied {
		return nil
	}
	return h.dropCopy(ctx, u)
}

// finishReplay does the remaining steps of an interrupted replay. Only the last replay
// of an upload can be interrupted.
func (h *Handler) finishReplay(ctx context.Context, u ledger.Upload) error {
	if u.Replays == 0 {
		return nil
	}
	step, ok, err := h.Ledger.GetReplay(ctx, u.Feed, u.ID, u.Replays)
	if err != nil || !ok || step.Done {
		return err
	}
	return h.finish(ctx, step)
}

func (h *Handler) finish(ctx context.Context, step ledger.Replay) error {
	for _, p := range step.Parts {
		state, err := h.Ledger.PutPart(ctx, p)
		if err != nil {
			return err
		}
		if state.Done() {
			continue
		}
		if err := h.Dispatch(ctx, ids.PartRef{Feed: p.Feed, Upload: p.Upload, Part: p.Name, Time: p.Time}); err != nil {
			return fmt.Errorf("dispatch part %s to load: %w", p.Name, err)
		}
	}
	if err := h.remove(ctx, step.Objects); err != nil {
		return err
	}
	return h.Ledger.ReplayDone(ctx, step)
}

func (h *Handler) remove(ctx context.Context, keys []string) error {
	for _, key := range keys {
		if _, err := h.Replays.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &h.Bucket, Key: &key}); err != nil {
			return fmt.Errorf("delete s3://%s/%s: %w", h.Bucket, key, err)
		}
	}
	return nil
}

// dropCopy deletes the copy of the source object once the ledger counts no record of
// the upload as rejected by unpack: only those need it.
func (h *Handler) dropCopy(ctx context.Context, was ledger.Upload) error {
	u, ok, err := h.Ledger.GetUpload(ctx, was.Feed, was.ID)
	if err != nil || !ok || u.RejectedByUnpack > 0 {
		return err
	}
	return h.remove(ctx, []string{quarantine.CopyKey(h.Spec.QuarantinePrefix, u.Upload)})
}
