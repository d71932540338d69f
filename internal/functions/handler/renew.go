package handler

import (
	"context"
	"errors"
	"time"

	"example.com/ingestion/internal/store/ledger"
)

// Renew calls renewal at an interval until stop is called. The context ends when the
// renewal's error wraps ledger.ErrLeaseLost; any other error is transient, and the next
// renewal may succeed.
func Renew(ctx context.Context, interval time.Duration, renewal func(context.Context) error) (held context.Context, stop func()) {
	held, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-held.Done():
				return
			case <-time.After(interval):
			}
			if err := renewal(held); errors.Is(err, ledger.ErrLeaseLost) {
				cancel(err)
			}
		}
	}()
	return held, func() {
		cancel(nil)
		<-done
	}
}
