package backfill

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"example.com/ingestion/internal/retry"
)

const (
	// slowest is the minimum rate while throttled, per second.
	slowest = 1.0
	// recovery is the share of the highest rate that is added after each second without
	// throttling.
	recovery = 0.05
)

// pacer spaces requests evenly. When the service throttles, it halves the rate, at most
// once per second, and then increases it again (AIMD).
type pacer struct {
	mu      sync.Mutex
	highest float64 // per second
	rate    float64
	next    time.Time
	changed time.Time
	now     func() time.Time
	sleep   func(context.Context, time.Duration) error
}

func newPacer(rate float64) *pacer {
	return &pacer{highest: rate, rate: rate, now: time.Now, sleep: retry.Wait}
}

// wait waits until the next request may start.
func (p *pacer) wait(ctx context.Context) error {
	p.mu.Lock()
	now := p.now()
	if p.next.Before(now) {
		p.next = now
	}
	left := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(time.Second) / p.rate))
	p.mu.Unlock()
	// Timers are too coarse for thousands of requests per second: waits below a
	// millisecond accumulate in next.
	if left < time.Millisecond {
		return ctx.Err()
	}
	return p.sleep(ctx, left)
}

// succeeded records that a request succeeded.
func (p *pacer) succeeded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); p.rate < p.highest && now.Sub(p.changed) >= time.Second {
		p.rate = min(p.highest, p.rate+p.highest*recovery)
		p.changed = now
	}
}

// throttled records that a request was throttled.
func (p *pacer) throttled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); now.Sub(p.changed) >= time.Second {
		p.rate = min(p.highest, max(slowest, p.rate/2))
		p.changed = now
		p.next = now.Add(time.Second)
	}
}

// throttled reports whether the error is throttling.
func throttled(err error) bool {
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "TooManyRequestsException", "ThrottlingException", "Throttling", "RequestThrottled", "RequestThrottledException",
			"EC2ThrottledException", "com.amazonaws.sqs#RequestThrottled":
			return true
		}
	}
	var response *awshttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() == http.StatusTooManyRequests
}
