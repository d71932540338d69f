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
		return l.settle(ctx, p)
	}
	w, requests, err := l.write(ctx, &p)
	if err != nil {
		return err
	}
	log = log.With("records", p.Records, "stored", p.Stored, "quarantined", p.Rejected,
		"bytes_landed", p.Bytes, "requests", requests, "seconds", time.Since(start).Seconds())
	if p.Lines < p.Records {
		if p.Lines > w.from {
			if err := l.Ledger.PartProgress(ctx, p, w.from); err != nil {
				return err
			}
		}
		log.Info("continued", "lines", p.Lines)
		return handler.ErrNearDeadline
	}
	if err := l.Ledger.PartLoaded(ctx, p); err != nil {
		return err
	}
	log.Info("loaded")
	work.metrics.Emit(metrics.Values{feed.MetricStored: float64(p.Stored), feed.MetricQuarantined: float64(p.Rejected)})
	return l.settle(ctx, p)
}

// settle completes the upload of a part.
func (l *loader) settle(ctx context.Context, p ledger.Part) error {
	_, err := l.Ledger.Settle(ctx, p.Feed, p.Upload)
	return err
}

// write writes the lines of a part to the table, and adds the counts of those that are
// done to p.
func (l *loader) write(ctx context.Context, p *ledger.Part) (*lineWriter, int64, error) {
	w, err := newLineWriter(ctx, l, p)
	if err != nil {
		return w, 0, err
	}
	writing, cancel := handler.UntilNearDeadline(ctx)
	defer cancel()
	if w.writer, err = l.DynamoDB.NewWriter(writing, l.Table, func(tag int64, err error) { w.refused[tag] = err }); err != nil {
		return w, 0, err
	}
	readErr := l.eachLine(ctx, p.Key, w.put)
	_, requests, writeErr := w.writer.Flush()
	stopped := errors.Is(readErr, handler.ErrNearDeadline) || errors.Is(writeErr, handler.ErrNearDeadline)
	switch {
	case writeErr != nil && !errors.Is(writeErr, handler.ErrNearDeadline):
		return w, requests, writeErr // it ended the reading, if that failed too
	case readErr != nil && !errors.Is(readErr, handler.ErrNearDeadline):
		return w, requests, readErr
	case !stopped && w.lines != p.Records:
		return w, requests, fmt.Errorf("s3://%s/%s has %d records, and %d in the ledger", l.Bucket, p.Key, w.lines, p.Records)
	}
	done := w.lines
	if tag, ok := w.writer.Unfinished(); ok {
		done = tag
	}
	if done <= w.from {
		return w, requests, nil
	}
	if err := w.quarantineRefused(done); err != nil {
		return w, requests, err
	}
	return w, requests, w.count(done)
}
