package batchwrite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"example.com/ingestion/internal/retry"
)

const (
	// maxBatchItems is DynamoDB's limit of items in one BatchWriteItem.
	maxBatchItems = 25
	// maxBatchBytes closes a batch early; DynamoDB's limit is 16 MB.
	maxBatchBytes = 1 << 20
	// maxBytesUnderWay bounds the bodies that are held at a time.
	maxBytesUnderWay = 16 << 20
	// maxKept is above the size of a batch of usual records.
	maxKept = 128 << 10
	// startRequests and maxRequests bound the requests under way.
	startRequests = 8
	maxRequests   = 64
	// maxAttempts bounds the tries of a request that fails for reasons other
	// than throttling. Throttling ends by itself: only the deadline bounds it.
	maxAttempts = 10
)

// Writer puts items into one table, in batches, many at a time. It is for one
// goroutine: its methods are not to be called concurrently.
type Writer struct {
	ctx      context.Context
	cancel   context.CancelCauseFunc
	client   *Client
	head     message // what a request begins with
	batch    *batch
	limiter  *limiter
	bytes    *semaphore.Weighted
	work     chan *batch // to a worker that is idle
	wg       sync.WaitGroup
	onReject func(tag int64, err error)

	mu        sync.Mutex
	free      []*batch
	stored    int64
	calls     int64
	throttled error // what DynamoDB last said to a request that it had no room for
}

// batch is one request. ends[i] is where item i ends in it.
type batch struct {
	message
	ends []int
	tags []int64
}

// NewWriter returns a Writer to table, whose requests end with ctx. onReject
// hears, never concurrently, of an item that DynamoDB itself refused for what
// it is, by the tag that Commit was given; the other items of its batch are stored.
func (c *Client) NewWriter(ctx context.Context, table string, onReject func(tag int64, err error)) (*Writer, error) {
	name, err := json.Marshal(table)
	if err != nil {
		return nil, fmt.Errorf("table name %q: %w", table, err)
	}
	w := &Writer{
		client: c, onReject: onReject,
		head:    newMessage(fmt.Appendf(nil, `{"RequestItems":{%s:[`, name)),
		limiter: newLimiter(startRequests, maxRequests),
		bytes:   semaphore.NewWeighted(maxBytesUnderWay),
		work:    make(chan *batch),
	}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	context.AfterFunc(w.ctx, w.limiter.wake)
	return w, nil
}

const (
	itemHead  = `{"PutRequest":{"Item":{`
	itemTail  = `}}}`
	batchTail = `]}}`
)

// Next returns the bytes to which the attributes of the next item are to be
// appended, in wire form without the braces around them, as Attributes makes
// them. What is not given to Commit is forgotten with the next Next.
func (w *Writer) Next() []byte {
	if w.batch == nil {
		w.batch = w.spare()
		w.batch.reset(w.head)
	}
	body := w.batch.message
	if len(w.batch.ends) > 0 {
		body = append(body, ',')
	}
	return append(body, itemHead...)
}

// spare returns a batch that was sent, for its memory, or a new one.
func (w *Writer) spare() *batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.free) - 1
	if n < 0 {
		return &batch{}
	}
	b := w.free[n]
	w.free = w.free[:n]
	return b
}

// keep keeps b for its memory, unless it is one of a few large ones.
func (w *Writer) keep(b *batch) {
	if cap(b.message) > maxKept {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free = append(w.free, b)
}

// Commit adds the item that was appended to what Next returned. It blocks while
// enough is under way, and returns the error that ended the writing, if one has.
func (w *Writer) Commit(body []byte, tag int64) error {
	b := w.batch
	body = append(body, itemTail...)
	b.message = body
	b.ends = append(b.ends, len(body))
	b.tags = append(b.tags, tag)
	if len(b.ends) == maxBatchItems || len(body) >= maxBatchBytes {
		return w.send()
	}
	return nil
}

func (b *batch) reset(head message) {
	b.message = append(b.message[:0], head...)
	b.ends, b.tags = b.ends[:0], b.tags[:0]
}

// Flush sends what is left, waits until every item is stored or rejected and
// returns how many were stored and in how many calls, or the error that ended the writing.
func (w *Writer) Flush() (stored, calls int64, err error) {
	if w.batch != nil && len(w.batch.ends) > 0 {
		err = w.send()
	}
	close(w.work)
	w.wg.Wait()
	if cause := context.Cause(w.ctx); err == nil && cause != nil {
		err = cause
	}
	if err != nil && w.throttled != nil && !errors.Is(err, w.throttled) {
		err = fmt.Errorf("throttled by the table (%w): %w", w.throttled, err)
	}
	w.cancel(nil)
	return w.stored, w.calls, err
}

func (w *Writer) send() error {
	b := w.batch
	w.batch = nil
	b.message = append(b.message, batchTail...)
	if err := w.bytes.Acquire(w.ctx, b.weight()); err != nil {
		return context.Cause(w.ctx)
	}
	if err := w.limiter.acquire(w.ctx); err != nil {
		w.bytes.Release(b.weight())
		return err
	}
	select {
	case w.work <- b:
	default:
		w.wg.Go(func() { w.worker(b) })
	}
	return nil
}

func (b *batch) weight() int64 { return min(int64(len(b.message)), maxBytesUnderWay) }

// worker writes b, and what comes after. A goroutine for each batch would grow
// its stack for each.
func (w *Writer) worker(b *batch) {
	for ok := true; ok; b, ok = <-w.work {
		err := w.write(b)
		if err != nil {
			w.cancel(err)
		}
		w.bytes.Release(b.weight())
		w.keep(b)
		w.limiter.release()
	}
}

// write stores one batch. Where DynamoDB refuses the request for one of its
// items, the halves are written by themselves, down to the item that is at fault.
func (w *Writer) write(b *batch) error {
	err := w.retry(b.message)
	if !errors.Is(err, errRejected) {
		if err == nil {
			w.mu.Lock()
			w.stored += int64(len(b.ends))
			w.mu.Unlock()
		}
		return err
	}
	if len(b.ends) == 1 {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.onReject(b.tags[0], err)
		return nil
	}
	middle := len(b.ends) / 2
	if err := w.write(b.slice(w.head, 0, middle)); err != nil {
		return err
	}
	return w.write(b.slice(w.head, middle, len(b.ends)))
}

// slice copies the items from (inclusive) to (exclusive) into a batch of their own.
func (b *batch) slice(head message, from, to int) *batch {
	start := len(head)
	if from > 0 {
		start = b.ends[from-1] + len(",")
	}
	var part batch
	part.reset(head)
	shift := start - len(part.message)
	part.message = append(part.message, b.message[start:b.ends[to-1]]...)
	part.message = append(part.message, batchTail...)
	part.tags = append(part.tags, b.tags[from:to]...)
	for _, end := range b.ends[from:to] {
		part.ends = append(part.ends, end-shift)
	}
	return &part
}

// retry sends m until DynamoDB has processed all of it.
func (w *Writer) retry(m message) error {
	for attempt := 0; ; {
		w.mu.Lock()
		w.calls++
		w.mu.Unlock()
		rest, err := w.client.batchWrite(w.ctx, m)
		var passing *callError
		switch {
		case err == nil && rest == nil:
			w.limiter.succeeded()
			return nil
		case err == nil:
			// Items are left unprocessed for the same reason that requests are throttled.
			w.limiter.throttled(time.Now())
			if len(rest) < len(m) {
				attempt = 0
			}
			m = rest
		case w.ctx.Err() != nil:
			return context.Cause(w.ctx)
		case !errors.As(err, &passing):
			return err
		case passing.throttled:
			w.limiter.throttled(time.Now())
			w.mu.Lock()
			w.throttled = err
			w.mu.Unlock()
		case attempt+1 >= maxAttempts:
			return fmt.Errorf("after %d attempts: %w", attempt+1, err)
		}
		if err := retry.For(w.ctx, backoff(attempt)); err != nil {
			return err
		}
		attempt++
	}
}

// backoff is exponential with full jitter, at most 5 seconds.
func backoff(attempt int) time.Duration {
	ceiling := min(5*time.Second, 25*time.Millisecond<<min(attempt, 10))
	return rand.N(ceiling) + time.Millisecond
}
