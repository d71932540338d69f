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

// replaying is one invocation's replay of an upload.
type replaying struct {
	*Handler
	ref ids.ReplayRef
	// replays is the number of the upload's last replay as this invocation knows
	// it. What it has listed is what is left after that one; once another
	// invocation enters a replay, that is true no more, and this one ends.
	replays      int64
	nearDeadline func() bool
	// entered has the objects that replays wrote, by their number.
	entered map[int64][]string
}

func (s *replaying) group(ctx context.Context, g quarantine.Group) error {
	counted, ok, err := s.counted(ctx, g)
	if err != nil || !ok {
		return err
	}
	keys := g.Keys
	if g.Keys, err = s.valid(ctx, keys); err != nil {
		return err
	}
	// Nobody can enter what replays before this one have left.
	dead := slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		return slices.Contains(g.Keys, key) || quarantine.ReplayOf(key) > s.replays
	})
	if err := s.remove(ctx, dead); err != nil {
		return err
	}
	if counted == 0 {
		// An invocation that failed has left them; the one after it stored the records.
		return s.remove(ctx, g.Keys)
	}
	batches, err := g.Batches(ctx, s.S3, s.Bucket)
	if err != nil {
		return err
	}
	var there int64
	for _, b := range batches {
		there += b.Count
	}
	if there > counted {
		return fmt.Errorf("it holds %d records, and the ledger counts %d of them as refused: what is stored already cannot be told from what is not", there, counted)
	}
	for _, b := range batches {
		if s.ref.Reason != "" && b.Reasons[s.ref.Reason] == 0 {
			continue
		}
		// What others have written for the replay that this step enters: they cannot any more then.
		beaten := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return quarantine.ReplayOf(key) <= s.replays })
		if err := s.step(ctx, g, b, beaten); err != nil {
			return err
		}
		if s.nearDeadline() {
			return nil
		}
	}
	return nil
}

// valid are the objects that count: a replay that was cut off, or was slower than
// another, has left some that no replay has entered.
func (s *replaying) valid(ctx context.Context, keys []string) ([]string, error) {
	var valid []string
	for _, key := range keys {
		number := quarantine.ReplayOf(key)
		if number > s.replays {
			continue
		}
		if _, known := s.entered[number]; !known && number > 0 {
			r, _, err := s.Ledger.GetReplay(ctx, s.ref.Feed, s.ref.Upload, number)
			if err != nil {
				return nil, err
			}
			s.entered[number] = r.Refused
		}
		if number == 0 || slices.Contains(s.entered[number], key) {
			valid = append(valid, key)
		}
	}
	return valid, nil
}

// counted is how many records the ledger says a group holds. It is not known
// while the part that they were refused of is being loaded.
func (s *replaying) counted(ctx context.Context, g quarantine.Group) (int64, bool, error) {
	if g.Part() == "" {
		u, ok, err := s.Ledger.GetUpload(ctx, s.ref.Feed, s.ref.Upload)
		return u.RejectedByUnpack, ok, err
	}
	p, ok, err := s.Ledger.GetPart(ctx, s.ref.Feed, s.ref.Upload, g.Part())
	return p.Rejected - p.Replayed, ok && p.State == ledger.Loaded, err
}

// step replays one batch; it ends with a transaction of the ledger. With it,
// the objects that are beaten are to be deleted too.
func (s *replaying) step(ctx context.Context, g quarantine.Group, b quarantine.Batch, beaten []string) error {
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
	r := &replayer{
		h: s.Handler, u: u, reason: s.ref.Reason, batch: b, nearDeadline: s.nearDeadline, parts: parts, open: -1, wanted: map[int]*wanted{},
		refused: quarantine.NewReplayWriter(ctx, s.S3, s.Bucket, s.Spec.QuarantinePrefix, u.Upload, g.Name, number, b.Keys),
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
		Records: parts.Records() + kept - b.Count, Entries: r.entries, Reasons: map[string]int64{}, Message: r.message,
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
	step.Objects = without(b.Keys, r.refused.Keys())
	step.Refused = without(r.refused.Keys(), b.Keys)
	for _, p := range landed {
		step.Parts = append(step.Parts, ledger.Part{
			Feed: u.Feed, Upload: u.ID, Name: p.Name, Entry: p.Entry, Key: p.Key, Records: p.Records, Bytes: p.Bytes,
			Shards: u.Shards, Time: u.Time,
		})
	}
	if len(step.Parts) == 0 && len(step.Objects) == 0 {
		return nil // nothing has changed
	}
	step.Objects = append(step.Objects, without(beaten, step.Refused)...)
	if err := s.Ledger.CommitReplay(ctx, u, step); err != nil {
		return err
	}
	s.replays, s.entered[number] = number, step.Refused
	s.Log.Info("replayed", "upload", u.ID, "source", u.Source(), "replay", number, "quarantine", g.Name,
		"records", b.Count, "landed", parts.Records(), "quarantined", kept, "parts", len(landed))
	return s.finish(ctx, step)
}

// without are those of all that are not among others.
func without(all, others []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(others, s) })
}
