package lambdahost

import (
	"context"
	"sync"
	"time"

	"example.com/ingestion/internal/retry"
)

// mappingInterval is the time between two checks for changed event source mappings.
const mappingInterval = 500 * time.Millisecond

// pollers are the running pollers by their mappings.
type pollers struct {
	mu      sync.Mutex
	running map[mapping]poller
}

type poller struct {
	stop  context.CancelFunc
	ended chan struct{}
}

// pollMappings keeps a poller running for every enabled event source mapping.
func (h *Host) pollMappings(ctx context.Context) {
	lastLogged := ""
	for retry.Wait(ctx, mappingInterval) == nil {
		if err := h.syncMappings(ctx); err != nil && ctx.Err() == nil && err.Error() != lastLogged {
			lastLogged = err.Error()
			h.log.printf("%v", err)
		}
	}
}

// syncMappings starts the pollers of new and changed mappings, and stops those of
// deleted and changed ones; it returns when these have ended.
func (h *Host) syncMappings(ctx context.Context) error {
	c, err := h.connected()
	if err != nil {
		return err
	}
	h.pollers.mu.Lock()
	defer h.pollers.mu.Unlock()
	found, err := c.mappings(ctx)
	if err != nil {
		return err
	}
	current := map[mapping]bool{}
	for _, m := range found {
		current[m] = true
		if _, running := h.pollers.running[m]; !running && h.base.Err() == nil {
			poll, stop := context.WithCancel(h.base)
			p := poller{stop: stop, ended: make(chan struct{})}
			h.pollers.running[m] = p
			h.jobs.Go(func() {
				defer close(p.ended)
				h.pollStream(poll, c, m)
			})
		}
	}
	for m, p := range h.pollers.running {
		if !current[m] {
			p.stop()
			<-p.ended
			delete(h.pollers.running, m)
		}
	}
	return nil
}

// backlog counts the streams of the mappings that have unread records.
func (h *Host) backlog(ctx context.Context) (int, error) {
	c, err := h.connected()
	if err != nil {
		return 0, err
	}
	found, err := c.mappings(ctx)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, m := range found {
		n, err := h.cursor(m.id).undelivered(ctx, c)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
