package unpack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
)

// replay replays an upload and loads the dispatched parts, each in up to tries attempts.
func (w *fixture) replay(u ledger.Upload, reason string, tries int) ledger.Upload {
	w.t.Helper()
	w.unpack.Replays = w.s3
	payload, err := json.Marshal(ids.Replay{Replay: ids.ReplayRef{Feed: u.Feed, Upload: u.ID, Reason: reason, Before: w.s3.Modified.Add(time.Second)}})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.s3.Modified.IsZero() {
		w.t.Fatal("the fixture has no time")
	}
	w.s3.Modified = w.s3.Modified.Add(time.Minute)
	w.again(func() error { return w.unpack.Handle(w.t.Context(), payload) }, tries)
	for len(w.dispatched) > 0 {
		ref := w.dispatched[0]
		w.dispatched = w.dispatched[1:]
		w.loadPart(ref, tries)
	}
	return w.upload(u.Key, u.ETag)
}

func newReplayWorld(t *testing.T, format feed.Format) *fixture {
	w := newFixture(t, format)
	w.s3.Modified = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return w
}

// holds checks that every record is once in the table or in quarantine.
func (w *fixture) holds(u ledger.Upload, stored int, reasons map[string]int64) {
	w.t.Helper()
	quarantined := w.quarantined()
	for id := range w.stored() {
		if _, both := quarantined[id]; both {
			w.t.Errorf("record %s is in the table and in quarantine", id)
		}
	}
	got := map[string]int64{}
	for _, q := range quarantined {
		got[q.Reason]++
	}
	ledgerReasons := maps.Clone(u.Reasons)
	maps.DeleteFunc(ledgerReasons, func(_ string, n int64) bool { return n == 0 })
	if u.State != ledger.Loaded || !u.Balanced() || u.Stored != int64(stored) || len(w.stored()) != stored ||
		!maps.Equal(got, reasons) || !maps.Equal(ledgerReasons, reasons) && len(reasons)+len(ledgerReasons) > 0 || u.PartsLoaded != u.Parts {
		w.t.Errorf("%d items, quarantine has %v, want %d and %v; ledger %+v", len(w.stored()), got, stored, reasons, u)
	}
}

func TestReplayAfterALimitWasRaised(t *testing.T) {
	w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
	w.unpack.Spec.Limits.MaxRecordBytes = 20
	u := w.run("k", fmt.Appendf(nil, "{\"n\":0}\n{\"n\":%q}\n{\"n\":tru}\n[1,%q]\n", strings.Repeat("x", 100), strings.Repeat("y", 30)), 1)
	w.holds(u, 1, map[string]int64{"record_too_large": 2, "invalid_json": 1})

	before := w.s3.Keys("landing", "")
	u = w.replay(u, "", 1)
	w.holds(u, 1, map[string]int64{"record_too_large": 2, "invalid_json": 1})
	if after := w.s3.Keys("landing", ""); !slices.Equal(before, after) || u.Replays != 0 {
		t.Errorf("a replay without a correction changed %v to %v", before, after)
	}

	w.unpack.Spec.Limits.MaxRecordBytes = 1 << 20
	u = w.replay(u, "", 1)
	w.holds(u, 3, map[string]int64{"invalid_json": 1})
	id := ids.RecordID(u.ID, 0, 3)
	if it := w.stored()[id]; it == nil || !strings.HasPrefix(string(it["data"]), `{"L":[{"N":"1"}`) {
		t.Errorf("record 3 is %s", it["data"])
	}
	again := w.replay(u, "", 1)
	w.holds(again, 3, map[string]int64{"invalid_json": 1})
	if again.Replays != u.Replays {
		t.Errorf("%d replays became %d", u.Replays, again.Replays)
	}
}

func TestReplayOfOneReason(t *testing.T) {
	w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
	w.unpack.Spec.Limits.MaxRecordBytes = 20
	u := w.run("k", fmt.Appendf(nil, "{\"n\":0}\n{\"n\":%q}\n{\"é\":\xff}\n", strings.Repeat("x", 100)), 1)
	w.holds(u, 1, map[string]int64{"record_too_large": 1, "invalid_json": 1})
	w.unpack.Spec.Limits.MaxRecordBytes = 0
	u = w.replay(u, "invalid_json", 1)
	w.holds(u, 1, map[string]int64{"record_too_large": 1, "invalid_json": 1})
	u = w.replay(u, "record_too_large", 1)
	w.holds(u, 2, map[string]int64{"invalid_json": 1})
}

func TestReplayOfRecordsThatDynamoDBRejected(t *testing.T) {
	w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
	w.db.Refuse = func(it fake.Item) bool { return strings.Contains(string(it["data"]), "bad") }
	u := w.run("k", []byte("{\"n\":0}\n{\"n\":\"bad\"}\n{\"n\":2}\n{\"n\":\"bad\"}\n"), 1)
	w.holds(u, 2, map[string]int64{"rejected_by_dynamodb": 2})
	u = w.replay(u, "", 1)
	w.holds(u, 2, map[string]int64{"rejected_by_dynamodb": 2})
	w.db.Refuse = nil
	u = w.replay(u, "", 1)
	w.holds(u, 4, nil)
	if u.Message != "" {
		t.Errorf("message %q", u.Message)
	}
}

// The remainder of an entry, one record in quarantine, may have many records.
func TestReplayOfTheRemainderOfAnEntry(t *testing.T) {
	w := newReplayWorld(t, feed.Format{Kind: feed.CSV, Delimiter: ",", Columns: []string{"a"}})
	u := w.run("k.zip", zipped(t, map[string]string{"1.csv": "a\n1\n2\n", "2.csv": "b\n3\n4\n5,5\n", "3.csv": "a\n6\n"}), 1)
	w.holds(u, 3, map[string]int64{"header_mismatch": 1})
	w.unpack.Spec.Format.Columns = []string{"b"}
	u = w.replay(u, "", 1)
	w.holds(u, 5, map[string]int64{"too_many_fields": 1})
	if u.Records != 6 || u.Entries != 3 {
		t.Errorf("ledger %+v", u)
	}
	w.unpack.Spec.Format = feed.Format{Kind: feed.CSV, Delimiter: "|"}
	u = w.replay(u, "", 1)
	w.holds(u, 6, nil)
	if keys := w.s3.Keys("landing", "quarantine/"); len(keys) > 0 {
		t.Errorf("quarantine still has %v", keys)
	}
	if it := w.stored()[ids.RecordID(u.ID, 1, 2)]; string(it["data"]) != `{"M":{"b":{"S":"5,5"}}}` {
		t.Errorf("record 2 is %s", it["data"])
	}
}

func TestReplayOfAnArchiveThatWasTooDeep(t *testing.T) {
	inner := zipped(t, map[string]string{"x": "[1,2]", "y": "[3,tru]", "z": "[4]"})
	w := newReplayWorld(t, feed.Format{Kind: feed.JSON})
	w.unpack.Spec.Limits.MaxDepth = 1
	last := w.run("last.zip", zipped(t, map[string]string{"a": "[0]", "b.zip": string(inner)}), 1)
	w.holds(last, 1, map[string]int64{"limit_depth": 1})
	w.unpack.Spec.Limits.MaxDepth = 2
	last = w.replay(last, "", 1)
	w.holds(last, 5, map[string]int64{"invalid_json": 1})
	if last.Entries != 4 || last.Records != 6 {
		t.Errorf("ledger %+v", last)
	}
}

// The entries of a nested archive in the middle cannot be numbered: later entries have
// the numbers that they would need.
func TestReplayKeepsANestedArchiveInTheMiddle(t *testing.T) {
	w := newReplayWorld(t, feed.Format{Kind: feed.JSON})
	w.unpack.Spec.Limits.MaxDepth = 1
	u := w.run("k.zip", zipped(t, map[string]string{"a.zip": string(zipped(t, map[string]string{"x": "[1]", "y": "[2]"})), "b": "[3]"}), 1)
	w.holds(u, 1, map[string]int64{"limit_depth": 1})
	w.unpack.Spec.Limits.MaxDepth = 2
	u = w.replay(u, "", 1)
	w.holds(u, 1, map[string]int64{"limit_depth": 1})
}

// Whichever request of a replay fails, the next replay finishes it and counts once.
func TestReplayFailsAnywhere(t *testing.T) {
	boom := errors.New("interrupted")
	for at := range 60 {
		w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
		w.unpack.Spec.Limits.MaxRecordBytes = 20
		u := w.run("k", fmt.Appendf(nil, "{\"n\":0}\n{\"n\":%q}\n{\"n\":tru}\n", strings.Repeat("x", 100)), 1)
		w.unpack.Spec.Limits.MaxRecordBytes = 0
		n := 0
		now := func() bool { n++; return n-1 == at }
		w.s3.FailPut = func(string) (bool, error) {
			if now() {
				return at%2 == 0, boom
			}
			return false, nil
		}
		w.s3.FailDelete = func(string) error {
			if now() {
				return boom
			}
			return nil
		}
		w.db.Before = func(string, []byte) (int, string) {
			if now() {
				return http.StatusBadRequest, "ResourceNotFoundException"
			}
			return 0, ""
		}
		w.unpack.Dispatch = w.dispatch
		u = w.replay(u, "", 2)
		// Parts that were dispatched before the failure are dispatched again.
		w.holds(u, 2, map[string]int64{"invalid_json": 1})
		if n <= at {
			if at < 10 {
				t.Errorf("only %d requests to fail", n)
			}
			return
		}
	}
	t.Error("more than 60 places to cut")
}

func TestReplayNeedsTheSource(t *testing.T) {
	w := newReplayWorld(t, feed.Format{Kind: feed.CSV, Delimiter: ","})
	u := w.run("k.csv", []byte("a,b\n1,2\n3\n"), 1)
	w.holds(u, 1, map[string]int64{"too_few_fields": 1})
	w.s3.Delete("src", "k.csv")
	u = w.replay(u, "", 1)
	w.holds(u, 1, map[string]int64{"too_few_fields": 1})
}

// A replay of fixed-width text reads the source: a quarantined record has no spaces at its end.
func TestReplayOfFixedWidth(t *testing.T) {
	w := newReplayWorld(t, feed.Format{Kind: feed.FixedWidth, Columns: []string{"a", "b"}, Widths: []int{100, 2}})
	w.unpack.Spec.Limits.MaxRecordBytes = 50
	u := w.run("k.txt", []byte("1"+strings.Repeat(" ", 101)+"\n"), 1)
	w.holds(u, 0, map[string]int64{"record_too_large": 1})
	w.unpack.Spec.Limits.MaxRecordBytes = 0
	w.holds(w.replay(u, "", 1), 1, nil)
}

// A replay reads the bytes of a quarantined row with all options of the format.
func TestReplayWithOptionsOfTheFormat(t *testing.T) {
	long := strings.Repeat("x", 100)
	for name, tc := range map[string]struct {
		format feed.Format
		file   string
	}{
		"no quotes": {feed.Format{Quotes: feed.NoQuotes}, "a|b\n\"" + long + "|\n"},
		"escape":    {feed.Format{Escape: `\`}, "a|b\n" + long + `\||` + "\n"},
		"preamble":  {feed.Format{SkipLines: 1, Comment: "#", Trim: true}, "title\n#\na|b\n " + long + " |\n"},
		"no header": {feed.Format{NoHeader: true, TrailingDelimiter: true}, long + "|2|\n"},
		"encoding":  {feed.Format{Encoding: feed.Latin1}, "a|b\n\xe9" + long + "|\n"},
	} {
		t.Run(name, func(t *testing.T) {
			format := tc.format
			format.Kind, format.Delimiter, format.Columns = feed.CSV, "|", []string{"a", "b"}
			w := newReplayWorld(t, format)
			w.unpack.Spec.Limits.MaxRecordBytes = 50
			u := w.run("k.csv", []byte(tc.file), 1)
			w.holds(u, 0, map[string]int64{"record_too_large": 1})
			w.unpack.Spec.Limits.MaxRecordBytes = 0
			w.s3.Delete("src", "k.csv")
			w.holds(w.replay(u, "", 1), 1, nil)
		})
	}
}
