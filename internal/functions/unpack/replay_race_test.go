package unpack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

var errCut = errors.New("interrupted")

// ask is the payload of a replay of all that is in quarantine by now.
func (w *fixture) ask(u ledger.Upload) []byte {
	w.t.Helper()
	w.unpack.Replays = w.s3
	payload, err := json.Marshal(ids.Replay{Replay: ids.ReplayRef{Feed: u.Feed, Upload: u.ID, Before: w.s3.Modified.Add(time.Second)}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.s3.Modified = w.s3.Modified.Add(time.Minute)
	return payload
}

// at calls f before the n-th request to S3 or the table, which fails if f returns
// true. It returns how many requests there were so far.
func (w *fixture) at(place int, f func() error) *int {
	n := 0
	now := func() error {
		if n++; n-1 == place {
			return f()
		}
		return nil
	}
	w.s3.FailPut = func(string) (bool, error) { return place%2 == 0, now() }
	w.s3.FailDelete = func(string) error { return now() }
	w.db.Before = func(string, []byte) (int, string) {
		if now() != nil {
			return http.StatusBadRequest, "ResourceNotFoundException"
		}
		return 0, ""
	}
	return &n
}

func (w *fixture) untouched() { w.s3.FailPut, w.s3.FailDelete, w.db.Before = nil, nil, nil }

// remainderFixture has an upload of three entries: the remainder of the second is one
// record in quarantine, of which a corrected spec makes two records and three rejected ones.
func remainderFixture(t *testing.T) (*fixture, ledger.Upload) {
	w := newReplayWorld(t, feed.Format{Kind: feed.CSV, Delimiter: ",", Columns: []string{"a"}})
	u := w.run("k.zip", zipped(t, map[string]string{"1.csv": "a\n1\n2\n", "2.csv": "b\n3\n4,4\n5,5\n6\n7,7\n", "3.csv": "a\n8\n"}), 1)
	w.holds(u, 3, map[string]int64{"header_mismatch": 1})
	w.unpack.Spec.Format.Columns = []string{"b"}
	return w, u
}

// A replay that was interrupted anywhere is finished by a later one, which also finds
// what the first has put into quarantine and not counted.
func TestLaterReplayFinishesAnInterruptedOne(t *testing.T) {
	for place := range 60 {
		w, u := remainderFixture(t)
		n := w.at(place, func() error { return errCut })
		_ = w.unpack.Handle(t.Context(), w.ask(u)) // it fails where it is interrupted
		cut := *n > place
		w.untouched()
		u = w.replay(u, "", 1)
		w.holds(u, 5, map[string]int64{"too_many_fields": 3})
		if u.Records != 8 || t.Failed() {
			t.Fatalf("cut at place %d: ledger %+v", place, u)
		}
		if !cut {
			return
		}
	}
	t.Error("more than 60 places to cut")
}

// Two concurrent replays, one of which starts at any request of the other, count each
// record once.
func TestConcurrentReplays(t *testing.T) {
	for _, fails := range []bool{false, true} {
		for place := range 60 {
			w, u := remainderFixture(t)
			first, second := w.ask(u), w.ask(u)
			n := w.at(place, func() error {
				w.untouched()
				if fails { // after its transaction
					w.s3.FailDelete = func(string) error { return errCut }
				}
				err := w.unpack.Handle(t.Context(), second)
				w.untouched()
				if err != nil && !errors.Is(err, errCut) && !errors.Is(err, ledger.ErrReplayed) {
					t.Error(err)
				}
				return nil
			})
			_ = w.unpack.Handle(t.Context(), first) // it may find that the other has committed first
			reached := *n > place
			w.untouched()
			u = w.replay(u, "", 1)
			w.holds(u, 5, map[string]int64{"too_many_fields": 3})
			if u.Records != 8 || t.Failed() {
				t.Fatalf("place %d, fails %v: ledger %+v", place, fails, u)
			}
			if !reached {
				break
			}
		}
	}
}

// One replay lands no more parts than its item of the ledger holds; the next one
// continues.
func TestReplayOfManyParts(t *testing.T) {
	w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
	w.unpack.Spec.Limits.MaxRecordBytes = 10
	files := map[string]string{}
	for i := range ledger.MaxReplayParts + 20 {
		files[fmt.Sprintf("%05d", i)] = `{"too":"large"}` + "\n"
	}
	n := int64(len(files))
	u := w.run("k.zip", zipped(t, files), 1)
	w.holds(u, 0, map[string]int64{"record_too_large": n})
	w.unpack.Spec.Limits.MaxRecordBytes = 0
	u = w.replay(u, "", 1)
	if u.Stored < 900 || u.Stored >= n || !u.Balanced() {
		t.Errorf("after the first replay: %+v", u)
	}
	u = w.replay(u, "", 1)
	w.holds(u, int(n), nil)
}
