package handler_test

import (
	"math"
	"runtime"
	"testing"

	"example.com/ingestion/internal/functions/handler"
)

func TestProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(4)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	for memory, want := range map[string]int{"": 4, "x": 4, "0": 4, "128": 1, "1769": 1, "1770": 2, "3538": 2, "3539": 3, "10240": 4} {
		runtime.GOMAXPROCS(4)
		handler.TuneRuntime(func(string) string { return memory }, math.MaxInt64)
		if got := runtime.GOMAXPROCS(0); got != want {
			t.Errorf("with %q MB: %d processors, want %d", memory, got, want)
		}
	}
}
