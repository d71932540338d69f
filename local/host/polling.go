package host

import (
	"context"
	"time"
)

// mappingInterval is how often the host looks for new and gone mappings.
const mappingInterval = 500 * time.Millisecond

// pollMappings keeps a poller running for every enabled event source mapping.
func (h *Host) pollMappings(ctx context.Context) {
	pollers := map[mapping]context.CancelFunc{}
	told := ""
	for sleep(ctx, mappingInterval) == nil {
		c, err := h.connected()
		if err != nil {
			continue
		}
		found, err := c.mappings(ctx)
		if err != nil {
			if ctx.Err() == nil && err.Error() != told {
				told = err.Error()
				h.log.printf("%v", err)
			}
			continue
		}
		current := map[mapping]bool{}
		for _, m := range found {
			current[m] = true
			if pollers[m] == nil {
				poll, stop := context.WithCancel(ctx)
				pollers[m] = stop
				h.jobs.Go(func() { h.poll(poll, c, m) })
			}
		}
		for m, stop := range pollers {
			if !current[m] {
				stop()
				delete(pollers, m)
			}
		}
	}
	for _, stop := range pollers {
		stop()
	}
}

func (h *Host) poll(ctx context.Context, c cloud, m mapping) {
	if m.stream {
		h.pollStream(ctx, c, m)
	} else {
		h.pollQueue(ctx, c, m)
	}
}

// backlog counts what is left in the queues and streams of the mappings. A
// stream may count as one record, however many are left.
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
		count := c.messages
		if m.stream {
			count = func(ctx context.Context, _ string) (int, error) { return h.cursor(m.id).left(ctx, c) }
		}
		n, err := count(ctx, m.source)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
