// Package partdispatch hands the parts of an upload to the loaders of the table, or, for
// a feed without a table, enters them as loaded.
package partdispatch

import (
	"context"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// Dispatcher lets the parts of a feed wait for the loaders of the table.
type Dispatcher struct {
	Ledger *ledger.Ledger
	// Feed is entered as one with work.
	Feed ledger.FeedWithWork
	// Wake invokes a loader.
	Wake func(context.Context, ids.Load) error
}

// Dispatch enters a part as work, and invokes a loader unless one runs: that looks for
// work once more after it has ended, and invokes others as long as the table takes more.
// It may be called again for the same part.
func (d Dispatcher) Dispatch(ctx context.Context, ref ids.PartRef) error {
	if _, err := d.Ledger.PutWork(ctx, ref); err != nil {
		return err
	}
	if err := d.Ledger.EnterFeed(ctx, d.Feed); err != nil {
		return err
	}
	running, err := d.Ledger.AnyLoader(ctx)
	if err != nil || running {
		return err
	}
	return d.Wake(ctx, ids.Load{Feed: ref.Feed})
}
