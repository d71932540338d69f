package batchwrite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"example.com/ingestion/internal/retry"
)

const (
	// maxBytesInFlight bounds the request bodies in memory.
	maxBytesInFlight = 16 << 20
	// initialItems and maxItems bound the items in flight: 8 and 64 requests.
	initialItems = 8 * maxBatchItems
	maxItems     = 64 * maxBatchItems
	// maxAttempts bounds the attempts of a request that fails for reasons other
	// than throttling. Throttled requests are retried until the context ends.
	maxAttempts = 10
)

// throttledPolicy is retry.Throttled with shorter waits: a request has few items, and
// the limiter reduces their number first.
var throttledPolicy = retry.Policy{First: retry.Throttled.First, Max: time.Second}

// Writer puts items into one table, in batches, many at a time. Its methods must
// be called by one goroutine at a time.
type Writer struct {
	ctx      context.Context
	cancel   context.CancelCauseFunc
	client   *Client
	head     request // the beginning of each request
	batch    *batch
	limiter  *limiter
	bytes    *semaphore.Weighted
	work     chan *batch // to an idle worker
	wg       sync.WaitGroup
	onReject func(tag int64, err error)

	mu        sync.Mutex
	free      []*batch
	sent      []*progress // of all batches, in the order of their items
	stored    int64
	requests  int64
	throttled error // the last error of a throttled request
}

// progress is that of one batch.
type progress struct {
	first int64 // the tag of its first item
	done  bool  // every item is stored or rejected
}

// NewWriter returns a Writer to table, whose requests end with ctx. It calls
// onReject, never concurrently, for each item that DynamoDB rejects as invalid,
// with the tag that was given to Commit; the other items of its batch are stored.
func (c *Client) NewWriter(ctx context.Context, table string, onReject func(tag int64, err error)) (*Writer, error) {
	name, err := json.Marshal(table)
	if err != nil {
		return nil, fmt.Errorf("table name %q: %w", table, err)
	}
	w := &Writer{
		client: c, onReject: onReject,
		head:    newRequest(fmt.Appendf(nil, `{"RequestItems":{%s:[`, name)),
		limiter: newLimiter(initialItems, maxItems),
		bytes:   semaphore.NewWeighted(maxBytesInFlight),
		work:    make(chan *batch),
	}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	context.AfterFunc(w.ctx, w.limiter.wake)
	return w, nil
}

// Next returns the bytes to which the caller appends the attributes of the next
// item, in wire form without the braces around them, as Attributes makes them.
// An item that is not given to Commit is discarded by the next call of Next.
func (w *Writer) Next() []byte {
	if w.batch == nil {
		w.batch = w.newBatch()
		w.batch.reset(w.head)
	}
	body := w.batch.request
	if len(w.batch.ends) > 0 {
		body = append(body, ',')
	}
	return append(body, itemHead...)
}

// newBatch returns a batch that was sent, to reuse its memory, or a new one.
func (w *Writer) newBatch() *batch {
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

// recycle makes the memory of b available to newBatch, unless b is unusually large.
func (w *Writer) recycle(b *batch) {
	if cap(b.request) > maxRecycled {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free = append(w.free, b)
}

// Commit adds the item that was appended to what Next returned. It blocks while
// the limits of what may be in flight are reached, and returns the error that
// ended the Writer, if there is one.
func (w *Writer) Commit(body []byte, tag int64) error {
	b := w.batch
	b.add(append(body, itemTail...), tag)
	if b.full() {
		return w.send()
	}
	return nil
}

// Flush sends the last batch, waits until every item is stored or rejected and
// returns how many were stored and with how many requests, or the error that
// ended the Writer. The Writer cannot be used after it.
func (w *Writer) Flush() (stored, requests int64, err error) {
	if w.batch != nil && len(w.batch.ends) > 0 {
		err = w.send()
	}
	close(w.work)
	w.limiter.block(time.Now())
	w.wg.Wait()
	w.limiter.unblock(time.Now())
	if cause := context.Cause(w.ctx); err == nil && cause != nil {
		err = cause
	}
	if err != nil && w.throttled != nil && !errors.Is(err, w.throttled) {
		err = fmt.Errorf("throttled by the table (%w): %w", w.throttled, err)
	}
	w.cancel(nil)
	return w.stored, w.requests, err
}

// Waited is for how long the calls of Commit and Flush, until now, have waited because the
// table throttles. It may be called by any goroutine.
func (w *Writer) Waited() time.Duration { return w.limiter.waited(time.Now()) }

// Unfinished returns the tag of the first item that was given to Commit and is neither
// stored nor rejected, or false if there is none. It is for use after Flush: where the
// end of ctx ended the Writer, all items before that one need not be written again.
func (w *Writer) Unfinished() (tag int64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.sent {
		if !p.done {
			return p.first, true
		}
	}
	return 0, false
}

func (w *Writer) send() error {
	b := w.batch
	w.batch = nil
	b.request = append(b.request, batchTail...)
	b.progress = &progress{first: b.tags[0]}
	w.mu.Lock()
	w.sent = append(w.sent, b.progress)
	w.mu.Unlock()
	if err := w.admit(b); err != nil {
		return err
	}
	select {
	case w.work <- b:
	default:
		w.wg.Go(func() { w.worker(b) })
	}
	return nil
}

// admit waits until b may be sent.
func (w *Writer) admit(b *batch) error {
	w.limiter.block(time.Now())
	defer func() { w.limiter.unblock(time.Now()) }()
	if err := w.bytes.Acquire(w.ctx, b.weight()); err != nil {
		return context.Cause(w.ctx)
	}
	if err := w.limiter.acquire(w.ctx, len(b.ends)); err != nil {
		w.bytes.Release(b.weight())
		return err
	}
	return nil
}

// worker writes b and then the batches it receives. Workers are reused because
// each new goroutine would grow its stack again.
func (w *Writer) worker(b *batch) {
	for ok := true; ok; b, ok = <-w.work {
		err := w.writeInPieces(b)
		if err != nil {
			w.cancel(err)
		}
		w.mu.Lock()
		b.progress.done = err == nil
		w.mu.Unlock()
		items := len(b.ends)
		w.bytes.Release(b.weight())
		w.recycle(b)
		w.limiter.release(items)
	}
}

// writeInPieces stores one batch, in several requests where the limit is below that of
// a request.
func (w *Writer) writeInPieces(b *batch) error {
	for from := 0; from < len(b.ends); {
		to := min(from+w.limiter.items(), len(b.ends))
		piece := b
		if to-from < len(b.ends) {
			piece = b.slice(w.head, from, to)
		}
		if err := w.write(piece); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// write stores one batch. Where DynamoDB rejects the request, each half is
// written separately, down to the invalid item.
func (w *Writer) write(b *batch) error {
	err := w.retry(b.request, len(b.ends))
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

// retry sends a request until DynamoDB has processed all of its items.
func (w *Writer) retry(r request, items int) error {
	// A throttled table is written to until the function's time is up. Partial
	// progress does not reset the backoff: the table is as busy as before.
	backoff, failures := throttledPolicy.Start(), 0
	for {
		w.mu.Lock()
		w.requests++
		w.mu.Unlock()
		next, err := w.client.batchWrite(w.ctx, r)
		var transient *transientError
		switch {
		case err == nil && next == nil:
			w.limiter.succeeded(items)
			return nil
		case err == nil:
			// Items are left unprocessed for the same reason that requests are throttled.
			w.limiter.throttled(time.Now())
			r = next
		case w.ctx.Err() != nil:
			return context.Cause(w.ctx)
		case !errors.As(err, &transient):
			return err
		case transient.throttled:
			w.limiter.throttled(time.Now())
			w.mu.Lock()
			w.throttled = err
			w.mu.Unlock()
		default:
			if failures++; failures >= maxAttempts {
				return fmt.Errorf("after %d attempts: %w", failures, err)
			}
		}
		if err := backoff.Wait(w.ctx); err != nil {
			return err
		}
	}
}
