package handler

import (
	"context"
	"encoding/json"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/functions/metrics"
)

// Handle returns the handler of a function that processes one payload at a time. Each
// invocation that fails or panics counts as one error in the metrics.
func Handle(process func(context.Context, json.RawMessage) error, m *metrics.Emitter) func(context.Context, json.RawMessage) error {
	return func(ctx context.Context, payload json.RawMessage) error {
		failed := true
		defer func() {
			if failed {
				m.Emit(metrics.Values{feed.MetricErrors: 1})
			}
		}()
		err := process(ctx, payload)
		failed = err != nil
		return err
	}
}
