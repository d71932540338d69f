package ui

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// hub reads the state while there are subscribers and sends them every change.
type hub struct {
	source Source
	every  time.Duration

	mu          sync.Mutex
	subscribers map[chan []byte]bool
	latest      []byte        // as JSON; nil: not read yet
	compared    []byte        // latest without its time
	last        State         // as published; used by run only, like took
	took        time.Duration // of the last read
	wake        chan struct{} // receives when a subscriber joins
}

func newHub(source Source, every time.Duration) *hub {
	return &hub{source: source, every: every, subscribers: map[chan []byte]bool{}, wake: make(chan struct{}, 1)}
}

// join subscribes to the states as JSON. A slow subscriber receives only the newest.
// The channel is closed when the hub ends.
func (h *hub) join() (updates <-chan []byte, leave func()) {
	c := make(chan []byte, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subscribers[c] = true
	if h.latest != nil {
		c <- h.latest
	}
	select {
	case h.wake <- struct{}{}:
	default: // a wake-up is pending
	}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.subscribers, c)
	}
}

func (h *hub) hasSubscribers() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subscribers) > 0
}

// run reads the state until ctx ends. Without subscribers it makes no requests. The
// interval is at least five times as long as a read takes.
func (h *hub) run(ctx context.Context) {
	defer h.end()
	for {
		if !h.hasSubscribers() {
			select {
			case <-ctx.Done():
				return
			case <-h.wake:
			}
		}
		started := time.Now()
		h.read(ctx)
		timer := time.NewTimer(max(h.every, 5*time.Since(started)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// slowAfter is the time after which a read that has not ended is reported as a problem:
// the SDK retries for a minute or more where AWS does not answer.
const slowAfter = 5 * time.Second

// read reads the state and publishes it. A read takes long also for very many uploads:
// it may take twice as long as the last one.
func (h *hub) read(ctx context.Context) {
	started := time.Now()
	done := make(chan State, 1)
	go func() { done <- h.source.Read(ctx) }()
	timer := time.NewTimer(max(slowAfter, 2*h.took))
	defer timer.Stop()
	select {
	case s := <-done:
		h.took = time.Since(started)
		h.publish(s)
		return
	case <-timer.C:
	}
	slow := h.last
	slow.At = time.Now().UTC()
	if slow.Feeds == nil {
		slow.Feeds = []Feed{}
	}
	slow.Error = "AWS has not answered all requests for " + time.Since(started).Round(time.Second).String() + ": check the network; still waiting"
	h.publish(slow)
	s := <-done
	h.took = time.Since(started)
	h.publish(s)
}

// publish sends a state to all subscribers, unless only its time has changed.
func (h *hub) publish(s State) {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // State can be encoded
	}
	h.last = s
	s.At, s.Figures = time.Time{}, time.Time{}
	compared, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if string(compared) == string(h.compared) {
		return
	}
	h.latest, h.compared = text, compared
	for c := range h.subscribers {
		select {
		case <-c: // a state that was not received yet
		default:
		}
		c <- text
	}
}

func (h *hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.subscribers {
		close(c)
		delete(h.subscribers, c)
	}
}
