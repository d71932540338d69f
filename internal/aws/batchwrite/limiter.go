package batchwrite

import (
	"context"
	"sync"
	"time"
)

// limiter limits the number of requests in flight. The limit follows the
// table's capacity as a congestion window of TCP follows a network's (additive
// increase, multiplicative decrease): each success raises it a little, a throttled
// request reduces it by 30 per cent. A new on-demand table starts with 4,000
// writes a second, and more requests make it no faster.
type limiter struct {
	mu        sync.Mutex
	changed   *sync.Cond
	limit     float64
	ceiling   float64
	inFlight  int
	reducedAt time.Time
}

func newLimiter(initial, ceiling int) *limiter {
	l := &limiter{limit: float64(min(initial, ceiling)), ceiling: float64(ceiling)}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// acquire waits until another request may be sent or ctx has ended; the end of
// ctx must call wake. Only one goroutine may call it at a time.
func (l *limiter) acquire(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ctx.Err() == nil && l.inFlight >= int(l.limit) {
		l.changed.Wait()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l.inFlight++
	return nil
}

// wake makes acquire check its context.
func (l *limiter) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed.Signal()
}

func (l *limiter) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	l.changed.Signal()
}

func (l *limiter) succeeded() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = min(l.ceiling, l.limit+1/l.limit)
}

// throttled reduces the limit, at most once in 100 ms: the requests that were in
// flight together are throttled for the same reason.
func (l *limiter) throttled(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.reducedAt) < 100*time.Millisecond {
		return
	}
	l.reducedAt = now
	l.limit = max(1, l.limit*0.7)
}
