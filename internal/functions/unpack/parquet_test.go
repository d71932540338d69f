package unpack_test

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/store/ledger"
)

// A Parquet file is continued in its row groups, by itself and inside a zip file, with
// the parts, records and quarantine of one invocation.
func TestContinuationsOfParquet(t *testing.T) {
	type row struct {
		ID  int64  `parquet:"id"`
		Pad string `parquet:"pad"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b)
	for i := range int64(1200) {
		pad := strings.Repeat(strconv.FormatInt(i*7919, 36), 60)
		if i%100 == 50 {
			pad = "\xff" // not UTF-8
		}
		if _, err := w.Write([]row{{i, pad}}); err != nil {
			t.Fatal(err)
		}
		if i%250 == 249 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"plain": b.Bytes(), "zip": zipped(t, map[string]string{"a.parquet": b.String()})} {
		whole, pieces := newFixture(t, feed.Format{Kind: feed.Parquet}), newFixture(t, feed.Format{Kind: feed.Parquet})
		want := whole.run("k", body, 1)
		if want.State != ledger.Loaded || want.Stored != 1188 || want.Reasons["invalid_utf8"] != 12 {
			t.Fatalf("%s: %+v", name, want)
		}
		pieces.unpack.NearDeadline = func(context.Context) func() bool {
			calls := 0
			return func() bool { calls++; return calls > 2 } // after the check on the way to the checkpoint
		}
		got := pieces.run("k", body, 1)
		if pieces.continuations < 3 || got.Counts != want.Counts || got.Stored != want.Stored || !maps.Equal(got.Reasons, want.Reasons) {
			t.Errorf("%s: after %d continuations %+v, in one invocation %+v", name, pieces.continuations, got, want)
		}
		if !slices.Equal(pieces.s3.Keys("landing", "landing/"), whole.s3.Keys("landing", "landing/")) ||
			!maps.Equal(keys(pieces.stored()), keys(whole.stored())) || !maps.Equal(keys(pieces.quarantined()), keys(whole.quarantined())) {
			t.Errorf("%s: the parts, the items or the quarantine differ", name)
		}
	}
}
