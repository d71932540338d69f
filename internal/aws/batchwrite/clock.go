package batchwrite

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// clock is this machine's clock, corrected by DynamoDB's: AWS refuses signatures whose
// time differs from its own by more than 5 minutes ("Elements of an AWS API request
// signature"). The SDK's clients correct it in the same way.
type clock struct {
	offset atomic.Int64 // nanoseconds that this machine's clock is behind
}

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// correct sets the clock to the Date header of a response. It reports false if that
// does not change it by a minute: then the clock is not why a request was refused.
func (c *clock) correct(date string) bool {
	now, err := http.ParseTime(date)
	if err != nil {
		return false
	}
	offset := time.Until(now)
	if change := offset - time.Duration(c.offset.Load()); change.Abs() < time.Minute {
		return false
	}
	c.offset.Store(int64(offset))
	return true
}

// errTime means that DynamoDB refuses a signature, maybe because of its time.
var errTime = errors.New("the signature is refused: is the clock right, and do the credentials belong to this account?")

func refusesTime(err error) bool { return errors.Is(err, errTime) }
