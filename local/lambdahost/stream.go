package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"example.com/ingestion/internal/retry"
	"example.com/ingestion/local/eventpattern"
)

const (
	// streamInterval is how often a stream is read; Lambda does so four times a second.
	streamInterval = 250 * time.Millisecond
	// maxStreamRead is how many records one request reads at most.
	maxStreamRead = 1000
)

// cursor is how far a stream mapping has got. It stays when the mapping's
// settings change, and while it is disabled.
type cursor struct {
	turn chan struct{} // the poller at work has taken what is in it

	mu       sync.Mutex
	shard    string
	iterator string         // of what is not read yet; empty before the first poller
	waiting  []streamRecord // read and to be delivered
}

// cursor returns the cursor of a mapping, making it at first use.
func (h *Host) cursor(id string) *cursor {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, ok := h.cursors[id]
	if !ok {
		c = &cursor{turn: make(chan struct{}, 1)}
		c.turn <- struct{}{}
		h.cursors[id] = c
	}
	return c
}

// left counts the records that are not delivered yet; those that are not even
// read count as one, and so does a stream that no poller has seen.
func (c *cursor) left(ctx context.Context, from cloud) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.iterator == "" {
		return 1, nil
	}
	if len(c.waiting) > 0 {
		return len(c.waiting), nil
	}
	unread, _, err := from.records(ctx, c.iterator, 1)
	return len(unread), err
}

// streamPoller delivers the records of one stream to one function, in the order
// of the stream. A batch that fails holds up those after it.
// https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
type streamPoller struct {
	*cursor
	host   *Host
	cloud  cloud
	m      mapping
	filter filter
	told   string
}

// pollStream runs until ctx ends. A batch in hand is then left to the next
// poller of the mapping.
func (h *Host) pollStream(ctx context.Context, c cloud, m mapping) {
	s := &streamPoller{cursor: h.cursor(m.id), host: h, cloud: c, m: m}
	select {
	case <-s.turn:
		defer func() { s.turn <- struct{}{} }()
	case <-ctx.Done():
		return
	}
	var err error
	if s.filter, err = newFilter(m.filters); err != nil {
		s.complain(err)
		return
	}
	for ctx.Err() == nil {
		delivered, err := s.round(ctx)
		if err != nil && ctx.Err() == nil {
			s.complain(err)
		}
		if delivered == 0 {
			_ = retry.For(ctx, streamInterval)
		}
	}
}

// complain logs an error, but not over and over.
func (s *streamPoller) complain(err error) {
	if text := err.Error(); text != s.told {
		s.told = text
		s.host.log.printf("mapping %s of %s: %v", s.m.id, s.m.function, err)
	}
}

// round reads and delivers as much as is processed at once.
func (s *streamPoller) round(ctx context.Context) (delivered int, err error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	if err := s.host.passGate(ctx); err != nil {
		return 0, err
	}
	batch, err := s.fill(ctx)
	if err != nil || len(batch) == 0 {
		return 0, err
	}
	defer s.host.work.begin(s.m.function)()
	if err := s.deliver(ctx, batch); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = s.waiting[len(batch):]
	return len(batch), nil
}

// begin goes to the starting position, if no poller has before.
func (s *streamPoller) begin(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.iterator != "" {
		return nil
	}
	var err error
	s.shard, s.iterator, err = s.cloud.shard(ctx, s.m.source, s.m.position)
	return err
}

// fill reads until there is enough for a batch in every lane. It returns with
// less when the batching window is over, or nothing if the stream is at its end.
func (s *streamPoller) fill(ctx context.Context) ([]streamRecord, error) {
	want := s.m.batchSize * s.m.lanes
	var opened time.Time
	for {
		waiting, more, err := s.read(ctx, want)
		if err != nil || len(waiting) >= want {
			return waiting[:min(want, len(waiting))], err
		}
		if more {
			continue
		}
		if len(waiting) == 0 {
			return nil, nil
		}
		if opened.IsZero() {
			opened = time.Now()
		}
		left := min(s.m.window, s.host.options.BatchingWindow) - time.Since(opened)
		if left <= 0 {
			return waiting, nil
		}
		if err := retry.For(ctx, min(left, streamInterval)); err != nil {
			return nil, err
		}
	}
}

// read adds what the next request yields to what is waiting, which it returns.
func (s *streamPoller) read(ctx context.Context, want int) (waiting []streamRecord, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) >= want {
		return s.waiting, false, nil
	}
	records, next, err := s.cloud.records(ctx, s.iterator, want-len(s.waiting))
	if err != nil {
		return nil, false, err
	}
	var passed []streamRecord
	for _, r := range records {
		record, err := newStreamRecord(r, s.m.source)
		if err != nil {
			return nil, false, err
		}
		ok, err := s.passes(record)
		if err != nil {
			return nil, false, err
		}
		if ok {
			passed = append(passed, record)
		}
	}
	if next == "" {
		return nil, false, errors.New("the shard was closed: its stream was disabled or replaced")
	}
	s.iterator, s.waiting = next, append(s.waiting, passed...)
	return s.waiting, len(records) > 0, nil
}

func (s *streamPoller) passes(r streamRecord) (bool, error) {
	if len(s.filter) == 0 {
		return true, nil
	}
	var decoded any
	if err := json.Unmarshal(r.json, &decoded); err != nil {
		return false, err
	}
	return s.filter.matches(decoded), nil
}

// filter decides which records a mapping delivers to its function: those that
// match any of its patterns, or all if it has none.
// https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
type filter []eventpattern.Pattern

// newFilter parses a JSON array of patterns, each a string with JSON.
func newFilter(patterns string) (filter, error) {
	if patterns == "" {
		return nil, nil
	}
	var texts []string
	if err := json.Unmarshal([]byte(patterns), &texts); err != nil {
		return nil, fmt.Errorf("filter patterns %s: %w", patterns, err)
	}
	f := make(filter, len(texts))
	for i, text := range texts {
		var err error
		if f[i], err = eventpattern.Parse(text, eventpattern.Lambda); err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
	}
	return f, nil
}

// matches returns whether a record, as decoded JSON, is delivered.
func (f filter) matches(record any) bool {
	return len(f) == 0 || slices.ContainsFunc(f, func(p eventpattern.Pattern) bool { return p.Matches(record) })
}

// deliver brings records to their end, the lanes side by side. The records of
// one item share a lane, so they stay in order.
func (s *streamPoller) deliver(ctx context.Context, records []streamRecord) error {
	lanes := make([][]streamRecord, s.m.lanes)
	for _, r := range records {
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(r.item)) // never fails
		lane := int(hash.Sum32() % uint32(len(lanes)))
		lanes[lane] = append(lanes[lane], r)
	}
	errs := make([]error, len(lanes))
	var wg sync.WaitGroup
	for i, lane := range lanes {
		wg.Go(func() {
			for len(lane) > 0 && errs[i] == nil {
				n := batchLength(lane, s.m.batchSize)
				errs[i] = s.settle(ctx, lane[:n])
				lane = lane[n:]
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// batchLength is how many of the records fit into one invocation.
func batchLength(records []streamRecord, most int) int {
	const wrapping = len(`{"Records":[]}`)
	bytes := wrapping
	for n, r := range records {
		bytes += len(r.json) + 1
		if n == most || n > 0 && bytes > maxSyncPayload {
			return n
		}
	}
	return len(records)
}
