package batchwrite

import (
	"context"
	"sync"
	"time"
)

// limiter bounds the requests that are under way. The bound follows what the
// table takes, as TCP's window follows what a network takes: a little more
// after each success, markedly less after a throttle. A new on-demand table
// starts at 4,000 writes a second, and pushing harder makes it no faster.
type limiter struct {
	mu      sync.Mutex
	changed *sync.Cond
	limit   float64
	ceiling float64
	under   int
	cut     time.Time // when limit was last reduced
}

func newLimiter(start, ceiling int) *limiter {
	l := &limiter{limit: float64(min(start, ceiling)), ceiling: float64(ceiling)}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// acquire waits for a slot or for the end of ctx, which is to call wake. It is
// for one goroutine.
func (l *limiter) acquire(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ctx.Err() == nil && l.under >= int(l.limit) {
		l.changed.Wait()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l.under++
	return nil
}

// wake makes acquire look at its context again.
func (l *limiter) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed.Signal()
}

func (l *limiter) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.under--
	l.changed.Signal()
}

func (l *limiter) succeeded() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = min(l.ceiling, l.limit+1/l.limit)
}

// throttled reduces the bound, once for all the requests that were under way
// together: they all tell of the same moment.
func (l *limiter) throttled(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.cut) < 100*time.Millisecond {
		return
	}
	l.cut = now
	l.limit = max(1, l.limit*0.7)
}
