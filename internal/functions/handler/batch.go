package handler

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/functions/metrics"
)

// Handle returns the handler of a function that processes one payload at a time.
// An SQS batch is processed message by message, each body a payload, and answered
// with the messages that failed, which SQS delivers again ("Implementing partial
// batch responses"); any other event is one payload. Each invocation that fails in
// whole or in part, or panics, counts as one error in the metrics.
func Handle(process func(context.Context, json.RawMessage) error, m *metrics.Emitter, log *slog.Logger) func(context.Context, json.RawMessage) (*events.SQSEventResponse, error) {
	return func(ctx context.Context, payload json.RawMessage) (*events.SQSEventResponse, error) {
		failed := true
		defer func() {
			if failed {
				m.Emit(metrics.Values{feed.MetricErrors: 1})
			}
		}()
		messages, ok := batch(payload)
		if !ok {
			err := process(ctx, payload)
			failed = err != nil
			return nil, err
		}
		failures := []events.SQSBatchItemFailure{}
		nearDeadline := NearDeadline(ctx)
		for i, message := range messages {
			// The first message is always processed, so that every invocation makes progress.
			if i > 0 && nearDeadline() {
				failures = append(failures, events.SQSBatchItemFailure{ItemIdentifier: message.MessageId})
				continue
			}
			if err := process(ctx, json.RawMessage(message.Body)); err != nil {
				log.Error("message failed", "message", message.MessageId, "error", err.Error())
				failures = append(failures, events.SQSBatchItemFailure{ItemIdentifier: message.MessageId})
			}
		}
		failed = len(failures) > 0
		return &events.SQSEventResponse{BatchItemFailures: failures}, nil
	}
}

// batch returns the messages of payload, and false if it is no SQS batch.
func batch(payload []byte) ([]events.SQSMessage, bool) {
	var b events.SQSEvent
	if err := json.Unmarshal(payload, &b); err != nil || len(b.Records) == 0 {
		return nil, false
	}
	for _, m := range b.Records {
		if m.EventSource != "aws:sqs" || m.MessageId == "" {
			return nil, false
		}
	}
	return b.Records, true
}
