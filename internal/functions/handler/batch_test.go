package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/metrics"
)

const twoMessages = `{"Records":[{"messageId":"1","eventSource":"aws:sqs","body":"{\"a\":\"é\"}"},{"messageId":"2","eventSource":"aws:sqs","body":"not JSON"}]}`

func TestHandle(t *testing.T) {
	tests := map[string]struct {
		payload, got, answer string
		fail                 string // the payload that fails
		err                  bool
		errors               int
	}{
		"batch":          {payload: twoMessages, got: `{"a":"é"}|not JSON|`, answer: `{"batchItemFailures":[]}`},
		"one fails":      {payload: twoMessages, got: `{"a":"é"}|not JSON|`, fail: "not JSON", answer: `{"batchItemFailures":[{"itemIdentifier":"2"}]}`, errors: 1},
		"payload":        {payload: `{"a":1}`, got: `{"a":1}|`, answer: `null`},
		"payload fails":  {payload: `{"a":1}`, got: `{"a":1}|`, fail: `{"a":1}`, answer: `null`, err: true, errors: 1},
		"S3 event":       {payload: `{"Records":[{"eventSource":"aws:s3"}]}`, got: `{"Records":[{"eventSource":"aws:s3"}]}|`, answer: `null`},
		"SNS event":      {payload: `{"Records":[{"EventSource":"aws:sns","Sns":{}}]}`, got: `{"Records":[{"EventSource":"aws:sns","Sns":{}}]}|`, answer: `null`},
		"an empty batch": {payload: `{"Records":[]}`, got: `{"Records":[]}|`, answer: `null`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			got := ""
			handle := handler.Handle(func(_ context.Context, payload json.RawMessage) error {
				got += string(payload) + "|"
				if string(payload) == test.fail {
					return errors.New("broken")
				}
				return nil
			}, metrics.New(&out, feed.MetricErrors, "t", "f"), slog.New(slog.DiscardHandler))
			failures, err := handle(t.Context(), json.RawMessage(test.payload))
			answer, marshalErr := json.Marshal(failures)
			if got != test.got || string(answer) != test.answer || (err != nil) != test.err || marshalErr != nil {
				t.Errorf("handled %s, answered %s, %v", got, answer, err)
			}
			if n := strings.Count(out.String(), `"Errors":1`); n != test.errors {
				t.Errorf("%d errors counted: %s", n, out.String())
			}
		})
	}
}

func TestPanicIsCountedAndPropagated(t *testing.T) {
	var out bytes.Buffer
	handle := handler.Handle(func(context.Context, json.RawMessage) error { panic("broken") },
		metrics.New(&out, feed.MetricErrors, "t", "f"), slog.New(slog.DiscardHandler))
	defer func() {
		if r := recover(); fmt.Sprint(r) != "broken" || strings.Count(out.String(), `"Errors":1`) != 1 {
			t.Errorf("recovered %v, emitted %s", r, out.String())
		}
	}()
	_, err := handle(t.Context(), json.RawMessage(twoMessages))
	t.Errorf("no panic, error %v", err)
}

// The first message is processed; those that there is no time for are delivered again.
func TestMessagesNearTheDeadlineAreReturned(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	handled := 0
	handle := handler.Handle(func(context.Context, json.RawMessage) error { handled++; return nil }, nil, slog.New(slog.DiscardHandler))
	failures, err := handle(ctx, json.RawMessage(twoMessages))
	if err != nil || handled != 1 || len(failures.BatchItemFailures) != 1 || failures.BatchItemFailures[0].ItemIdentifier != "2" {
		t.Errorf("handled %d, answered %+v, %v", handled, failures, err)
	}
}
