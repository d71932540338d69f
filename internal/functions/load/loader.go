package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/metrics"
	"example.com/ingestion/internal/retry"
	"example.com/ingestion/internal/store/ledger"
)

// loader is one invocation with a slot.
type loader struct {
	*Handler
	slot         int
	nearDeadline func() bool
	turns        turns

	// ending ends when the loader is to stop before its time, because others are enough.
	ending context.Context
	end    context.CancelCauseFunc
	balancer

	mu    sync.Mutex
	lease ledger.Lease
	work  *ledger.Work // being loaded
}

// run loads parts until none is due, and ends the slot.
func (l *loader) run(ctx context.Context) error {
	l.ending, l.end = context.WithCancelCause(ctx)
	defer l.end(nil)
	l.balancer = balancer{at: time.Now()}
	held, stop := handler.Renew(ctx, l.leaseTime()/renewals, func(ctx context.Context) error {
		if err := l.balance(ctx); err != nil && ctx.Err() == nil {
			l.Log.Warn("the number of loaders stays as it is", "error", err.Error())
		}
		return l.renew(ctx)
	})
	err := l.parts(held)
	stop()
	if err != nil {
		return err
	}
	return l.Ledger.ReleaseSlot(ctx, l.slot, l.lease)
}

// renewals is how often a lease is renewed in its time.
const renewals = 12

// stopping reports whether the loader has to stop at its next checkpoint.
func (l *loader) stopping() bool { return l.nearDeadline() || l.surplus() }

// renew renews the leases of the slot and of the part being loaded. It makes its
// requests without the lock, since they may have to wait while the table is throttled.
func (l *loader) renew(ctx context.Context) error {
	l.mu.Lock()
	l.lease.Until = time.Now().Add(l.leaseTime())
	lease, w := l.lease, l.work
	l.mu.Unlock()
	if err := l.Ledger.RenewSlot(ctx, l.slot, lease); err != nil || w == nil {
		return err
	}
	err := l.Ledger.RenewWork(ctx, w, lease)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.work != w {
		return nil // it was ended or released meanwhile
	}
	return err
}

func (l *loader) loading(w *ledger.Work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.work = w
}

// longestWait is how long a loader waits before it looks for parts again.
const longestWait = 5 * time.Second

// parts loads parts until none is due.
func (l *loader) parts(ctx context.Context) error {
	for !l.stopping() {
		w, next, err := l.claim(ctx)
		switch {
		case err != nil:
			return err
		case w != nil:
			if err := l.process(ctx, w); err != nil {
				return err
			}
			continue
		case next.IsZero():
			return nil
		}
		// Parts that failed are not due yet. One loader waits for them.
		if lower, _, err := l.Ledger.Rank(ctx, l.slot); err != nil || lower > 0 {
			return err
		}
		if err := retry.Wait(ctx, min(time.Until(next)+time.Millisecond, longestWait)); err != nil {
			return err
		}
	}
	return nil
}

// claim takes the lease of a part: feeds take turns, one part each. Where it returns
// none, next is when the earliest attempt may begin that is not due, zero if no part
// waits for one.
func (l *loader) claim(ctx context.Context) (w *work, next time.Time, err error) {
	feeds, err := l.Ledger.FeedsWithWork(ctx)
	if err != nil {
		return nil, next, err
	}
	for _, f := range l.turns.order(feeds) {
		claimed, empty, at, err := l.Ledger.ClaimWork(ctx, f.Feed, l.currentLease())
		if err == nil && empty {
			err = l.Ledger.RemoveFeed(ctx, f)
		}
		if err != nil {
			return nil, next, err
		}
		if claimed != nil {
			l.turns.last = f.Feed
			return &work{Work: claimed, metrics: l.Metrics(f.Feed, f.Metrics), log: l.Log.With("feed", f.Feed)}, next, nil
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return nil, next, nil
}

// due reports whether a feed has a part that the owner could claim.
func (l *loader) due(ctx context.Context, owner string) (bool, error) {
	feeds, err := l.Ledger.FeedsWithWork(ctx)
	for _, f := range feeds {
		if due, err := l.Ledger.DueWork(ctx, f.Feed, owner); err != nil || due {
			return due, err
		}
	}
	return false, err
}

func (l *loader) currentLease() ledger.Lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lease
}

// work is a part that is claimed, and what is needed of its feed.
type work struct {
	*ledger.Work
	metrics *metrics.Emitter
	log     *slog.Logger
}

// KillsBeforeSetAside is how many attempts a part may have before it is set aside because
// the last one was killed: it probably kills any loader, and Lambda runs an event three
// times only.
const KillsBeforeSetAside = 2

// process loads a part that was claimed. An error of the part is stored with it, and
// returned only where the loader cannot go on.
func (l *loader) process(ctx context.Context, w *work) error {
	// An attempt is counted before it begins.
	if before := w.Attempts - 1; before >= KillsBeforeSetAside && w.Error == "" {
		return l.setAside(ctx, w, fmt.Errorf("set aside after %d attempts: the last one was killed, by its timeout, for want of memory or by Lambda", before))
	}
	l.loading(w.Work)
	err := l.part(ctx, w)
	l.loading(nil) // from here on no renewal of its lease fails
	switch {
	case err == nil:
		return l.Ledger.EndWork(ctx, w.Work)
	case errors.Is(err, handler.ErrNearDeadline):
		return l.Ledger.ReleaseWork(ctx, w.Work, l.currentLease())
	case ctx.Err() != nil:
		return fmt.Errorf("feed %s: upload %s: part %s: %w", w.Feed, w.Upload, w.Part, err)
	}
	waits := l.retries()
	if w.Attempts > len(waits) {
		return l.setAside(ctx, w, err)
	}
	w.log.Error("part failed", "upload", w.Upload, "part", w.Part, "attempt", w.Attempts, "error", err.Error())
	w.metrics.Emit(metrics.Values{feed.MetricErrors: 1})
	return l.Ledger.RetryWork(ctx, w.Work, l.currentLease(), waits[w.Attempts-1], err)
}

func (l *loader) setAside(ctx context.Context, w *work, cause error) error {
	w.log.Error("part set aside", "upload", w.Upload, "part", w.Part, "attempt", w.Attempts, "error", cause.Error())
	w.metrics.Emit(metrics.Values{feed.MetricErrors: 1})
	return l.Ledger.SetAside(ctx, w.Work, cause)
}
