package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/metrics"
	"example.com/ingestion/internal/store/ledger"
)

// part loads a part from its checkpoint on. The error is handler.ErrNearDeadline where
// another invocation has to continue; what is loaded is stored then.
func (l *loader) part(ctx context.Context, work *work) error {
	start := time.Now()
	p, ok, err := l.Ledger.GetPart(ctx, work.Feed, work.Upload, work.Part)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the part is not in the ledger")
	}
	log := work.log.With("upload", p.Upload, "part", p.Name)
	if p.State.Done() {
		log.Info("loaded already", "state", p.State)
		return l.Ledger.SettlePart(ctx, p)
	}
	from, requests := p.Lines, int64(0)
	// An earlier invocation may have written all lines of a shared part already.
	if p.Lines < p.Records {
		if requests, err = l.write(ctx, &p); err != nil {
			return err
		}
	}
	log = log.With("records", p.Records, "stored", p.Stored, "quarantined", p.Rejected,
		"bytes_landed", p.Bytes, "requests", requests, "seconds", time.Since(start).Seconds())
	if p.Lines < p.Records {
		if p.Lines > from {
			if err := l.Ledger.PartProgress(ctx, p, from); err != nil {
				return err
			}
		}
		log.Info("continued", "lines", p.Lines)
		return handler.ErrNearDeadline
	}
	if err := l.loaded(ctx, p, from); err != nil {
		return err
	}
	log.Info("loaded")
	work.metrics.Emit(metrics.Values{feed.MetricStored: float64(p.Stored), feed.MetricQuarantined: float64(p.Rejected)})
	return l.Ledger.SettlePart(ctx, p)
}

// loaded enters a part as loaded, of which an earlier invocation has loaded so many lines.
// In a shared part, that changes each of its uploads: what time does not suffice for is left
// to the next invocation.
func (l *loader) loaded(ctx context.Context, p ledger.Part, from int64) error {
	if len(p.Members) == 0 {
		return l.Ledger.PartLoaded(ctx, p)
	}
	entering, cancel := handler.UntilNearDeadline(ctx)
	defer cancel()
	err := l.Ledger.PartLoaded(entering, p)
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(entering), handler.ErrNearDeadline) {
		if err := l.Ledger.PartProgress(ctx, p, from); err != nil {
			return err
		}
		return handler.ErrNearDeadline
	}
	return err
}

// write writes the lines of a part to the table, and adds the counts of those that are
// done to p.
func (l *loader) write(ctx context.Context, p *ledger.Part) (requests int64, err error) {
	w, err := newLineWriter(ctx, l, p)
	if err != nil {
		return 0, err
	}
	writing, cancel := handler.UntilNearDeadline(ctx)
	defer cancel()
	writing, end := context.WithCancelCause(writing)
	defer end(nil)
	defer context.AfterFunc(l.ending, func() { end(context.Cause(l.ending)) })()
	if w.writer, err = l.DynamoDB.NewWriter(writing, l.Table, func(tag int64, err error) { w.refused[tag] = err }); err != nil {
		return 0, err
	}
	l.observe(w.writer)
	defer l.observe(nil)
	readErr := w.eachLine(w.put)
	_, requests, writeErr := w.writer.Flush()
	stopped := errors.Is(readErr, handler.ErrNearDeadline) || errors.Is(writeErr, handler.ErrNearDeadline)
	switch {
	case writeErr != nil && !errors.Is(writeErr, handler.ErrNearDeadline):
		return requests, writeErr // it ended the reading, if that failed too
	case readErr != nil && !errors.Is(readErr, handler.ErrNearDeadline):
		return requests, readErr
	case !stopped && w.lines != p.Records:
		return requests, fmt.Errorf("s3://%s/%s has %d records, and %d in the ledger", l.Bucket, p.Key, w.lines, p.Records)
	}
	done := w.lines
	if tag, ok := w.writer.Unfinished(); ok {
		done = tag
	}
	if done <= w.from {
		return requests, nil
	}
	if err := w.quarantineRefused(done); err != nil {
		return requests, err
	}
	return requests, w.count(done)
}
