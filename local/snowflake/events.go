package snowflake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/ingestion/local/snowflake/awsaccess"
)

// announced takes what a topic told, and returns when every pipe and external
// table that wants it has it.
func (e *engine) announced(ctx context.Context, topicARN string, events []awsaccess.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, o := range e.catalog.each(func(o *object) bool { return o.kind == kindPipe || o.kind == kindExternal }) {
		var err error
		switch d := o.detail.(type) {
		case *pipe:
			if d.topic == topicARN {
				d.take(events)
				e.ingest(ctx, o)
			}
		case *external:
			if d.topic == topicARN {
				d.pending = append(d.pending, events...)
				err = e.follow(ctx, o)
			}
		}
		if err != nil {
			e.log("external table %s: %v", o.label(), e.explain(err))
		}
	}
	return ctx.Err()
}

// take queues the events for files below the pipe's stage.
func (d *pipe) take(events []awsaccess.Event) {
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

// covers tells whether an object is in the stage's folder.
func (d *stage) covers(bucket, key string) bool {
	place, err := awsaccess.ParseLocation(d.url)
	return err == nil && place.Bucket == bucket && strings.HasPrefix(key, place.Prefix)
}

// background tries anew what a stage refused, and starts tasks on their
// schedules, until ctx ends.
func (e *engine) background(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			e.mu.Lock()
			e.retry(ctx)
			e.startDue(ctx, now)
			e.mu.Unlock()
		}
	}
}

// retry goes through what is pending. It needs the mutex.
func (e *engine) retry(ctx context.Context) {
	for _, o := range e.catalog.each(func(o *object) bool { return o.kind == kindPipe || o.kind == kindExternal }) {
		switch o.detail.(type) {
		case *pipe:
			e.ingest(ctx, o)
		case *external:
			if err := e.follow(ctx, o); err != nil {
				e.log("external table %s: %v", o.label(), e.explain(err))
			}
		}
	}
}

// idlePoll is how often Idle looks.
const idlePoll = 50 * time.Millisecond

func (e *engine) idle(ctx context.Context) error {
	tick := time.NewTicker(idlePoll)
	defer tick.Stop()
	for {
		busy, err := e.busy(ctx)
		if err != nil || busy == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("local snowflake is not idle: %w", errors.Join(append(busy, ctx.Err())...))
		case <-tick.C:
		}
	}
}

// busy says what is still to be done.
func (e *engine) busy(ctx context.Context) (reasons []error, err error) {
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
		reasons = append(reasons, fmt.Errorf("%d tasks run", e.running))
	}
	for _, o := range e.catalog.objects {
		switch d := o.detail.(type) {
		case *pipe:
			if len(d.pending) > 0 && !d.paused {
				reasons = append(reasons, fmt.Errorf("pipe %s has %d files to load: %w", o.label(), len(d.pending), d.failure))
			}
		case *external:
			if len(d.pending) > 0 {
				reasons = append(reasons, fmt.Errorf("external table %s has %d events to follow", o.label(), len(d.pending)))
			}
		}
	}
	return reasons, nil
}
