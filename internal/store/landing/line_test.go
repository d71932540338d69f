package landing

import (
	"fmt"
	"testing"

	"example.com/ingestion/internal/ids"
)

// TestOrdinals counts up and jumps, because an ordinal is usually derived from the
// one before it.
func TestOrdinals(t *testing.T) {
	e, err := newEnvelope(ids.New(ids.Upload{Feed: "f", Bucket: "b", Key: "k", ETag: "e"}), 7, "")
	if err != nil {
		t.Fatal(err)
	}
	at := int64(-1)
	for _, next := range []int64{0, 1, 12_000, 12_002, 12_001, 5, 999_999_999_990, 0, 99_998, 100_003} {
		for ; at+1 == next || at < next && next-at < 13_000; at++ {
			check(t, &e, at+1)
		}
		check(t, &e, next)
		at = next
	}
}

func check(t *testing.T, e *envelope, ordinal int64) {
	t.Helper()
	line, err := ParseLine(append(e.appendHead(nil, ordinal), `{}}`...))
	if err != nil || line.Ordinal != ordinal || string(line.Sort) != fmt.Sprintf("%07d/%012d", 7, ordinal) {
		t.Fatalf("ordinal %d was written as %q, error %v", ordinal, line.ID, err)
	}
	origin, err := ParseOrigin(append(e.appendHead(nil, ordinal), `{}}`...))
	if err != nil || origin.Ordinal != ordinal {
		t.Fatalf("ordinal %d was written as %d, error %v", ordinal, origin.Ordinal, err)
	}
}
