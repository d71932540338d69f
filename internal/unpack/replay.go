package unpack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"ingestion/internal/landing"
	"ingestion/internal/ledger"
	"ingestion/internal/quarantine"
	"ingestion/internal/upload"
)

// ReplayAPI is what replaying needs of an S3 client beyond s3io.API.
type ReplayAPI interface {
	quarantine.ListAPI
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// replayOf reads the payload by which an operator asks for a replay.
func replayOf(payload []byte) (upload.ReplayRef, bool) {
	var p upload.Replay
	if err := json.Unmarshal(payload, &p); err != nil {
		return upload.ReplayRef{}, false
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
func (h *Handler) replay(ctx context.Context, ref upload.ReplayRef) error {
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
	timeUp := h.TimeUp(ctx)
	for _, g := range groups {
		if err := h.replayGroup(ctx, ref, g, timeUp); err != nil {
			return fmt.Errorf("quarantine %s: %w", g.Name, err)
		}
		if timeUp() {
			return nil
		}
	}
	if !copied {
		return nil
	}
	return h.dropCopy(ctx, u)
}

func (h *Handler) replayGroup(ctx context.Context, ref upload.ReplayRef, g quarantine.Group, timeUp func() bool) error {
	counted, ok, err := h.counted(ctx, ref, g)
	if err != nil || !ok {
		return err
	}
	batches, err := g.Batches(ctx, h.S3, h.Bucket)
	if err != nil {
		return err
	}
	var there int64
	for _, b := range batches {
		there += b.Count
	}
	switch {
	case counted == 0:
		// An invocation that failed has left them; the one after it stored the records.
		return h.remove(ctx, g.Keys)
	case there > counted:
		return fmt.Errorf("it holds %d records, and the ledger counts %d of them as refused: what is stored already cannot be told from what is not", there, counted)
	}
	for _, b := range batches {
		if ref.Reason != "" && b.Reasons[ref.Reason] == 0 {
			continue
		}
		if err := h.replayBatch(ctx, ref, g, b, timeUp); err != nil {
			return err
		}
		if timeUp() {
			return nil
		}
	}
	return nil
}

// counted is how many records the ledger says a group holds. It is not known
// while the part that they were refused of is being loaded.
func (h *Handler) counted(ctx context.Context, ref upload.ReplayRef, g quarantine.Group) (int64, bool, error) {
	if g.Part() == "" {
		u, ok, err := h.Ledger.GetUpload(ctx, ref.Feed, ref.Upload)
		return u.RejectedByUnpack, ok, err
	}
	p, ok, err := h.Ledger.GetPart(ctx, ref.Feed, ref.Upload, g.Part())
	return p.Rejected - p.Replayed, ok && p.State == ledger.Loaded, err
}

// replayBatch is one step: it ends with a transaction of the ledger.
func (h *Handler) replayBatch(ctx context.Context, ref upload.ReplayRef, g quarantine.Group, b quarantine.Batch, timeUp func() bool) error {
	u, ok, err := h.Ledger.GetUpload(ctx, ref.Feed, ref.Upload)
	if err != nil || !ok {
		return err
	}
	number := u.Replays + 1
	parts, err := landing.NewReplayWriter(ctx, landing.Config{
		API: h.S3, Bucket: h.Bucket, Prefix: h.Spec.LandingPrefix, Upload: u.Upload, PartBytes: h.Spec.PartBytes,
	}, number)
	if err != nil {
		return err
	}
	r := &replayer{
		h: h, u: u, reason: ref.Reason, batch: b, timeUp: timeUp, parts: parts, open: -1, wanted: map[int]*wanted{},
		refused: quarantine.NewWriter(ctx, h.S3, h.Bucket, h.Spec.QuarantinePrefix, u.Upload, g.Name),
	}
	if err := r.run(ctx); err != nil {
		return err
	}
	landed, err := parts.Close()
	if err != nil {
		return err
	}
	kept, reasons, err := r.refused.Close()
	if err != nil {
		return err
	}
	step := ledger.Replay{
		Feed: u.Feed, Upload: u.ID, Number: number, Group: g.Part(), Taken: b.Count, Kept: kept,
		Records: parts.Records() + kept - b.Count, Entries: r.entries, Reasons: map[string]int64{},
	}
	for reason, n := range reasons {
		step.Reasons[reason] += n
	}
	for reason, n := range b.Reasons {
		if step.Reasons[reason] -= n; step.Reasons[reason] == 0 {
			delete(step.Reasons, reason)
		}
	}
	// What is refused as it was comes out as the object that it was.
	for _, key := range b.Keys {
		if !slices.Contains(r.refused.Keys(), key) {
			step.Objects = append(step.Objects, key)
		}
	}
	for _, p := range landed {
		step.Parts = append(step.Parts, ledger.Part{
			Feed: u.Feed, Upload: u.ID, Name: p.Name, Entry: p.Entry, Key: p.Key, Records: p.Records, Bytes: p.Bytes,
			Shards: u.Shards, Time: u.Time,
		})
	}
	if len(step.Parts) == 0 && len(step.Objects) == 0 {
		return nil // nothing has changed
	}
	if err := h.Ledger.CommitReplay(ctx, u, step); err != nil {
		return err
	}
	h.Log.Info("replayed", "upload", u.ID, "source", u.Source(), "replay", number, "quarantine", g.Name,
		"records", b.Count, "landed", parts.Records(), "quarantined", kept, "parts", len(landed))
	return h.finish(ctx, step)
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
		if err := h.HandOn(ctx, upload.PartRef{Feed: p.Feed, Upload: p.Upload, Part: p.Name}); err != nil {
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
