package unpack

import (
	"cmp"
	"context"
	"time"

	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/store/ledger"
)

// defaultLease is how long a lease holds without renewal. An invocation renews it
// three times in that time.
const defaultLease = 30 * time.Second

func (h *Handler) newLease(ctx context.Context) ledger.Lease {
	return handler.NewLease(ctx, h.leaseTime())
}

func (h *Handler) leaseTime() time.Duration { return cmp.Or(h.Lease, defaultLease) }

// take takes the lease of an upload that was begun. It returns false if there is
// nothing left for this invocation to do.
func (h *Handler) take(ctx context.Context, u ledger.Upload) (ledger.Upload, bool, error) {
	for seen := u.ReaderUntil; ; {
		now, ok, err := h.Ledger.Take(ctx, u.Feed, u.ID, h.newLease(ctx))
		switch {
		case err != nil || ok:
			return now, ok, err
		case now.State != ledger.Unpacking:
			return now, false, h.settle(ctx, now)
		case seen.IsZero():
			seen = now.ReaderUntil
		case now.ReaderUntil.After(seen):
			// It renews its lease: it is running. If it fails, its own event is retried.
			h.Log.Info("read by another invocation", "upload", u.ID, "source", u.Source(), "reader", now.Reader)
			return now, false, nil
		}
		// An invocation that does not renew its lease has failed, and its retry may have
		// to wait as this one.
		select {
		case <-ctx.Done():
			return u, false, context.Cause(ctx)
		case <-time.After(h.leaseTime() / 6):
		}
	}
}

// hold renews the lease of an upload until release is called. The context ends when
// another invocation has the lease.
func (h *Handler) hold(ctx context.Context, u ledger.Upload) (held context.Context, release func()) {
	return handler.Renew(ctx, h.leaseTime()/3, func(ctx context.Context) error { return h.Ledger.Renew(ctx, u, h.newLease(ctx).Until) })
}
