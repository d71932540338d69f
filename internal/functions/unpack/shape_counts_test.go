package unpack_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/store/ledger"
)

var paidOrders = &feed.Shape{Operations: []feed.Operation{
	feed.Rename("ID", "order.id"), feed.Number("amount"), feed.DropWhere("status", "test"),
}}

// Every record is stored, filtered or in quarantine with its original bytes, whatever
// invocation reads it, and a replay with a corrected shape takes it out of quarantine.
func TestRecordsAreStoredFilteredOrQuarantined(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 3))
			w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
			w.unpack.Spec.Shape = paidOrders
			w.unpack.NearDeadline = func(context.Context) func() bool {
				looked := false // not at the first check, which is on the way to the checkpoint
				return func() bool {
					near := looked && r.IntN(3) == 0
					looked = true
					return near
				}
			}
			var body strings.Builder
			originals, later := map[string]bool{}, map[string]bool{} // later: filtered by the replay
			stored, filtered := 0, 0
			for i := range 600 {
				status, amount := "paid", fmt.Sprint(i, ".50")
				if r.IntN(4) == 0 {
					status = "test"
				}
				if r.IntN(8) == 0 {
					amount = "n/a"
				}
				line := fmt.Sprintf(`{"ID": "%d", "status": %q, "amount": %q, "pad": %q}`, i, status, amount, strings.Repeat("x", r.IntN(200)))
				switch {
				case amount == "n/a":
					originals[line], later[line] = true, status == "test"
				case status == "test":
					filtered++
				default:
					stored++
				}
				body.WriteString(line + "\n")
			}
			u := w.run("k", []byte(body.String()), 1)
			if u.Filtered != int64(filtered) || u.Records != 600 || w.continuations == 0 {
				t.Errorf("want %d filtered in several invocations: %d, ledger %+v", filtered, w.continuations, u)
			}
			w.holds(u, stored, map[string]int64{"shape": int64(len(originals))})
			for id, q := range w.quarantined() {
				if !originals[q.Raw] || !strings.Contains(q.Detail, `operation 2 (number) of field "amount": "n/a"`) {
					t.Errorf("record %s: %q, %s", id, q.Raw, q.Detail)
				}
			}

			w.unpack.Spec.Shape = &feed.Shape{Operations: []feed.Operation{feed.DropWhere("status", "test")}}
			for range 50 {
				if u = w.replay(u, "", 1); u.Quarantined() == 0 {
					break
				}
			}
			for _, left := range later {
				if left {
					filtered++
				}
			}
			w.holds(u, 600-filtered, map[string]int64{})
			if u.Filtered != int64(filtered) {
				t.Errorf("%d are filtered after the replay, want %d", u.Filtered, filtered)
			}
		})
	}
}

// A record of which quarantine has only the beginning is in the copy of the file.
func TestLargeOriginalsAreReplayed(t *testing.T) {
	w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
	w.unpack.Spec.Shape = &feed.Shape{Operations: []feed.Operation{feed.Number("amount"), feed.Keep("amount")}}
	w.unpack.Lease = 0 // the default: the file is large for a test
	body := fmt.Appendf(nil, "{\"amount\":\"1\"}\n{\"amount\":\"n/a\", \"pad\":%q}\n", strings.Repeat("x", 3<<20))
	u := w.run("k", body, 1)
	w.holds(u, 1, map[string]int64{"shape": 1})
	for _, q := range w.quarantined() {
		if original, ok := w.s3.Get("landing", q.Copy); !ok || string(original) != string(body) {
			t.Errorf("quarantine has %d bytes of the file of %d", len(original), len(body))
		}
	}
	w.s3.Delete("src", "k")
	w.unpack.Spec.Shape = &feed.Shape{Operations: []feed.Operation{feed.Keep("amount")}}
	u = w.replay(u, "", 1)
	w.holds(u, 2, map[string]int64{})
}

// What load has rejected is shaped already: a replay reads the record from the source.
func TestReplayOfShapedRecordsThatLoadRejected(t *testing.T) {
	w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
	w.unpack.Spec.Shape = &feed.Shape{Operations: []feed.Operation{feed.Rename("a", "b"), feed.Constant("reject", "x")}}
	w.unpack.Spec.RecordKey = &feed.RecordKey{Fields: []string{"c"}}
	u := w.run("k", []byte(`{"a":1}`+"\n"+`{"a":2,"c":"y"}`), 1)
	if u.Stored != 1 || u.RejectedByLoad != 1 || !u.Balanced() {
		t.Fatalf("ledger %+v", u)
	}
	w.unpack.Spec.Shape = &feed.Shape{Operations: []feed.Operation{feed.Rename("a", "c")}}
	u = w.replay(u, "", 1)
	w.holds(u, 2, map[string]int64{})
}

// Objects that share a part are shaped too.
func TestShapeOfGatheredObjects(t *testing.T) {
	w := newGatherFixture(t, feed.Format{Kind: feed.NDJSON})
	w.unpack.Spec.Shape = paidOrders
	files := map[string][]byte{}
	for i := range 40 {
		files[strconv.Itoa(i)] = []byte(`{"ID":1,"amount":"1"}` + "\n" + `{"ID":2,"status":"test"}` + "\n" + `{"ID":3,"amount":"?"}`)
	}
	files["all"] = []byte(`{"ID":2,"status":"test"}`)
	if failed := w.gather(w.enter(files)...); len(failed) > 0 {
		t.Fatal(failed)
	}
	for key := range files {
		want := ledger.Counts{Records: 3, Filtered: 1, RejectedByUnpack: 1}
		if key == "all" {
			want = ledger.Counts{Records: 1, Filtered: 1}
		}
		if u := w.of(key); u.State != ledger.Loaded || !u.Balanced() || u.Records != want.Records || u.Filtered != want.Filtered || u.RejectedByUnpack != want.RejectedByUnpack {
			t.Errorf("%s: %+v", key, u)
		}
	}
}
