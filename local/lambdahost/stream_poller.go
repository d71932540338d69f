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
	// streamInterval is the time between two reads of a stream: as in Lambda, four per second.
	streamInterval = 250 * time.Millisecond
	// maxStreamRead is the maximum number of records of one request.
	maxStreamRead = 1000
)

// cursor is the position of a mapping in its stream. It is kept when the settings of
// the mapping change, and while it is disabled.
type cursor struct {
	available chan struct{} // has one element unless a poller uses the cursor

	mu       sync.Mutex
	shard    string
	iterator string         // of the next unread record; empty before the first poller
	waiting  []streamRecord // read, but not delivered
}

// cursor returns the cursor of a mapping, which it creates at first use.
func (h *Host) cursor(id string) *cursor {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, ok := h.cursors[id]
	if !ok {
		c = &cursor{available: make(chan struct{}, 1)}
		c.available <- struct{}{}
		h.cursors[id] = c
	}
	return c
}

// undelivered counts the records that are not delivered yet; the unread ones count
// as one, as does a stream without a poller until now.
func (c *cursor) undelivered(ctx context.Context, from awsClient) (int, error) {
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

// streamPoller delivers the records of one stream to one function, in the order of
// the stream. A batch that fails delays the following ones.
// https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
type streamPoller struct {
	*cursor
	host       *Host
	client     awsClient
	m          mapping
	filter     filter
	lastLogged string
}

// pollStream runs until ctx ends. The next poller of the mapping then continues
// with the current batch.
func (h *Host) pollStream(ctx context.Context, c awsClient, m mapping) {
	s := &streamPoller{cursor: h.cursor(m.id), host: h, client: c, m: m}
	select {
	case <-s.available:
		defer func() { s.available <- struct{}{} }()
	case <-ctx.Done():
		return
	}
	var err error
	if s.filter, err = newFilter(m.filters); err != nil {
		s.logOnce(err)
		return
	}
	for ctx.Err() == nil {
		delivered, err := s.poll(ctx)
		if err != nil && ctx.Err() == nil {
			s.logOnce(err)
		}
		if delivered == 0 {
			_ = retry.Wait(ctx, streamInterval)
		}
	}
}

// logOnce logs an error unless it is the one that was logged last.
func (s *streamPoller) logOnce(err error) {
	if text := err.Error(); text != s.lastLogged {
		s.lastLogged = text
		s.host.log.printf("mapping %s of %s: %v", s.m.id, s.m.function, err)
	}
}

// poll reads and delivers the records that are processed concurrently.
func (s *streamPoller) poll(ctx context.Context) (delivered int, err error) {
	if err := s.seek(ctx); err != nil {
		return 0, err
	}
	if err := s.host.waitWhilePaused(ctx); err != nil {
		return 0, err
	}
	batch, err := s.collect(ctx)
	if err != nil || len(batch) == 0 {
		return 0, err
	}
	defer s.host.inFlight.start(s.m.function)()
	if err := s.deliver(ctx, batch); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = s.waiting[len(batch):]
	return len(batch), nil
}

// seek sets the cursor to the starting position unless an earlier poller has.
func (s *streamPoller) seek(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.iterator != "" {
		return nil
	}
	var err error
	s.shard, s.iterator, err = s.client.shard(onBehalfOf(ctx, s.m.function), s.m.source, s.m.position)
	return err
}

// collect reads until there are records for as many batches as are processed
// concurrently, or until the batching window ends. It returns none at the end of
// the stream.
func (s *streamPoller) collect(ctx context.Context) ([]streamRecord, error) {
	want := s.m.batchSize * s.m.parallelization
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
		if err := retry.Wait(ctx, min(left, streamInterval)); err != nil {
			return nil, err
		}
	}
}

// read adds the records of one request to the waiting ones, which it returns.
func (s *streamPoller) read(ctx context.Context, want int) (waiting []streamRecord, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) >= want {
		return s.waiting, false, nil
	}
	records, next, err := s.client.records(onBehalfOf(ctx, s.m.function), s.iterator, want-len(s.waiting))
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

// deliver delivers records in ParallelizationFactor concurrent sequences of
// batches. The records of one item are in the same sequence, in order.
func (s *streamPoller) deliver(ctx context.Context, records []streamRecord) error {
	sequences := make([][]streamRecord, s.m.parallelization)
	for _, r := range records {
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(r.item)) // never fails
		i := int(hash.Sum32() % uint32(len(sequences)))
		sequences[i] = append(sequences[i], r)
	}
	errs := make([]error, len(sequences))
	var wg sync.WaitGroup
	for i, sequence := range sequences {
		wg.Go(func() {
			for len(sequence) > 0 && errs[i] == nil {
				n := batchLength(sequence, s.m.batchSize)
				errs[i] = s.deliverBatch(ctx, sequence[:n])
				sequence = sequence[n:]
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// batchLength is the number of records that fit into one invocation.
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
