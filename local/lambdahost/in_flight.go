package lambdahost

import (
	"context"
	"fmt"
	"sync"
)

// inFlight counts the invocations that are queued, running or waiting for a retry.
type inFlight struct {
	mu         sync.Mutex
	byFunction map[string]int
	total      int
	zero       chan struct{} // closed when total becomes zero; nil if nobody waits
}

// start counts an invocation of a function; the caller calls end when it is complete.
func (f *inFlight) start(function string) (end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byFunction == nil {
		f.byFunction = map[string]int{}
	}
	f.byFunction[function]++
	f.total++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.byFunction[function]--; f.byFunction[function] == 0 {
			delete(f.byFunction, function)
		}
		if f.total--; f.total == 0 && f.zero != nil {
			close(f.zero)
			f.zero = nil
		}
	}
}

func (f *inFlight) none() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.total == 0
}

func (f *inFlight) wait(ctx context.Context) error {
	f.mu.Lock()
	if f.total == 0 {
		f.mu.Unlock()
		return nil
	}
	if f.zero == nil {
		f.zero = make(chan struct{})
	}
	zero := f.zero
	f.mu.Unlock()
	select {
	case <-zero:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *inFlight) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprint(f.byFunction)
}
