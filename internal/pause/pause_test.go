package pause_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"ingestion/internal/pause"
)

func TestFor(t *testing.T) {
	if err := pause.For(t.Context(), time.Microsecond); err != nil {
		t.Error(err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := pause.For(ctx, time.Hour); !errors.Is(err, cause) {
		t.Errorf("%v, want %v", err, cause)
	}
}
