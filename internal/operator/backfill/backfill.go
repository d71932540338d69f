// Package backfill dispatches objects that are already in a feed's buckets to unpack,
// as if they had just arrived.
//
// Each object is dispatched as the notification that S3 would have sent, so that it
// becomes the same upload. Objects that are in the ledger are skipped, and an object
// that is dispatched twice is stored once. A cursor in the table records up to which
// key everything was dispatched, so that a stopped backfill can continue.
package backfill

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// Source is a source of a feed and the client that lists its bucket.
type Source struct {
	feed.Source
	API s3source.ListAPI
}

// Table is the part of the DynamoDB client that the package uses.
type Table interface {
	ledger.BatchAPI
	cursorAPI
}

// Backfill selects objects of a feed.
type Backfill struct {
	Feed    string
	Sources []Source
	// Prefix selects keys that begin with it; Since and Until select objects put at or
	// after the one and before the other. Zero values select all.
	Prefix       string
	Since, Until time.Time
	// Rate is the maximum number of objects per second.
	Rate float64
	// Restart ignores the cursor and begins at the first key.
	Restart bool

	DynamoDB Table
	Table    string
	Send     dispatch.Dispatcher
	// Step is called after each object with 1 and its size, from several goroutines. It
	// may be nil.
	Step func(objects, bytes int64)
}

// Count is a number of objects and of their bytes.
type Count struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

func (c *Count) add(o s3source.ListedObject) {
	c.Objects++
	c.Bytes += o.Size
}

// Plan is what Run would dispatch of one source.
type Plan struct {
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix,omitempty"`
	// After is the key up to which an earlier run has dispatched everything. Objects up
	// to it are not counted.
	After string `json:"after,omitempty"`
	// New counts the objects to dispatch, Known those that are in the ledger.
	New   Count `json:"new"`
	Known Count `json:"known"`
}

// Result is what Run has dispatched of one source.
type Result struct {
	Bucket     string `json:"bucket"`
	Prefix     string `json:"prefix,omitempty"`
	Dispatched Count  `json:"dispatched"`
	Known      Count  `json:"known"`
	// After is the key up to which everything was dispatched, if Run was stopped.
	After string `json:"after,omitempty"`
}

// Plan counts what Run would dispatch, and changes nothing.
func (b *Backfill) Plan(ctx context.Context) ([]Plan, error) {
	var plans []Plan
	for _, s := range b.Sources {
		after, err := b.readCursor(ctx, s)
		if err != nil {
			return nil, err
		}
		p := Plan{Bucket: s.Bucket, Prefix: s.prefix(b.Prefix), After: after}
		err = b.each(ctx, s, after, func(batch []found) error {
			for _, f := range batch {
				b.step(f.ListedObject)
				if f.known {
					p.Known.add(f.ListedObject)
				} else {
					p.New.add(f.ListedObject)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// stopTimeout bounds the requests in flight when a backfill is stopped.
const stopTimeout = 15 * time.Second

// Run dispatches the objects. When ctx ends, it waits for the requests in flight, stores
// the cursor and returns the error of ctx with the results so far. The next Run
// continues at the cursor.
func (b *Backfill) Run(ctx context.Context) ([]Result, error) {
	p := newPacer(b.Rate)
	var results []Result
	for _, s := range b.Sources {
		r, err := b.source(ctx, s, p)
		results = append(results, r)
		if err != nil {
			return results, err
		}
	}
	return results, nil
}

func (b *Backfill) source(ctx context.Context, s Source, p *pacer) (Result, error) {
	r := Result{Bucket: s.Bucket, Prefix: s.prefix(b.Prefix)}
	after, err := b.readCursor(ctx, s)
	if err != nil {
		return r, err
	}
	r.After = after
	c := b.cursor(s)
	stored := time.Now()
	err = b.each(ctx, s, after, func(batch []found) error {
		if err := b.dispatch(ctx, s, batch, p, &r); err != nil {
			return err
		}
		if time.Since(stored) < storeEvery {
			return nil
		}
		stored = time.Now()
		return b.storeCursor(ctx, c, r.After)
	})
	// The cursor is stored whatever the error, also if ctx has ended.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err != nil {
		if r.After != after {
			err = errors.Join(err, b.storeCursor(last, c, r.After))
		}
		return r, err
	}
	r.After = ""
	return r, b.resetCursor(last, c)
}

// found is an object of a listing, and whether it is in the ledger.
type found struct {
	s3source.ListedObject
	known bool
}

// prefix returns the longer of two prefixes, of which one begins with the other.
func (s Source) prefix(selected string) string {
	if len(selected) > len(s.Prefix) {
		return selected
	}
	return s.Prefix
}

// each yields the selected objects after a key, in the order of keys, in batches.
func (b *Backfill) each(ctx context.Context, s Source, after string, yield func([]found) error) error {
	var batch []found
	flush := func() error {
		if err := b.lookUp(ctx, s, batch); err != nil {
			return err
		}
		err := yield(batch)
		batch = batch[:0]
		return err
	}
	r := s3source.ListInput{Bucket: s.Bucket, Prefix: s.prefix(b.Prefix), After: after, RequesterPays: s.RequesterPays}
	for o, err := range s3source.List(ctx, s.API, r) {
		if err != nil {
			return err
		}
		if !s.Accepts(o.Key) || feed.IsFolderMarker(o.Key, o.Size) || o.Modified.Before(b.Since) || !b.Until.IsZero() && !o.Modified.Before(b.Until) {
			continue
		}
		if batch = append(batch, found{ListedObject: o}); len(batch) == ledger.MaxStates {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func (b *Backfill) step(o s3source.ListedObject) {
	if b.Step != nil {
		b.Step(1, o.Size)
	}
}

// ID returns the ID of the upload that an object becomes.
func ID(feedName, bucket string, o s3source.ListedObject) string {
	return ids.New(ids.Upload{Feed: feedName, Bucket: bucket, Key: o.Key, VersionID: o.VersionID, ETag: o.ETag}).ID
}

// lookUp marks the objects that are in the ledger.
func (b *Backfill) lookUp(ctx context.Context, s Source, batch []found) error {
	ids := make([]string, len(batch))
	for i, f := range batch {
		ids[i] = ID(b.Feed, s.Bucket, f.ListedObject)
	}
	states, err := ledger.States(ctx, b.DynamoDB, b.Table, b.Feed, ids)
	if err != nil {
		return err
	}
	for i := range batch {
		_, batch[i].known = states[ids[i]]
	}
	return nil
}

// workers is the number of concurrent requests.
const workers = 16

// dispatch dispatches a batch and waits for it, so that r.After never passes an object
// that was not dispatched.
func (b *Backfill) dispatch(ctx context.Context, s Source, batch []found, p *pacer, r *Result) error {
	jobs := make(chan int)
	errs := make([]error, len(batch))
	var wg sync.WaitGroup
	for range min(workers, len(batch)) {
		wg.Go(func() {
			for i := range jobs {
				if errs[i] = b.dispatchObject(ctx, s, batch[i].ListedObject, p); errs[i] == nil {
					b.step(batch[i].ListedObject)
				}
			}
		})
	}
	started := 0
	for i, f := range batch {
		if !f.known {
			if p.wait(ctx) != nil {
				break
			}
			jobs <- i
		} else {
			b.step(f.ListedObject)
		}
		started++
	}
	close(jobs)
	wg.Wait()
	for i, f := range batch[:started] {
		if errs[i] != nil { // the errors of later objects are most often the same
			return fmt.Errorf("dispatch s3://%s/%s: %w", s.Bucket, f.Key, errs[i])
		}
		r.After = f.Key
		if f.known {
			r.Known.add(f.ListedObject)
		} else {
			r.Dispatched.add(f.ListedObject)
		}
	}
	return context.Cause(ctx)
}

// dispatchObject dispatches an object, and retries while the service throttles.
func (b *Backfill) dispatchObject(ctx context.Context, s Source, o s3source.ListedObject, p *pacer) error {
	payload := s3event.Notification(s3event.Object{Bucket: s.Bucket, Key: o.Key, VersionID: o.VersionID, ETag: o.ETag, Size: o.Size})
	for {
		// A request in flight is not cancelled with ctx: its outcome would be unknown.
		requestCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		err := b.Send(requestCtx, payload)
		cancel()
		switch {
		case err == nil:
			p.succeeded()
			return nil
		case !throttled(err):
			return err
		}
		p.throttled()
		if waitErr := p.wait(ctx); waitErr != nil {
			return errors.Join(err, waitErr)
		}
	}
}
