package retry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"example.com/ingestion/internal/retry"
)

var errBroken = errors.New("broken")

func TestDo(t *testing.T) {
	transient := fmt.Errorf("wrapped: %w", retry.Transient(errBroken))
	for name, test := range map[string]struct {
		errs     []error // of the attempts; the last one repeats
		attempts int
		want     error
		calls    int
	}{
		"success":                 {errs: []error{nil}, attempts: 3, calls: 1},
		"final error":             {errs: []error{errBroken}, attempts: 3, want: errBroken, calls: 1},
		"transient, then success": {errs: []error{transient, transient, nil}, attempts: 3, calls: 3},
		"transient, then final":   {errs: []error{transient, errBroken}, attempts: 5, want: errBroken, calls: 2},
		"final at the last":       {errs: []error{transient, errBroken}, attempts: 2, want: errBroken, calls: 2},
		"attempts used up":        {errs: []error{transient}, attempts: 4, want: errBroken, calls: 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				err := retry.Do(t.Context(), retry.Policy{First: time.Second, Max: time.Minute, Attempts: test.attempts}, func() error {
					err := test.errs[min(calls, len(test.errs)-1)]
					calls++
					return err
				})
				if !errors.Is(err, test.want) || calls != test.calls {
					t.Errorf("error %v after %d calls, want %v after %d", err, calls, test.want, test.calls)
				}
			})
		})
	}
}

// The waits are between zero and the ceiling, and both halves of it occur.
func TestFullJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		low, high := 0, 0
		for range 200 {
			b := retry.Policy{First: time.Second, Max: 4 * time.Second}.Start()
			for _, ceiling := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second} {
				before := time.Now()
				if err := b.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				waited := time.Since(before)
				if waited > ceiling+time.Microsecond {
					t.Fatalf("waited %v, the ceiling is %v", waited, ceiling)
				}
				if waited < ceiling/2 {
					low++
				} else {
					high++
				}
			}
		}
		if low < 300 || high < 300 {
			t.Errorf("%d waits in the lower half and %d in the upper", low, high)
		}
	})
}

func TestAttemptsAndReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.Policy{First: time.Second, Max: time.Second, Attempts: 3}.Start()
		for i, want := range []error{nil, nil, retry.ErrExhausted} {
			if err := b.Wait(t.Context()); !errors.Is(err, want) || b.Attempts() != i+1 {
				t.Fatalf("wait %d: error %v after %d attempts, want %v", i, err, b.Attempts(), want)
			}
		}
		b.Reset()
		if err := b.Wait(t.Context()); err != nil || b.Attempts() != 1 {
			t.Errorf("after Reset: error %v after %d attempts", err, b.Attempts())
		}
	})
}

// The project's policies end within the time that their documentation states.
func TestPoliciesEndInTime(t *testing.T) {
	for name, test := range map[string]struct {
		policy retry.Policy
		limit  time.Duration
	}{
		"conflict":   {retry.Conflict, 45 * time.Second},
		"connection": {retry.Connection, 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, calls := time.Now(), 0
				err := retry.Do(t.Context(), test.policy, func() error { calls++; return retry.Transient(errBroken) })
				if took := time.Since(start); !errors.Is(err, errBroken) || calls != test.policy.Attempts || took > test.limit {
					t.Errorf("error %v after %d calls and %v", err, calls, took)
				}
			})
		})
	}
}

// Throttling is waited out for as long as the context allows.
func TestThrottledEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		start, calls := time.Now(), 0
		err := retry.Do(ctx, retry.Throttled, func() error { calls++; return retry.Transient(errBroken) })
		// On average every wait is half of the longest one.
		if took := time.Since(start); !errors.Is(err, errBroken) || !errors.Is(err, context.DeadlineExceeded) || took != 10*time.Minute || calls < 150 {
			t.Errorf("error %v after %d calls and %v", err, calls, took)
		}
	})
}

func TestContextEnds(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := retry.Do(ctx, retry.Policy{First: time.Hour, Max: time.Hour}, func() error {
		cancel(cause)
		return retry.Transient(errBroken)
	})
	if !errors.Is(err, cause) || !errors.Is(err, errBroken) {
		t.Errorf("error %v, want %v and %v", err, errBroken, cause)
	}
	if err := retry.Wait(ctx, time.Hour); !errors.Is(err, cause) {
		t.Errorf("Wait: error %v, want %v", err, cause)
	}
	if err := retry.Wait(t.Context(), time.Microsecond); err != nil {
		t.Error(err)
	}
}

func TestTransientMark(t *testing.T) {
	if retry.Transient(nil) != nil || retry.IsTransient(errBroken) || !retry.IsTransient(fmt.Errorf("x: %w", retry.Transient(errBroken))) {
		t.Error("the mark of transient errors")
	}
}
