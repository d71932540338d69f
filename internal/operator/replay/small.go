package replay

import (
	"context"

	"example.com/ingestion/internal/ids"
)

// gather lets the small objects be gathered that wait without an invocation which gathers
// them: every try of an event that would have done it has failed.
func (r *Replay) gather(ctx context.Context) (events []Event, err error) {
	shards, err := r.Ledger.AllWaiting(ctx, r.Feed, 1)
	if err != nil {
		return nil, err
	}
	for _, s := range shards {
		if s.Active {
			continue
		}
		w := s.First
		e := Event{
			Time: w.Since, Target: Unpack, Upload: w.ID, Objects: []string{"s3://" + w.Bucket + "/" + w.Key},
			Dispatched: !r.DryRun,
		}
		if r.Upload == nil && e.Time.Before(r.Since) {
			continue
		}
		if err := r.dispatchJSON(ctx, Unpack, ids.Gather{Gather: ids.GatherRef{Feed: r.Feed, Shard: s.Shard}}); err != nil {
			return events, err
		}
		events = append(events, e)
	}
	return events, nil
}
