package discover

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/aws/s3source"
)

const (
	// chunkSize is how many objects are dispatched before they are recorded as seen
	// together: the limit of BatchWriteItem.
	chunkSize = 25
	// maxChunks is how many chunks are processed concurrently.
	maxChunks = 16
)

// scan is one invocation's part of the scan of a source.
type scan struct {
	h            *Handler
	source       feed.Source
	nearDeadline func() bool
	counts       Counts
	// after is the checkpoint: the last key up to which everything was processed.
	after string
}

// run scans from s.after on. It returns true when the last key was reached.
func (s *scan) run(ctx context.Context) (complete bool, err error) {
	api, err := s.h.Bucket(ctx, s.source, s.source.Bucket)
	if err != nil {
		return false, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxChunks)
	var (
		dispatched atomic.Int64
		finished   finishedKeys
		chunk      []s3source.ListedObject
		last       = s.after
	)
	flush := func() {
		objects, finish := chunk, finished.start(last)
		chunk = nil
		group.Go(func() error {
			if err := s.h.dispatch(ctx, s.source.Bucket, objects, &dispatched); err != nil {
				return err
			}
			finish()
			return nil
		})
	}
	complete, err = s.merge(ctx, api, func(o s3source.ListedObject, changed bool) {
		last = o.Key
		if changed {
			chunk = append(chunk, o)
		}
		if len(chunk) == chunkSize {
			flush()
		}
	})
	if len(chunk) > 0 {
		flush()
	} else {
		finished.start(last)()
	}
	if dispatchErr := group.Wait(); dispatchErr != nil {
		err = dispatchErr // it canceled the listing
	}
	s.counts.Dispatched += dispatched.Load()
	if key := finished.key(); key != "" {
		s.after = key
	}
	return complete && err == nil, err
}

// merge merges the listing with the seen objects. It calls yield for every object
// of the source, and with changed for those that are new or changed. Seen objects
// that were deleted since are skipped.
func (s *scan) merge(ctx context.Context, api s3source.ListAPI, yield func(o s3source.ListedObject, changed bool)) (complete bool, err error) {
	next, stop := iter.Pull2(s.h.seen(ctx, s.source, s.after))
	defer stop()
	seen, seenErr, more := next()
	stopped := false
	objects := s3source.List(ctx, api, s3source.ListInput{
		Bucket: s.source.Bucket, Prefix: s.source.Prefix, After: s.after, RequesterPays: s.source.RequesterPays,
		OnPage: func(key string) bool {
			yield(s3source.ListedObject{Key: key}, false)
			stopped = ctx.Err() != nil || s.nearDeadline()
			return !stopped
		},
	})
	listed := 0
	for o, err := range objects {
		if err != nil {
			return false, err
		}
		// The first object is always processed, so that every invocation makes progress.
		if listed++; listed > 1 && (ctx.Err() != nil || listed%chunkSize == 0 && s.nearDeadline()) {
			return false, ctx.Err()
		}
		if !s.source.Accepts(o.Key) || feed.IsFolderMarker(o.Key, o.Size) {
			yield(o, false)
			continue
		}
		for more && seenErr == nil && seen.Key < o.Key {
			seen, seenErr, more = next()
		}
		if seenErr != nil {
			return false, seenErr
		}
		s.counts.Listed++
		switch {
		case !more || seen.Key != o.Key:
			s.counts.New++
			yield(o, true)
		case seen.ETag != o.ETag || seen.Size != o.Size || !seen.Modified.Equal(o.Modified):
			s.counts.Changed++
			yield(o, true)
		default:
			yield(o, false)
		}
	}
	return !stopped, ctx.Err()
}

// dispatch dispatches objects to unpack and then records them as seen.
func (h *Handler) dispatch(ctx context.Context, bucket string, objects []s3source.ListedObject, dispatched *atomic.Int64) error {
	for _, o := range objects {
		payload := s3event.Notification(s3event.Object{Bucket: bucket, Key: o.Key, VersionID: o.VersionID, ETag: o.ETag, Size: o.Size})
		if err := h.Dispatch(ctx, payload); err != nil {
			return fmt.Errorf("dispatch key %q to unpack: %w", o.Key, err)
		}
		dispatched.Add(1)
	}
	return h.record(ctx, bucket, objects)
}
