package load_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// A record has the attributes of the index by key; loaded again, it has the same ones.
func TestItemsHaveTheirKey(t *testing.T) {
	w := newFixtureWithKey(t, []string{
		`{"id":4711,"v":1}`, `{"v":2,"id":"4711"}`, `{"id":"a\"b\\c\n<é>"}`,
		`{"id":"` + strings.Repeat("é", (feed.MaxKeyBytes-len("orders/id#"))/2) + `"}`,
	}, &feed.RecordKey{Fields: []string{"id"}})
	if err := w.load(t); err != nil {
		t.Fatal(err)
	}
	u := w.upload(t)
	if u.Stored != 4 || u.Quarantined() != 0 {
		t.Fatalf("%d stored, %d quarantined: %s", u.Stored, u.Quarantined(), u.Message)
	}
	items := records(w.db)
	keys := map[string]string{}
	for _, it := range items {
		keys[it.Str("record_time")] = it.Str("record_key")
	}
	for ordinal, want := range []string{"4711", "4711", "a\"b\\c\n<é>", strings.Repeat("é", (feed.MaxKeyBytes-len("orders/id#"))/2)} {
		time := fmt.Sprintf("2026-03-04T00:00:00.000Z#%s", ids.RecordID(w.u.ID, 0, int64(ordinal)))
		if keys[time] != "orders/id#"+want {
			t.Errorf("record %d: key %q, want %q; items %v", ordinal, keys[time], want, keys)
		}
	}
	p, _, err := w.h.Ledger.GetPart(t.Context(), "orders", w.u.ID, w.ref.Part)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.h.Ledger.Reopen(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	w.dispatch(t)
	if err := w.load(t); err != nil {
		t.Fatal(err)
	}
	if again := records(w.db); !reflect.DeepEqual(again, items) {
		t.Errorf("loaded again:\n%v\nwant\n%v", again, items)
	}
}

// keyless are records without a key, by their reason.
var keyless = map[string][]string{
	"key_missing": {`{}`, `{"id":null}`, `{"id":""}`, `[1]`, `"id"`},
	"key_invalid": {`{"id":{}}`, `{"id":["a"]}`, `{"id":"` + strings.Repeat("x", feed.MaxKeyBytes) + `"}`},
}

func TestRecordsWithoutKeyAreQuarantined(t *testing.T) {
	for why, payloads := range keyless {
		w := newFixtureWithKey(t, append([]string{`{"id":1}`}, payloads...), &feed.RecordKey{Fields: []string{"id"}})
		if err := w.load(t); err != nil {
			t.Fatal(err)
		}
		u, n := w.upload(t), int64(len(payloads))
		if u.Stored != 1 || u.RejectedByLoad != n || u.Reasons[why] != n || !u.Balanced() || !strings.Contains(u.Message, why+": ") || !strings.Contains(u.Message, `record 1: `) {
			t.Errorf("%s: %+v", why, u)
		}
		for i, q := range w.quarantined(t) {
			if raw, err := q.Bytes(); err != nil || string(raw) != payloads[i] || q.Reason != why || q.Detail == "" {
				t.Errorf("%s: quarantined %q, %v, reason %s, detail %q", why, raw, err, q.Reason, q.Detail)
			}
		}
	}
}

// With an optional key they are in the table and not in the index.
func TestOptionalKey(t *testing.T) {
	for why, payloads := range keyless {
		w := newFixtureWithKey(t, append([]string{`{"id":1}`}, payloads...), &feed.RecordKey{Fields: []string{"id"}, Optional: true})
		if err := w.load(t); err != nil {
			t.Fatal(err)
		}
		if u := w.upload(t); u.Stored != int64(len(payloads)+1) || u.Quarantined() != 0 {
			t.Errorf("%s: %+v", why, u)
		}
		indexed := 0
		for _, it := range records(w.db) {
			if it["record_key"] != nil || it["record_time"] != nil {
				indexed++
			}
		}
		if indexed != 1 {
			t.Errorf("%s: %d records have attributes of the index", why, indexed)
		}
	}
}

// The attributes of the index count: an item of the greatest size that would be too large
// with them is quarantined, before DynamoDB refuses it.
func TestKeyCountsForTheSizeOfTheItem(t *testing.T) {
	payload := func(n int) string { return `{"id":"k","s":"` + strings.Repeat("x", n) + `"}` }
	size := func(w *fixture) int { // as DynamoDB counts it
		n := len("pk") + len(ids.PartitionKey("orders", w.u.ID, 0)) + len("sk") + ids.EntryDigits + 1 + ids.OrdinalDigits +
			len("entry") + len("data") + 3 + len("id") + 1 + len("k") + len("s") + 1
		return n + len("record_key") + len("orders/id#k") + len("record_time") + len(ids.KeyTime(w.u.Time, w.u.ID)) + 1 + ids.EntryDigits + 1 + ids.OrdinalDigits
	}
	w := newFixtureWithKey(t, nil, nil)
	most := batchwrite.MaxItemBytes - size(w)
	w = newFixtureWithKey(t, []string{payload(most), payload(most + 1)}, &feed.RecordKey{Fields: []string{"id"}})
	if err := w.load(t); err != nil {
		t.Fatal(err)
	}
	if u := w.upload(t); u.Stored != 1 || u.Reasons["item_too_large"] != 1 {
		t.Errorf("%d stored, reasons %v: %s", u.Stored, u.Reasons, u.Message)
	}
}

// The records of a part expire at one time, however late and often it is loaded.
func TestExpiry(t *testing.T) {
	w := newFixture(t, numbered(30))
	p, _, err := w.h.Ledger.GetPart(t.Context(), "orders", w.u.ID, w.ref.Part)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Expiry().IsZero() {
		t.Errorf("a part without an expiry expires at %s", p.Expiry())
	}
	if err := w.load(t); err != nil { // it has the same records as the next one
		t.Fatal(err)
	}
	second := ledger.Part{Feed: "orders", Upload: w.u.ID, Name: ids.PartName(0, 1), Key: p.Key, Records: 30, Shards: 5, Time: w.u.Time, ExpireAfterDays: 30}
	if _, err := w.h.Ledger.PutPart(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	w.ref.Part = second.Name
	w.dispatch(t)
	for range 2 {
		if err := w.load(t); err != nil {
			t.Fatal(err)
		}
		p, _, err := w.h.Ledger.GetPart(t.Context(), "orders", w.u.ID, second.Name)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`{"N":"%d"}`, p.LandedAt.Unix()+30*24*3600)
		items := records(w.db)
		for _, it := range items {
			if string(it["expires_at"]) != want {
				t.Fatalf("item %v, want %s", it, want)
			}
		}
		for _, it := range w.db.Items() {
			if it["expires_at"] != nil && it["data"] == nil {
				t.Errorf("DynamoDB would delete an item of the ledger: %v", it)
			}
		}
		if err := w.h.Ledger.Reopen(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		w.dispatch(t)
	}
}
