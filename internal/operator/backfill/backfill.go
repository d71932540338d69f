// Package backfill sends what is already in a feed's buckets through the feed,
// as if it had just arrived.
//
// An object is sent as the event that S3 would have sent of it, so it becomes
// the upload that it would have become: what the ledger has is passed over, and
// what is sent twice is stored once. Up to which key everything was sent is kept
// in the table, for a backfill that is stopped and begun again.
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

// Source is a source of a feed, with what lists it.
type Source struct {
	feed.Source
	API s3source.ListAPI
}

// Table is what a backfill needs of a DynamoDB client.
type Table interface {
	ledger.BatchAPI
	cursorAPI
}

// Backfill is a feed, and which of its objects to send.
type Backfill struct {
	Feed    string
	Sources []Source
	// Prefix limits the backfill to keys that begin with it, Since and Until to
	// objects put at or after the one and before the other; zero values do not.
	Prefix       string
	Since, Until time.Time
	// Rate is how many objects are sent a second, at most.
	Rate float64
	// Restart begins at the first key, whatever was sent before.
	Restart bool

	DynamoDB Table
	Table    string
	Send     dispatch.Dispatcher
	// Step is called with how many more objects were dealt with, and their bytes,
	// by several goroutines. It may be nil.
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

// Plan is what a backfill has found, in one source.
type Plan struct {
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix,omitempty"`
	// After is the key up to which an earlier run has sent everything; what comes
	// before it was not looked at.
	After string `json:"after,omitempty"`
	// New is what is to be sent, Known what the ledger has.
	New   Count `json:"new"`
	Known Count `json:"known"`
}

// Result is what a backfill has done, in one source.
type Result struct {
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix,omitempty"`
	Sent   Count  `json:"sent"`
	Known  Count  `json:"known"`
	// After is the key up to which everything was sent, where it was stopped.
	After string `json:"after,omitempty"`
}

// Plan counts what Run would do, and changes nothing.
func (b *Backfill) Plan(ctx context.Context) ([]Plan, error) {
	var plans []Plan
	for _, s := range b.Sources {
		after, err := b.from(ctx, s)
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

// stopping is how long what is under way may take when a backfill is stopped.
const stopping = 15 * time.Second

// Run sends what is to be sent. When ctx ends it waits for what is under way,
// stores how far it has come and returns ctx's error with what it has done: the
// next Run goes on there.
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
	after, err := b.from(ctx, s)
	if err != nil {
		return r, err
	}
	r.After = after
	c := b.cursor(s)
	stored := time.Now()
	err = b.each(ctx, s, after, func(batch []found) error {
		if err := b.send(ctx, s, batch, p, &r); err != nil {
			return err
		}
		if time.Since(stored) < storeEvery {
			return nil
		}
		stored = time.Now()
		return b.storeCursor(ctx, c, r.After)
	})
	// The cursor is worth storing whatever has ended the sending, ctx's end too.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopping)
	defer cancel()
	if err != nil {
		if r.After != after {
			err = errors.Join(err, b.storeCursor(last, c, r.After))
		}
		return r, err
	}
	r.After = ""
	return r, b.dropCursor(last, c)
}

// found is an object of a listing, and whether the ledger has it.
type found struct {
	s3source.ListedObject
	known bool
}

func (s Source) prefix(more string) string {
	if len(more) > len(s.Prefix) {
		return more
	}
	return s.Prefix
}

// each lists what is to be looked at behind a key, in the order of keys, a batch
// at a time.
func (b *Backfill) each(ctx context.Context, s Source, after string, yield func([]found) error) error {
	var batch []found
	flush := func() error {
		if err := b.look(ctx, s, batch); err != nil {
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
		if !s.Accepts(o.Key) || o.Modified.Before(b.Since) || !b.Until.IsZero() && !o.Modified.Before(b.Until) {
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

// ID is the upload that an object of a feed becomes.
func ID(feedName, bucket string, o s3source.ListedObject) string {
	return ids.New(ids.Upload{Feed: feedName, Bucket: bucket, Key: o.Key, VersionID: o.VersionID, ETag: o.ETag}).ID
}

// look marks what the ledger has.
func (b *Backfill) look(ctx context.Context, s Source, batch []found) error {
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

// workers is how many objects are sent at a time.
const workers = 16

// send sends a batch and waits for it: r.After never passes an object that was
// not sent.
func (b *Backfill) send(ctx context.Context, s Source, batch []found, p *pacer, r *Result) error {
	jobs := make(chan int)
	errs := make([]error, len(batch))
	var wg sync.WaitGroup
	for range min(workers, len(batch)) {
		wg.Go(func() {
			for i := range jobs {
				if errs[i] = b.sendOne(ctx, s, batch[i].ListedObject, p); errs[i] == nil {
					b.step(batch[i].ListedObject)
				}
			}
		})
	}
	begun := 0
	for i, f := range batch {
		if !f.known {
			if p.wait(ctx) != nil {
				break
			}
			jobs <- i
		} else {
			b.step(f.ListedObject)
		}
		begun++
	}
	close(jobs)
	wg.Wait()
	for i, f := range batch[:begun] {
		if errs[i] != nil { // those behind it most often say the same
			return fmt.Errorf("send s3://%s/%s: %w", s.Bucket, f.Key, errs[i])
		}
		r.After = f.Key
		if f.known {
			r.Known.add(f.ListedObject)
		} else {
			r.Sent.add(f.ListedObject)
		}
	}
	return context.Cause(ctx)
}

// sendOne sends an object, as often as it takes while it is throttled.
func (b *Backfill) sendOne(ctx context.Context, s Source, o s3source.ListedObject, p *pacer) error {
	payload := s3event.Notification(s3event.Object{Bucket: s.Bucket, Key: o.Key, VersionID: o.VersionID, ETag: o.ETag, Size: o.Size})
	for {
		// What is under way when ctx ends is waited for: whether it was sent would not be known.
		sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopping)
		err := b.Send(sending, payload)
		cancel()
		switch {
		case err == nil:
			p.sent()
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
