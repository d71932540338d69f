package unpack_test

import (
	"testing"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/functions/unpack"
	"example.com/ingestion/internal/store/ledger"
)

// A compressed stream above the limit is refused at once, as one record with the remedy;
// other objects of that size are read.
func TestStreamAboveTheLimit(t *testing.T) {
	lines := manyParts(300)
	compressed := gzipped(t, string(lines))
	for name, test := range map[string]struct {
		body    []byte
		limit   int64
		refused bool
	}{
		"above":        {compressed, int64(len(compressed)) - 1, true},
		"at the limit": {compressed, int64(len(compressed)), false},
		"plain":        {lines, 1000, false},
		"zip":          {zipped(t, map[string]string{"a": string(lines)}), 1000, false},
		"by default":   {compressed, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t, feed.Format{Kind: feed.NDJSON})
			w.unpack.MaxStream = test.limit
			u := w.run("k", test.body, 1)
			if u.State != ledger.Loaded || !u.Balanced() {
				t.Fatalf("%+v", u)
			}
			if !test.refused {
				if u.Stored != 300 || u.Reasons["limit_stream"] != 0 {
					t.Errorf("%+v", u)
				}
				return
			}
			if u.Records != 1 || u.Reasons["limit_stream"] != 1 || u.Parts != 0 || len(w.s3.Keys("landing", "landing/")) != 0 {
				t.Errorf("%+v", u)
			}
			for _, r := range w.quarantined() {
				if !r.Rest || r.Copy != "" || r.Ordinal != 0 {
					t.Errorf("quarantined: %+v", r)
				}
			}
		})
	}
}

// The limit is what the fastest decoder reads in the longest invocation.
func TestMaxStream(t *testing.T) {
	for memory, want := range map[string]int64{"128": 261e9, "1769": 261e9, "3538": 522e9, "10240": 522e9, "": 522e9} {
		t.Setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)
		if got := unpack.MaxStreamBytes(); got != want {
			t.Errorf("with %s MB: %d, want %d", memory, got, want)
		}
	}
}
