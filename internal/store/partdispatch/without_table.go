package partdispatch

import (
	"context"
	"errors"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// WithoutTable enters the parts of a feed with feed.Spec.NoTable as loaded: their
// records stay in the landing bucket.
type WithoutTable struct{ Ledger *ledger.Ledger }

// Dispatch enters a part as loaded, with all of its records as stored. It may be called
// again for the same part.
func (d WithoutTable) Dispatch(ctx context.Context, ref ids.PartRef) error {
	p, ok, err := d.Ledger.GetPart(ctx, ref.Feed, ref.Upload, ref.Part)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the part is not in the ledger")
	}
	if !p.State.Done() {
		p.Stored = p.Records
		if err := d.Ledger.PartLoaded(ctx, p); err != nil {
			return err
		}
	}
	return d.Ledger.SettlePart(ctx, p)
}
