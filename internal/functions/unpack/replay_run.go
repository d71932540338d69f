package unpack

import (
	"context"
	"fmt"
	"slices"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
)

// replayRun is one invocation's replay of an upload.
type replayRun struct {
	*Handler
	ref ids.ReplayRef
	// replays is the number of the upload's last replay that this invocation has
	// seen. Its listing of quarantine is the state after that replay; once another
	// invocation commits a replay, the listing is outdated and this one ends.
	replays      int64
	nearDeadline func() bool
	// committed has the objects that committed replays wrote, by their number.
	committed map[int64][]string
}

func (s *replayRun) group(ctx context.Context, g quarantine.Group) error {
	counted, ok, err := s.counted(ctx, g)
	if err != nil || !ok {
		return err
	}
	keys := g.Keys
	if g.Keys, err = s.valid(ctx, keys); err != nil {
		return err
	}
	// Objects of uncommitted earlier replays: they cannot be committed any more.
	abandoned := slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		return slices.Contains(g.Keys, key) || quarantine.ReplayOf(key) > s.replays
	})
	if err := s.remove(ctx, abandoned); err != nil {
		return err
	}
	if counted == 0 {
		// A failed invocation left them; the next one stored the records.
		return s.remove(ctx, g.Keys)
	}
	batches, err := g.Batches(ctx, s.S3, s.Bucket)
	if err != nil {
		return err
	}
	var found int64
	for _, b := range batches {
		found += b.Count
	}
	if found > counted {
		return fmt.Errorf("it has %d records, and the ledger counts %d of them as rejected: it is not known which of them are stored already", found, counted)
	}
	for _, b := range batches {
		if s.ref.Reason != "" && b.Reasons[s.ref.Reason] == 0 {
			continue
		}
		// Objects of concurrent replays, which cannot be committed once this step is.
		superseded := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return quarantine.ReplayOf(key) <= s.replays })
		if err := s.step(ctx, g, b, superseded); err != nil {
			return err
		}
		if s.nearDeadline() {
			return nil
		}
	}
	return nil
}

// valid returns the objects of committed replays. An interrupted replay, or one that
// lost to a concurrent one, has left others.
func (s *replayRun) valid(ctx context.Context, keys []string) ([]string, error) {
	var valid []string
	for _, key := range keys {
		number := quarantine.ReplayOf(key)
		if number > s.replays {
			continue
		}
		if _, known := s.committed[number]; !known && number > 0 {
			r, _, err := s.Ledger.GetReplay(ctx, s.ref.Feed, s.ref.Upload, number)
			if err != nil {
				return nil, err
			}
			s.committed[number] = r.Refused
		}
		if number == 0 || slices.Contains(s.committed[number], key) {
			valid = append(valid, key)
		}
	}
	return valid, nil
}

// counted returns how many records a group has according to the ledger. It is not
// known while the part that they were rejected from is being loaded.
func (s *replayRun) counted(ctx context.Context, g quarantine.Group) (int64, bool, error) {
	if g.Part() == "" {
		u, ok, err := s.Ledger.GetUpload(ctx, s.ref.Feed, s.ref.Upload)
		return u.RejectedByUnpack, ok, err
	}
	p, ok, err := s.Ledger.GetPart(ctx, s.ref.Feed, s.ref.Upload, g.Part())
	return p.Rejected - p.Replayed, ok && p.State == ledger.Loaded, err
}

// step replays one batch and commits it by a transaction of the ledger. The
// superseded objects are deleted with those of the batch.
func (s *replayRun) step(ctx context.Context, g quarantine.Group, b quarantine.Batch, superseded []string) error {
	u, ok, err := s.Ledger.GetUpload(ctx, s.ref.Feed, s.ref.Upload)
	if err != nil || !ok {
		return err
	}
	if u.Replays != s.replays {
		return ledger.ErrReplayed
	}
	number := u.Replays + 1
	parts, err := landing.NewReplayWriter(ctx, landing.Config{
		API: s.S3, Bucket: s.Bucket, Prefix: s.Spec.LandingPrefix, Upload: u.Upload, PartBytes: s.Spec.PartBytes,
	}, number)
	if err != nil {
		return err
	}
	shaper, err := s.newShaper(ctx, s.Spec, u.Upload)
	if err != nil {
		return err
	}
	begunWith, err := s.specOf(ctx, u)
	if err != nil {
		return err
	}
	r := &batchReplay{
		shaper: shaper, shaped: shaper != nil || begunWith.ShapeOf(u.Bucket, u.Key) != nil,
		h: s.Handler, u: u, reason: s.ref.Reason, batch: b, nearDeadline: s.nearDeadline, parts: parts, open: -1, wanted: map[int]*wanted{},
		rejected: quarantine.NewReplayWriter(ctx, s.S3, s.Bucket, s.Spec.QuarantinePrefix, u.Upload, g.Name, number, b.Keys),
	}
	if err := r.run(ctx); err != nil {
		return err
	}
	landed, err := parts.Close()
	if err != nil {
		return err
	}
	kept, reasons, err := r.rejected.Close()
	if err != nil {
		return err
	}
	step := ledger.Replay{
		Feed: u.Feed, Upload: u.ID, Number: number, Group: g.Part(), Taken: b.Count, Kept: kept,
		Filtered: r.filtered, Records: parts.Records() + kept + r.filtered - b.Count, Entries: r.entries, Reasons: map[string]int64{}, Message: r.message,
	}
	for reason, n := range reasons {
		step.Reasons[reason] += n
	}
	for reason, n := range b.Reasons {
		if step.Reasons[reason] -= n; step.Reasons[reason] == 0 {
			delete(step.Reasons, reason)
		}
	}
	// Records that are rejected unchanged make the same object as before.
	step.Objects = without(b.Keys, r.rejected.Keys())
	step.Refused = without(r.rejected.Keys(), b.Keys)
	for _, p := range landed {
		step.Parts = append(step.Parts, ledger.Part{
			Feed: u.Feed, Upload: u.ID, Name: p.Name, Entry: p.Entry, Key: p.Key, Records: p.Records, Bytes: p.Bytes,
			Shards: u.Shards, Time: u.Time, RecordKey: s.Spec.RecordKey, ExpireAfterDays: s.Spec.ExpireAfterDays,
		})
	}
	if len(step.Parts) == 0 && len(step.Objects) == 0 {
		return nil // nothing has changed
	}
	step.Objects = append(step.Objects, without(superseded, step.Refused)...)
	if err := s.Ledger.CommitReplay(ctx, u, step); err != nil {
		return err
	}
	s.replays, s.committed[number] = number, step.Refused
	s.Log.Info("replayed", "upload", u.ID, "source", u.Source(), "replay", number, "quarantine", g.Name,
		"records", b.Count, "landed", parts.Records(), "quarantined", kept, "filtered", r.filtered, "parts", len(landed))
	return s.finish(ctx, step)
}

// without returns the elements of all that are not in others.
func without(all, others []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(others, s) })
}
