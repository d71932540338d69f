package unpack_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// index returns what the index by key has: under each key its records, in their order.
func (w *fixture) index() map[string][]string {
	w.t.Helper()
	times := map[string][]string{}
	for id, it := range w.stored() {
		if (it["record_key"] == nil) != (it["record_time"] == nil) {
			w.t.Errorf("record %s has one attribute of the index", id)
		}
		if it["record_key"] != nil {
			times[it.Str("record_key")] = append(times[it.Str("record_key")], it.Str("record_time"))
		}
	}
	for _, versions := range times {
		slices.Sort(versions)
	}
	return times
}

// The index has the same records in the same order, in whatever order the files arrive,
// and however often they are delivered, fail and are loaded.
func TestIndexDoesNotDependOnTheOrderOfArrival(t *testing.T) {
	const files = 5
	run := func(order []int, faulty bool) map[string][]string {
		w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
		w.unpack.Spec.RecordKey = &feed.RecordKey{Fields: []string{"customer.id"}}
		random := rand.New(rand.NewPCG(uint64(len(order)), 1))
		for _, n := range order {
			var body strings.Builder
			for i := range 200 {
				fmt.Fprintf(&body, `{"customer":{"id":%d},"file":%d,"pad":%q}`+"\n", i%7, n, strings.Repeat("x", 100))
			}
			w.s3.Modified = time.Date(2026, 3, 1+n/2, 12, 0, 0, 0, time.UTC) // two files of one time
			tries := 1
			if faulty {
				tries = 50
				w.db.Before = func(string, []byte) (int, string) {
					if random.IntN(6) == 0 {
						return 500, "InternalServerError"
					}
					return 0, ""
				}
			}
			w.run(fmt.Sprintf("%d.ndjson", n), []byte(body.String()), tries)
		}
		return w.index()
	}
	want := run([]int{0, 1, 2, 3, 4}, false)
	if len(want) != 7 || len(want["orders/customer.id#0"]) != files*29 {
		t.Fatalf("%d keys, %d records of one", len(want), len(want["orders/customer.id#0"]))
	}
	for _, order := range [][]int{{4, 3, 2, 1, 0}, {2, 0, 2, 4, 1, 3, 2, 0}} {
		for _, faulty := range []bool{false, true} {
			if got := run(order, faulty); !maps.EqualFunc(got, want, slices.Equal) {
				t.Errorf("files %v, faults %v: the index differs", order, faulty)
			}
		}
	}
}

// An upload keeps the key that it was begun with; the next upload, and what is replayed from
// quarantine, has the new one, in the order of the original file.
func TestKeyIsChanged(t *testing.T) {
	w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
	w.unpack.Spec.RecordKey = &feed.RecordKey{Fields: []string{"a"}}
	body := []byte(`{"a":1,"b":"x"}` + "\n" + `{"b":"y"}` + "\n")
	etag := w.s3.Set("src", "k", body)
	w.s3.FailPut = func(string) (bool, error) { return false, errors.New("S3 failed") }
	if err := w.unpack.Handle(w.sameEvent(), notification("k", etag)); err == nil {
		t.Fatal("the first try did not fail")
	}
	w.s3.FailPut = nil
	w.unpack.Spec.RecordKey = &feed.RecordKey{Fields: []string{"b"}}
	u := w.run("k", body, 1)
	w.holds(u, 1, map[string]int64{"key_missing": 1})
	id := func(u ledger.Upload, ordinal int64) string {
		return ids.KeyTime(u.Time, u.ID) + ids.RecordID(u.ID, 0, ordinal)[ids.IDLength:]
	}
	if got, want := w.index(), map[string][]string{"orders/a#1": {id(u, 0)}}; !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the upload that was begun before: %v, want %v", got, want)
	}
	u = w.replay(u, "", 1)
	w.holds(u, 2, map[string]int64{})
	if got, want := w.index(), map[string][]string{"orders/a#1": {id(u, 0)}, "orders/b#y": {id(u, 1)}}; !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("replayed: %v, want %v", got, want)
	}
	w.unpack.Spec.RecordKey = nil
	if next := w.run("next", body, 1); next.Stored != 2 || len(w.index()) != 2 {
		t.Errorf("without a key: %+v, index %v", next, w.index())
	}
}
