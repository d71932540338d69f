package unpack_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/files/shape"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// data is the payload of a stored record, in DynamoDB's wire form.
func (w *fixture) data(u ledger.Upload, ordinal int64) string {
	return string(w.stored()[ids.RecordID(u.ID, 0, ordinal)]["data"])
}

func newShapedFixture(t *testing.T, operations ...feed.Operation) *fixture {
	w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
	w.unpack.Spec.Shape = &feed.Shape{Operations: operations, HashSecret: "salt"}
	w.unpack.Secret = func(_ context.Context, name string) ([]byte, error) {
		return fmt.Appendf(nil, "the text of %s", name), nil
	}
	return w
}

// Each record is stored as the shape makes it, is left out by it, or is in quarantine with
// its original bytes.
func TestShape(t *testing.T) {
	w := newShapedFixture(t,
		feed.Rename("Kunde.Nr", "customer.id"), feed.NumberWith(",", ".", "amount"), feed.DropWhere("status", "void"), feed.Hash("email"), feed.Drop("status"),
	)
	lines := []string{
		`{"Kunde":{"Nr":"7"},"amount":"1.234,50","status":"ok","email":"a@example.com"}`,
		`{"Kunde":{"Nr":"8"},"amount":"1","status":"void","email":"b@example.com"}`,
		`{"Kunde":{"Nr":"9"},"amount":"many","status":"ok","email":"c@example.com"}`,
	}
	u := w.run("k", []byte(strings.Join(lines, "\n")), 1)
	w.holds(u, 1, map[string]int64{shape.Reason: 1})
	if u.Records != 3 || u.Filtered != 1 {
		t.Errorf("%+v", u.Counts)
	}
	got := w.data(u, 0)
	for _, want := range []string{`"customer":{"M":{"id":{"S":"7"}}}`, `"amount":{"N":"1234.50"}`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s has no %s", got, want)
		}
	}
	if strings.Contains(got, "Kunde") || strings.Contains(got, "status") || strings.Contains(got, "example.com") {
		t.Errorf("the record is %s", got)
	}
	for _, q := range w.quarantined() {
		if q.Raw != lines[2] || !strings.Contains(q.Detail, "amount") || !strings.Contains(q.Detail, "many") {
			t.Errorf("quarantine has %+v", q)
		}
	}
}

// A replay applies the shape that the feed has now, to the originals in quarantine, also to
// one that quarantine has not whole.
func TestReplayWithAnotherShape(t *testing.T) {
	w := newShapedFixture(t, feed.Number("amount"), feed.Hash("email"))
	long := strings.Repeat("x", 2<<20)
	u := w.run("k", fmt.Appendf(nil, "{\"amount\":\"1\"}\n{\"amount\":\"n/a\"}\n{\"amount\":\"n/a\",\"text\":%q}\n{\"amount\":\"none\"}\n", long), 1)
	w.holds(u, 1, map[string]int64{shape.Reason: 3})

	w.unpack.Spec.Shape = &feed.Shape{Operations: []feed.Operation{feed.DropWhere("amount", "none"), feed.JQ(`if .amount == "n/a" then .amount = null else . end`), feed.Number("amount")}}
	w.unpack.Spec.Limits.MaxRecordBytes = 8 << 20
	u = w.replay(u, "", 1)
	w.holds(u, 2, map[string]int64{"item_too_large": 1})
	if u.Records != 4 || u.Filtered != 1 || !strings.Contains(w.data(u, 1), `"amount":{"NULL":true}`) {
		t.Errorf("%+v, record 1 is %s", u.Counts, w.data(u, 1))
	}
}

// Sources whose files name their fields differently end alike.
func TestShapeOfASource(t *testing.T) {
	w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
	w.unpack.Spec.Sources = []feed.Source{
		{Kind: feed.OwnBucket, Bucket: "src", Prefix: "a/", Shape: &feed.Shape{Operations: []feed.Operation{feed.Rename("KundenNr", "customer_id")}}},
		{Kind: feed.OwnBucket, Bucket: "src", Prefix: "b/", Shape: &feed.Shape{Operations: []feed.Operation{feed.Rename("client.no", "customer_id")}}},
	}
	a, b := w.run("a/k", []byte(`{"KundenNr":"7"}`), 1), w.run("b/k", []byte(`{"client":{"no":"7"}}`), 1)
	if got, want := w.data(a, 0), `{"M":{"customer_id":{"S":"7"}}}`; got != want || w.data(b, 0) != want {
		t.Errorf("%s and %s, want %s", got, w.data(b, 0), want)
	}
}

// A file of which the shape leaves out every record is loaded: nothing failed.
func TestShapeLeavesOutEverything(t *testing.T) {
	w := newShapedFixture(t, feed.KeepWhere("country", "DE"), feed.Hash("email"))
	u := w.run("k", bytes.Repeat([]byte("{\"country\":\"FR\"}\n"), 5), 1)
	w.holds(u, 0, nil)
	if u.Filtered != 5 || u.Outcome() != ledger.AllStored {
		t.Errorf("%+v is %s", u.Counts, u.Outcome())
	}
}

// A retried invocation shapes an upload as it was begun, whatever the feed's shape is now.
func TestUploadKeepsItsShape(t *testing.T) {
	w := newShapedFixture(t, feed.Constant("shape", "first"), feed.Hash("email"))
	w.unpack.NearDeadline = func(context.Context) func() bool {
		lines := 0
		return func() bool { lines++; return lines > 2 }
	}
	w.unpack.Continue = func(ctx context.Context, r ids.Resume) error {
		w.unpack.Spec.Shape = &feed.Shape{Operations: []feed.Operation{feed.Constant("shape", "second")}}
		return w.continueUpload(ctx, r)
	}
	u := w.run("k", bytes.Repeat([]byte("{\"text\":\""+strings.Repeat("x", 900)+"\"}\n"), 300), 1)
	w.holds(u, 300, nil)
	if w.continuations == 0 {
		t.Fatal("the upload was not continued")
	}
	for id, it := range w.stored() {
		if !strings.Contains(string(it["data"]), `"first"`) {
			t.Errorf("record %s is %.80s", id, it["data"])
		}
	}
}
