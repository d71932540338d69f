// Package pause waits, unless there is no use in it any more.
package retry

import (
	"context"
	"time"
)

// For waits for d. It ends early with the cause when ctx does.
func For(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
