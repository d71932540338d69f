package handler

import (
	"context"
	"errors"
	"time"
)

const (
	// margin is left of an invocation's time to log its error and return it: a
	// function that Lambda stops at the timeout cannot.
	margin = 2 * time.Second
	// Reserve is left of an invocation's time to finish the current step, to store
	// a checkpoint and to dispatch the continuation.
	Reserve = 30 * time.Second
)

// MaxContinuations bounds how often in a row a function continues in its own next
// invocation before that is reported as a loop: a thousand invocations of 15
// minutes are ten days.
const MaxContinuations = 1000

// ErrDeadline is the cause of the end of a context of WithDeadline.
var ErrDeadline = errors.New("the function's timeout is near: the work so far is kept, and the retry does the remainder")

// WithDeadline returns a context that ends shortly before the invocation's timeout.
func WithDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(deadline)
	return context.WithDeadlineCause(ctx, deadline.Add(-min(margin, left/10)), ErrDeadline)
}

// NearDeadline returns a function that reports whether work under ctx has to stop
// at its next checkpoint and continue in another invocation: 30 seconds before
// the deadline, or a quarter of the time if that is less. Without a deadline it
// always reports false.
func NearDeadline(ctx context.Context) func() bool {
	deadline, ok := ctx.Deadline()
	if !ok {
		return func() bool { return false }
	}
	at := stopAt(deadline)
	return func() bool { return time.Now().After(at) }
}

// ErrNearDeadline is the cause of the end of a context of UntilNearDeadline.
var ErrNearDeadline = errors.New("the function's timeout is near: the next invocation continues")

// UntilNearDeadline returns a context that ends when NearDeadline reports true, for
// requests that may take until then and that the next invocation repeats.
func UntilNearDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadlineCause(ctx, stopAt(deadline), ErrNearDeadline)
}

// stopAt is when work has to stop that may take until a deadline.
func stopAt(deadline time.Time) time.Time {
	return deadline.Add(-min(Reserve, time.Until(deadline)/4))
}
