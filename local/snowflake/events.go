package snowflake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/ingestion/local/snowflake/awsaccess"
)

// handleEvents passes the events of a topic to the pipes and external tables that
// are subscribed to it, and returns when they have processed them.
func (e *engine) handleEvents(ctx context.Context, topicARN string, events []awsaccess.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, o := range e.catalog.each(func(o *object) bool { return o.kind == kindPipe || o.kind == kindExternal }) {
		var err error
		switch d := o.detail.(type) {
		case *pipe:
			if d.topic == topicARN {
				d.enqueue(events)
				e.ingest(ctx, o)
			}
		case *external:
			if d.topic == topicARN {
				d.pending = append(d.pending, events...)
				err = e.applyEvents(ctx, o)
			}
		}
		if err != nil {
			e.log("external table %s: %v", o.label(), e.snowflakeError(err))
		}
	}
	return ctx.Err()
}

// enqueue adds the events for files in the pipe's stage to its pending events.
func (d *pipe) enqueue(events []awsaccess.Event) {
	s := d.stage.detail.(*stage)
	for _, event := range events {
		d.received = time.Now()
		if event.Removed || !s.covers(event.Bucket, event.Key) {
			continue
		}
		d.forwarded = d.received
		d.pending = append(d.pending, event)
	}
}

// covers reports whether an object is in the stage.
func (d *stage) covers(bucket, key string) bool {
	location, err := awsaccess.ParseLocation(d.url)
	return err == nil && location.Bucket == bucket && strings.HasPrefix(key, location.Prefix)
}

// background retries pending events and starts tasks on their schedules, until ctx
// ends.
func (e *engine) background(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			e.mu.Lock()
			e.retryPending(ctx)
			e.startDue(ctx, now)
			e.mu.Unlock()
		}
	}
}

// retryPending processes pending events. The caller holds the mutex.
func (e *engine) retryPending(ctx context.Context) {
	for _, o := range e.catalog.each(func(o *object) bool { return o.kind == kindPipe || o.kind == kindExternal }) {
		switch o.detail.(type) {
		case *pipe:
			e.ingest(ctx, o)
		case *external:
			if err := e.applyEvents(ctx, o); err != nil {
				e.log("external table %s: %v", o.label(), e.snowflakeError(err))
			}
		}
	}
}

// idlePoll is the interval at which Idle checks for pending work.
const idlePoll = 50 * time.Millisecond

func (e *engine) idle(ctx context.Context) error {
	tick := time.NewTicker(idlePoll)
	defer tick.Stop()
	for {
		reasons, err := e.pendingWork(ctx)
		if err != nil || reasons == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("local snowflake is not idle: %w", errors.Join(append(reasons, ctx.Err())...))
		case <-tick.C:
		}
	}
}

// pendingWork returns what is still to be done.
func (e *engine) pendingWork(ctx context.Context) (reasons []error, err error) {
	n, err := e.storage.Pending(ctx)
	if err != nil {
		return nil, fmt.Errorf("local snowflake: %w", err)
	}
	if n > 0 {
		return []error{fmt.Errorf("%d messages are in the queues", n)}, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running > 0 {
		reasons = append(reasons, fmt.Errorf("%d tasks are running", e.running))
	}
	for _, o := range e.catalog.objects {
		switch d := o.detail.(type) {
		case *pipe:
			if len(d.pending) > 0 && !d.paused && e.stopped(d) == "" {
				reasons = append(reasons, fmt.Errorf("pipe %s has %d files to load: %w", o.label(), len(d.pending), d.failure))
			}
		case *external:
			if len(d.pending) > 0 {
				reasons = append(reasons, fmt.Errorf("external table %s has %d events to process", o.label(), len(d.pending)))
			}
		}
	}
	return reasons, nil
}
