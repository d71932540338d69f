package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/metrics"
)

func TestHandle(t *testing.T) {
	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		var out bytes.Buffer
		got := ""
		handle := handler.Handle(func(_ context.Context, payload json.RawMessage) error {
			got = string(payload)
			return want
		}, metrics.New(&out, feed.MetricErrors, "t", "f"))
		errs := 0
		if want != nil {
			errs = 1
		}
		if err := handle(t.Context(), json.RawMessage(`{"a":1}`)); !errors.Is(err, want) || got != `{"a":1}` || strings.Count(out.String(), `"Errors":1`) != errs {
			t.Errorf("handled %s, %v, emitted %s", got, err, out.String())
		}
	}
}

func TestPanicIsCountedAndPropagated(t *testing.T) {
	var out bytes.Buffer
	handle := handler.Handle(func(context.Context, json.RawMessage) error { panic("broken") },
		metrics.New(&out, feed.MetricErrors, "t", "f"))
	defer func() {
		if r := recover(); fmt.Sprint(r) != "broken" || strings.Count(out.String(), `"Errors":1`) != 1 {
			t.Errorf("recovered %v, emitted %s", r, out.String())
		}
	}()
	err := handle(t.Context(), json.RawMessage(`{}`))
	t.Errorf("no panic, error %v", err)
}
