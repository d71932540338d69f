package retry

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Transient marks an error as one that a later attempt may not meet: Do retries it.
func Transient(err error) error {
	if err == nil {
		return nil
	}
	return &transientError{err}
}

// IsTransient reports whether an error was marked by Transient.
func IsTransient(err error) bool {
	var marked *transientError
	return errors.As(err, &marked)
}

type transientError struct{ error }

// Unwrap returns the error that was marked.
func (e *transientError) Unwrap() error { return e.error }

// Do calls operation until it succeeds, returns an error that is not transient,
// or the policy's attempts are used up. The error is operation's last one, joined
// with the cause of ctx's end if that ended the retries.
func Do(ctx context.Context, p Policy, operation func() error) error {
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		if last = operation(); last != nil && !IsTransient(last) {
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	}, backoff.WithBackOff(p.exponential()), backoff.WithMaxTries(uint(max(p.Attempts, 0))), backoff.WithMaxElapsedTime(0))
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) && !errors.Is(last, cause) {
		return errors.Join(last, cause)
	}
	return last
}

// ErrExhausted is what Backoff.Wait returns when the policy's attempts are used up.
var ErrExhausted = errors.New("no attempts left")

// Backoff is the state of the retries of one operation, for loops in which an
// attempt may make progress: Reset starts the policy again. It is not for use by
// several goroutines.
type Backoff struct {
	policy   Policy
	waits    *backoff.ExponentialBackOff
	attempts int // made since the last progress
}

// Start returns the policy's Backoff before the first attempt.
func (p Policy) Start() *Backoff { return &Backoff{policy: p, waits: p.exponential()} }

// Wait counts a failed attempt and waits before the next. It returns
// ErrExhausted after the policy's last attempt, and the cause when ctx ends.
func (b *Backoff) Wait(ctx context.Context) error {
	b.attempts++
	if b.policy.Attempts > 0 && b.attempts >= b.policy.Attempts {
		return ErrExhausted
	}
	return Wait(ctx, b.waits.NextBackOff())
}

// Attempts is how many attempts have failed since the last progress.
func (b *Backoff) Attempts() int { return b.attempts }

// Reset notes progress: the policy starts again.
func (b *Backoff) Reset() {
	b.attempts = 0
	b.waits.Reset()
}

// Wait waits for d. It ends early, with the cause, when ctx ends.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
