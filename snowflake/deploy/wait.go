package deploy

import (
	"context"
	"errors"
	"time"
)

// Bounds of waiting. The function's own deadline may be nearer.
const (
	accessWait = 2 * time.Minute  // for IAM, which shows a new role within seconds, rarely later
	knownWait  = 10 * time.Second // for a role that was there before
	drainWait  = 5 * time.Minute  // for files that a pipe has taken on
	runWait    = 10 * time.Minute // for one run of a task
	startWait  = time.Minute      // for a pipe to report that it runs
)

const (
	firstPause = time.Second
	maxPause   = 15 * time.Second
)

// errTimeUp is why poll gave up.
var errTimeUp = errors.New("time is up")

// poll calls done until it says so or fails, with pauses that grow, for limit at
// most and no longer than ctx.
func poll(ctx context.Context, limit time.Duration, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTimeUp)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		ok, err := done(ctx)
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx) // the statement was cut off
		}
		if ok || err != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}
