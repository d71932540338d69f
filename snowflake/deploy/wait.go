package deploy

import (
	"context"
	"errors"
	"time"

	"example.com/ingestion/internal/retry"
)

// Timeouts. The deadline of the function may be earlier.
const (
	accessWait   = 2 * time.Minute  // for a new role to propagate, which usually takes seconds
	existingWait = 10 * time.Second // for an existing role
	listWait     = time.Minute      // for the list of a stage, which has every file
	drainWait    = 5 * time.Minute  // for the pending files of a pipe
	runWait      = 10 * time.Minute // for one run of a task
	startWait    = time.Minute      // for a pipe to report that it runs
)

// polling is the wait between two attempts.
var polling = retry.Policy{First: time.Second, Max: 15 * time.Second}

// errTimeout is the error of poll when its limit has passed.
var errTimeout = errors.New("timeout")

// errNotDone makes poll try again.
var errNotDone = retry.Transient(errors.New("not done yet"))

// poll calls done until it returns true or an error, for at most limit and no longer
// than ctx.
func poll(ctx context.Context, limit time.Duration, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTimeout)
	defer cancel()
	err := retry.Do(ctx, polling, func() error {
		ok, err := done(ctx)
		if err == nil && !ok {
			return errNotDone
		}
		return err
	})
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
