package discover

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/aws/s3source"
)

const (
	// chunkSize is how many objects are handed on before they are remembered
	// together: as many as BatchWriteItem takes.
	chunkSize = 25
	// chunks is how many of them are under way at a time.
	chunks = 16
)

// walk is one invocation's part of a walk.
type walk struct {
	h      *Handler
	source feed.Source
	timeUp func() bool
	counts Counts
	// after is the key up to which everything is dealt with.
	after string
}

// run lists from w.after on. It is complete when the last key was reached.
func (w *walk) run(ctx context.Context) (complete bool, err error) {
	api, err := w.h.Bucket(ctx, w.source, w.source.Bucket)
	if err != nil {
		return false, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(chunks)
	var (
		sent  atomic.Int64
		done  doneKeys
		chunk []s3source.ListedObject
		last  = w.after
	)
	flush := func() {
		objects, finish := chunk, done.begin(last)
		chunk = nil
		group.Go(func() error {
			if err := w.h.send(ctx, w.source.Bucket, objects, &sent); err != nil {
				return err
			}
			finish()
			return nil
		})
	}
	complete, err = w.each(ctx, api, func(o s3source.ListedObject, fresh bool) {
		last = o.Key
		if fresh {
			chunk = append(chunk, o)
		}
		if len(chunk) == chunkSize {
			flush()
		}
	})
	if len(chunk) > 0 {
		flush()
	} else {
		done.begin(last)()
	}
	if sendErr := group.Wait(); sendErr != nil {
		// It ends the listing too, which then has nothing of its own to say.
		err = sendErr
	}
	w.counts.Sent += sent.Load()
	if key := done.key(); key != "" {
		w.after = key
	}
	return complete && err == nil, err
}

// each calls yield for every object of the source, with whether it is news.
// What was seen and is no longer there is passed over.
func (w *walk) each(ctx context.Context, api s3source.ListAPI, yield func(o s3source.ListedObject, fresh bool)) (complete bool, err error) {
	next, stop := iter.Pull2(w.h.seen(ctx, w.source, w.after))
	defer stop()
	known, seenErr, more := next()
	stopped := false
	objects := s3source.List(ctx, api, s3source.ListInput{
		Bucket: w.source.Bucket, Prefix: w.source.Prefix, After: w.after, RequesterPays: w.source.RequesterPays,
		OnPage: func(key string) bool {
			yield(s3source.ListedObject{Key: key}, false)
			stopped = ctx.Err() != nil || w.timeUp()
			return !stopped
		},
	})
	looked := 0
	for o, err := range objects {
		if err != nil {
			return false, err
		}
		// The first is always dealt with: every invocation comes further.
		if looked++; looked > 1 && (ctx.Err() != nil || looked%chunkSize == 0 && w.timeUp()) {
			return false, ctx.Err()
		}
		if !w.source.Accepts(o.Key) {
			yield(o, false)
			continue
		}
		for more && seenErr == nil && known.Key < o.Key {
			known, seenErr, more = next()
		}
		if seenErr != nil {
			return false, seenErr
		}
		w.counts.Listed++
		switch {
		case !more || known.Key != o.Key:
			w.counts.New++
			yield(o, true)
		case changed(known, o):
			w.counts.Changed++
			yield(o, true)
		default:
			yield(o, false)
		}
	}
	return !stopped, ctx.Err()
}

func changed(was, now s3source.ListedObject) bool {
	return was.ETag != now.ETag || was.Size != now.Size || !was.Modified.Equal(now.Modified)
}

// send hands objects to unpack and remembers them then.
func (h *Handler) send(ctx context.Context, bucket string, objects []s3source.ListedObject, sent *atomic.Int64) error {
	for _, o := range objects {
		payload := s3event.Notification(s3event.Object{Bucket: bucket, Key: o.Key, VersionID: o.VersionID, ETag: o.ETag, Size: o.Size})
		if err := h.HandOn(ctx, payload); err != nil {
			return fmt.Errorf("hand key %q to unpack: %w", o.Key, err)
		}
		sent.Add(1)
	}
	return h.remember(ctx, bucket, objects)
}

// doneKeys knows up to which key a walk is done whose chunks end in any order.
type doneKeys struct {
	mu    sync.Mutex
	first int // chunk that is not done yet
	ends  []string
	done  map[int]bool
}

// begin enters the next chunk, which ends at a key; finish says that it is done.
func (d *doneKeys) begin(end string) (finish func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ends = append(d.ends, end)
	number := d.first + len(d.ends) - 1
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.done == nil {
			d.done = map[int]bool{}
		}
		d.done[number] = true
		// The last one's key is kept: it is the answer.
		for len(d.ends) > 1 && d.done[d.first] && d.done[d.first+1] {
			delete(d.done, d.first)
			d.ends = d.ends[1:]
			d.first++
		}
	}
}

// key is where the first chunks that are done end, "" for none.
func (d *doneKeys) key() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.ends) == 0 || !d.done[d.first] {
		return ""
	}
	return d.ends[0]
}
