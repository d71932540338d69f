package replay

import (
	"context"
	"fmt"

	"example.com/ingestion/internal/ids"
)

// maxSetAside bounds the parts that one replay takes back.
const maxSetAside = 10_000

// setAside lets the parts wait again that loaders have set aside after their last
// attempt, and wakes a loader for parts that wait.
func (r *Replay) setAside(ctx context.Context) (events []Event, err error) {
	waiting, setAside, err := r.Ledger.ListWork(ctx, r.Feed, maxSetAside)
	if err != nil {
		return nil, err
	}
	for _, w := range setAside {
		e := Event{Time: w.SetAsideAt, Target: Load, Upload: w.Upload, Part: w.Part, Error: w.Error}
		if !r.selects(e) {
			continue
		}
		if !r.DryRun {
			if err := r.dispatchPart(ctx, w.PartRef); err != nil {
				return events, err
			}
			if err := r.Ledger.ForgetSetAside(ctx, w); err != nil {
				return events, err
			}
			e.Dispatched = true
		}
		events = append(events, e)
	}
	if len(waiting) > 0 && !r.DryRun {
		if err := r.Wake(ctx, ids.Load{Feed: r.Feed}); err != nil {
			return events, fmt.Errorf("wake a loader: %w", err)
		}
	}
	return events, nil
}

// dispatchPart lets a part wait for the loaders, once, at most at Rate.
func (r *Replay) dispatchPart(ctx context.Context, ref ids.PartRef) error {
	if r.DryRun || r.dispatched[[2]string{ref.Upload, ref.Part}] {
		return nil
	}
	if err := r.waitForRate(ctx); err != nil {
		return err
	}
	return r.part(ctx, ref)
}

func (r *Replay) part(ctx context.Context, ref ids.PartRef) error {
	r.dispatched[[2]string{ref.Upload, ref.Part}] = true
	return r.LoadPart(ctx, ref)
}
