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
	// slowest is the rate below which throttling does not take it, a second.
	slowest = 1.0
	// recovery is the share of the highest rate by which a second without
	// throttling raises it again.
	recovery = 0.05
)

// pacer spaces sends out evenly. When what is sent to throttles, it halves the
// rate, at most once a second, and then raises it again slowly.
type pacer struct {
	mu       sync.Mutex
	highest  float64 // a second
	rate     float64
	next     time.Time
	changed  time.Time
	now      func() time.Time
	waitTill func(context.Context, time.Duration) error
}

func newPacer(rate float64) *pacer {
	return &pacer{highest: rate, rate: rate, now: time.Now, waitTill: retry.Wait}
}

// wait waits for its turn.
func (p *pacer) wait(ctx context.Context) error {
	p.mu.Lock()
	now := p.now()
	if p.next.Before(now) {
		p.next = now
	}
	left := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(time.Second) / p.rate))
	p.mu.Unlock()
	// A timer is too coarse for thousands a second: short waits add up to one.
	if left < time.Millisecond {
		return ctx.Err()
	}
	return p.waitTill(ctx, left)
}

// sent notes that something was taken.
func (p *pacer) sent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); p.rate < p.highest && now.Sub(p.changed) >= time.Second {
		p.rate = min(p.highest, p.rate+p.highest*recovery)
		p.changed = now
	}
}

// throttled notes that something was not taken.
func (p *pacer) throttled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); now.Sub(p.changed) >= time.Second {
		p.rate = min(p.highest, max(slowest, p.rate/2))
		p.changed = now
		p.next = now.Add(time.Second)
	}
}

// throttled reports whether err says to send more slowly.
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
