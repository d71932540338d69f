package batchwrite

import (
	"context"
	"sync"
	"time"
)

// limiter limits the number of items in flight. The limit follows the table's
// capacity as a congestion window of TCP follows a network's (additive increase,
// multiplicative decrease): each window of items that succeeds raises it by those of
// one request, a throttled request reduces it by 30 per cent, down to minItems.
// A new on-demand table starts with 4,000 writes a second, and more requests make it
// no faster.
type limiter struct {
	mu        sync.Mutex
	changed   *sync.Cond
	limit     float64
	ceiling   float64
	inFlight  int
	reducedAt time.Time

	blocked      time.Duration
	blockedSince time.Time // zero: not blocked
}

// minItems is the smallest limit. A request costs the same time whatever it holds, so
// smaller ones would take longer than a table of the least capacity needs.
const minItems = 5

func newLimiter(initial, ceiling int) *limiter {
	l := &limiter{limit: float64(min(initial, ceiling)), ceiling: float64(ceiling)}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// acquire waits until n more items may be sent or ctx has ended; the end of ctx must
// call wake. More items than the limit are sent alone. Only one goroutine may call it
// at a time.
func (l *limiter) acquire(ctx context.Context, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ctx.Err() == nil && l.inFlight > 0 && l.inFlight+n > int(l.limit) {
		l.changed.Wait()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l.inFlight += n
	return nil
}

// wake makes acquire check its context.
func (l *limiter) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed.Signal()
}

func (l *limiter) release(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight -= n
	l.changed.Signal()
}

// items is how many items one request may have.
func (l *limiter) items() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return min(max(int(l.limit), minItems), maxBatchItems)
}

func (l *limiter) succeeded(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = min(l.ceiling, l.limit+float64(maxBatchItems*n)/max(l.limit, maxBatchItems))
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
	l.limit = max(minItems, l.limit*0.7)
}

// block and unblock are called before and after the Writer's caller waits until requests
// end.
func (l *limiter) block(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blockedSince = now
}

func (l *limiter) unblock(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blocked += l.blockedNow(now)
	l.blockedSince = time.Time{}
}

// waited is for how long the caller was blocked because the table throttles. Without
// throttling it is blocked too, by the processor or the latency of requests.
func (l *limiter) waited(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.blocked + l.blockedNow(now)
}

func (l *limiter) blockedNow(now time.Time) time.Duration {
	if l.blockedSince.IsZero() || l.reducedAt.Before(l.blockedSince.Add(-time.Second)) {
		return 0
	}
	return now.Sub(l.blockedSince)
}
