package retry

import (
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Policy bounds the waits between attempts. The wait before each attempt is
// chosen at random between zero and a ceiling that doubles every time ("full
// jitter": https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
type Policy struct {
	// First is the ceiling of the first wait, and Max that of all of them.
	First, Max time.Duration
	// Attempts is how often an operation is attempted in total; zero means until
	// the context ends.
	Attempts int
}

// The policies of the project.
var (
	// Throttled is for a table that throttles requests, or leaves items of a batch
	// unprocessed, which is the signal of BatchWriteItem and BatchGetItem for
	// throttling. It has no bound on the attempts: the context ends them.
	Throttled = Policy{First: 25 * time.Millisecond, Max: 5 * time.Second}
	// Conflict is for a write that lost to a concurrent one on the same item or
	// object: half a minute at most.
	Conflict = Policy{First: 40 * time.Millisecond, Max: 2 * time.Second, Attempts: 25}
	// Connection is for a response body that broke off: attempts without a byte
	// of progress between them, five seconds at most.
	Connection = Policy{First: 200 * time.Millisecond, Max: 3 * time.Second, Attempts: 6}
)

// exponential returns the library's backoff of the policy. The library spreads a
// wait around its interval, by 100 per cent here: from zero to twice the interval.
func (p Policy) exponential() *backoff.ExponentialBackOff {
	b := &backoff.ExponentialBackOff{
		InitialInterval: p.First / 2, RandomizationFactor: 1, Multiplier: 2, MaxInterval: max(p.First, p.Max) / 2,
	}
	b.Reset()
	return b
}
