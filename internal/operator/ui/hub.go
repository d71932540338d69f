package ui

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// hub looks while somebody watches, and tells all who do of what has changed.
type hub struct {
	source Source
	every  time.Duration

	mu       sync.Mutex
	watchers map[chan []byte]bool
	latest   []byte        // nil: not looked yet
	seen     []byte        // latest without its time
	wake     chan struct{} // somebody has come
}

func newHub(source Source, every time.Duration) *hub {
	return &hub{source: source, every: every, watchers: map[chan []byte]bool{}, wake: make(chan struct{}, 1)}
}

// join returns where the states come in, as JSON; only the newest waits for a
// slow reader. It is closed when the hub ends.
func (h *hub) join() (updates <-chan []byte, leave func()) {
	c := make(chan []byte, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers[c] = true
	if h.latest != nil {
		c <- h.latest
	}
	select {
	case h.wake <- struct{}{}:
	default: // it is awake
	}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, c)
	}
}

func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}

// run looks until ctx ends. While nobody watches it does not look, which would
// cost requests. A look that takes long is followed by a longer rest.
func (h *hub) run(ctx context.Context) {
	defer h.end()
	for {
		if !h.watched() {
			select {
			case <-ctx.Done():
				return
			case <-h.wake:
			}
		}
		begun := time.Now()
		h.tell(h.source.Look(ctx))
		rest := time.NewTimer(max(h.every, 5*time.Since(begun)))
		select {
		case <-ctx.Done():
			rest.Stop()
			return
		case <-rest.C:
		}
	}
}

// tell sends a state to all, unless it differs from the last in its time only.
func (h *hub) tell(s State) {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // plain structs
	}
	s.At = time.Time{}
	seen, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if string(seen) == string(h.seen) {
		return
	}
	h.latest, h.seen = text, seen
	for c := range h.watchers {
		select {
		case <-c: // one that nobody has read yet
		default:
		}
		c <- text
	}
}

func (h *hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.watchers {
		close(c)
		delete(h.watchers, c)
	}
}
