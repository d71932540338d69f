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

// ReplayAPI is what replaying needs of an S3 client beyond s3io.API.
type ReplayAPI interface {
	quarantine.ListAPI
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// replayOf reads the payload by which an operator asks for a replay.
func replayOf(payload []byte) (ids.ReplayRef, bool) {
	var p ids.Replay
	if err := json.Unmarshal(payload, &p); err != nil {
		return ids.ReplayRef{}, false
	}
	return p.Replay, p.Replay.Upload != ""
}

// replay tries the quarantined records of an upload again, with the feed's
// present spec. Those that pass are landed in parts of their own, which load
// takes like any others; the others go back to quarantine with the reason that
// they have now. The ledger gets the new counts and what is still to be done in
// one transaction; after it the parts are handed to load, and last of all the
// old objects of quarantine are deleted. So nothing leaves quarantine before it
// is stored elsewhere, and a replay that is cut off is finished by the next.
//
// It goes batch by batch, and ends without an error when the time is up: the
// ledger's number of replays tells the caller whether to ask again.
func (h *Handler) replay(ctx context.Context, ref ids.ReplayRef) error {
	if ref.Feed != h.Spec.Feed {
		return fmt.Errorf("this function unpacks feed %q", h.Spec.Feed)
	}
	u, ok, err := h.Ledger.GetUpload(ctx, ref.Feed, ref.Upload)
	switch {
	case err != nil:
		return err
	case !ok:
		return errors.New("the ledger does not know the upload")
	}
	if err := h.finishReplay(ctx, u); err != nil {
		return err
	}
	if u.State == ledger.Unpacking || u.State == ledger.Missing {
		return nil // nothing that is counted is in quarantine yet
	}
	groups, copied, err := quarantine.Groups(ctx, h.Replays, h.Bucket, h.Spec.QuarantinePrefix, u.Upload, ref.Before)
	if err != nil {
		return err
	}
	s := &replaying{Handler: h, ref: ref, replays: u.Replays, nearDeadline: h.NearDeadline(ctx), entered: map[int64][]string{}}
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

// finishReplay does what an interrupted replay left undone. Only an upload's
// last one can be.
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
		if err := h.Dispatch(ctx, ids.PartRef{Feed: p.Feed, Upload: p.Upload, Part: p.Name}); err != nil {
			return fmt.Errorf("hand part %s to load: %w", p.Name, err)
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

// dropCopy deletes the copy of the source object once the ledger counts nothing
// of the upload as refused by unpack, to which alone it belongs.
func (h *Handler) dropCopy(ctx context.Context, was ledger.Upload) error {
	u, ok, err := h.Ledger.GetUpload(ctx, was.Feed, was.ID)
	if err != nil || !ok || u.RejectedByUnpack > 0 {
		return err
	}
	return h.remove(ctx, []string{quarantine.CopyKey(h.Spec.QuarantinePrefix, u.Upload)})
}
