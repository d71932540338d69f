package handler

import (
	"context"
	"encoding/json"
	"log/slog"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/functions/metrics"
)

// Failures is the answer to a batch of a queue: what is not in it is deleted
// from the queue, what is comes again ("Implementing partial batch responses").
type Failures struct {
	Items []Failure `json:"batchItemFailures"`
}

// Failure names a message by its ID.
type Failure struct {
	ID string `json:"itemIdentifier"`
}

// message is one of a batch that Lambda took from a queue.
type message struct {
	Source string `json:"eventSource"`
	ID     string `json:"messageId"`
	Body   string `json:"body"`
}

// Handle makes a function's handler of what deals with one payload: a batch
// from a queue is dealt with message by message, each body a payload, and is
// answered with those that failed; anything else is one payload. Every
// invocation that fails in whole or in part, or panics, is counted once.
func Handle(one func(context.Context, json.RawMessage) error, m *metrics.Emitter, log *slog.Logger) func(context.Context, json.RawMessage) (*Failures, error) {
	return func(ctx context.Context, payload json.RawMessage) (*Failures, error) {
		failed := true
		defer func() {
			if failed {
				m.Emit(metrics.Values{feed.MetricErrors: 1})
			}
		}()
		messages, ok := batch(payload)
		if !ok {
			err := one(ctx, payload)
			failed = err != nil
			return nil, err
		}
		failures := &Failures{Items: []Failure{}}
		timeUp := TimeUp(ctx)
		for i, message := range messages {
			// The first is always tried: every invocation comes further.
			if i > 0 && timeUp() {
				failures.Items = append(failures.Items, Failure{message.ID})
				continue
			}
			if err := one(ctx, json.RawMessage(message.Body)); err != nil {
				log.Error("message failed", "message", message.ID, "error", err.Error())
				failures.Items = append(failures.Items, Failure{message.ID})
			}
		}
		failed = len(failures.Items) > 0
		return failures, nil
	}
}

// batch reports whether payload is a batch of a queue, and its messages.
func batch(payload []byte) ([]message, bool) {
	var b struct {
		Records []message `json:"Records"`
	}
	if err := json.Unmarshal(payload, &b); err != nil || len(b.Records) == 0 {
		return nil, false
	}
	for _, m := range b.Records {
		if m.Source != "aws:sqs" || m.ID == "" {
			return nil, false
		}
	}
	return b.Records, true
}
