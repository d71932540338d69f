package retry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/ingestion/internal/retry"
)

func TestFor(t *testing.T) {
	if err := retry.For(t.Context(), time.Microsecond); err != nil {
		t.Error(err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := retry.For(ctx, time.Hour); !errors.Is(err, cause) {
		t.Errorf("%v, want %v", err, cause)
	}
}
