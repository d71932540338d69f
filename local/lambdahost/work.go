package lambdahost

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// work counts the invocations that are queued, running or waiting for a retry.
type work struct {
	mu   sync.Mutex
	open map[string]int
	n    int
	zero chan struct{} // closed when n falls to zero; nil if nobody waits
}

// begin counts an invocation of function; the caller calls the result once it is over.
func (w *work) begin(function string) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		w.open = map[string]int{}
	}
	w.open[function]++
	w.n++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.open[function]--; w.open[function] == 0 {
			delete(w.open, function)
		}
		if w.n--; w.n == 0 && w.zero != nil {
			close(w.zero)
			w.zero = nil
		}
	}
}

func (w *work) none() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n == 0
}

func (w *work) wait(ctx context.Context) error {
	w.mu.Lock()
	if w.n == 0 {
		w.mu.Unlock()
		return nil
	}
	if w.zero == nil {
		w.zero = make(chan struct{})
	}
	zero := w.zero
	w.mu.Unlock()
	select {
	case <-zero:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *work) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprint(w.open)
}

// drop closes what was only read.
func drop(c io.Closer) { _ = c.Close() }

// logger writes the host's own messages, one line each.
type logger struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *logger) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.w, time.Now().UTC().Format("15:04:05.000")+" lambda host: "+format+"\n", args...)
}
