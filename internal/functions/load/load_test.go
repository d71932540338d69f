package load_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/load"
	"example.com/ingestion/internal/functions/metrics"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/partdispatch"
	"example.com/ingestion/internal/store/quarantine"
	"example.com/ingestion/internal/testing/fake"
)

const bucket = "landing"

type fixture struct {
	s3        *fake.S3
	db        *fake.DynamoDB
	h         *load.Handler
	u         ids.Upload
	ref       ids.PartRef
	continued int // continuations
}

// newFixture writes one part with the payloads, and its items of the ledger.
func newFixture(t *testing.T, payloads []string) *fixture {
	t.Helper()
	return newFixtureWithKey(t, payloads, nil)
}

func newFixtureWithKey(t *testing.T, payloads []string, recordKey *feed.RecordKey) *fixture {
	t.Helper()
	w := &fixture{s3: &fake.S3{}, db: fake.NewDynamoDB(t)}
	w.u = ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: "k.json", ETag: "e", Size: 9 << 20, Time: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)})
	w.ref = ids.PartRef{Feed: "orders", Upload: w.u.ID, Part: ids.PartName(0, 0), Time: w.u.Time}
	book := ledger.New(w.db.Client(), "table")
	table, err := batchwrite.NewClient(t.Context(), w.db.Client())
	if err != nil {
		t.Fatal(err)
	}
	w.h = &load.Handler{
		Metrics: noMetrics, Bucket: bucket, Table: "table", S3: w.s3, Loaders: 2,
		DynamoDB: table, Ledger: book, Log: slog.New(slog.DiscardHandler), Lease: 200 * time.Millisecond,
		Retries:      []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond},
		NearDeadline: handler.NearDeadline, Continue: func(context.Context, ids.Load) error { w.continued++; return nil },
	}
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	for i, p := range payloads {
		fmt.Fprintf(gz, `{"id":"%s","feed":"orders","source":"s3://src/k.json","version":"e","entry":"","ordinal":%d,"data":%s}`+"\n", ids.RecordID(w.u.ID, 0, int64(i)), i, p)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	key := w.u.PartKey("landing/", 0, 0)
	w.s3.Set(bucket, key, buf.Bytes())

	ctx := t.Context()
	begun, err := book.Begin(ctx, ledger.Upload{Upload: w.u, Shards: 5, PartBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	n := int64(len(payloads))
	if _, err := book.PutPart(ctx, ledger.Part{Feed: "orders", Upload: w.u.ID, Name: w.ref.Part, Key: key, Records: n, Shards: 5, Time: w.u.Time, RecordKey: recordKey}); err != nil {
		t.Fatal(err)
	}
	if err := book.Unpacked(ctx, begun, ledger.Counts{Entries: 1, Records: n, Parts: 1}, nil, ""); err != nil {
		t.Fatal(err)
	}
	w.dispatch(t)
	return w
}

// dispatch lets the part wait.
func (w *fixture) dispatch(t *testing.T) {
	t.Helper()
	parts := partdispatch.Dispatcher{Ledger: w.h.Ledger, Feed: ledger.FeedWithWork{Feed: "orders"}, Wake: func(context.Context, ids.Load) error { return nil }}
	if err := parts.Dispatch(t.Context(), w.ref); err != nil {
		t.Fatal(err)
	}
}

func noMetrics(string, string) *metrics.Emitter { return nil }

// records returns the records in the table.
func records(db *fake.DynamoDB) []fake.Item {
	return slices.DeleteFunc(db.Items(), func(it fake.Item) bool { return len(it["data"]) == 0 })
}

func (w *fixture) load(t *testing.T) error {
	t.Helper()
	return w.h.Handle(t.Context(), []byte(`{"feed":"orders"}`))
}

func (w *fixture) upload(t *testing.T) ledger.Upload {
	t.Helper()
	u, ok, err := w.h.Ledger.GetUpload(t.Context(), "orders", w.u.ID)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return u
}

func (w *fixture) quarantined(t *testing.T) []quarantine.Record {
	t.Helper()
	var all []quarantine.Record
	for _, key := range w.s3.Keys(bucket, "quarantine/orders/2026/03/04/"+w.u.ID+"/load-") {
		object, _ := w.s3.Get(bucket, key)
		if err := quarantine.Read(object, func(r quarantine.Record) error { all = append(all, r); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func numbered(n int) []string {
	payloads := make([]string, n)
	for i := range payloads {
		payloads[i] = fmt.Sprintf(`{"n":%d,"s":"é"}`, i)
	}
	return payloads
}

func TestLoadIsIdempotent(t *testing.T) {
	w := newFixture(t, numbered(1000))
	if err := w.load(t); err != nil {
		t.Fatal(err)
	}
	u := w.upload(t)
	if u.State != ledger.Loaded || u.Stored != 1000 || !u.Balanced() {
		t.Errorf("ledger: %+v", u)
	}
	// The slots and the feeds with work are left out: a loader may take any slot.
	items := func() []fake.Item {
		return slices.DeleteFunc(w.db.Items(), func(it fake.Item) bool { return it.Str("pk") == "loading" })
	}
	before := items()
	if n := len(records(w.db)); n != 1000 || len(before) != 1003 { // the ledger's upload, its file and part
		t.Errorf("table has %d items, %d records", len(before), n)
	}
	w.dispatch(t) // a retry of unpack
	if err := w.load(t); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(before, items()) {
		t.Error("the second load changed the table")
	}
}

func TestItem(t *testing.T) {
	w := newFixture(t, []string{`{"price":1.50,"tags":[true,null]}`})
	if err := w.load(t); err != nil {
		t.Fatal(err)
	}
	for _, it := range w.db.Items() {
		if len(it["data"]) == 0 {
			continue
		}
		got := fmt.Sprintf("%s %s %s", it.Str("pk"), it.Str("sk"), it["data"])
		want := fmt.Sprintf(`orders#%s#%d 0000000/000000000000 {"M":{"price":{"N":"1.50"},"tags":{"L":[{"BOOL":true},{"NULL":true}]}}}`, w.u.ID, ids.Shard(0, 5))
		// The entry is "" here, and not the name of the file.
		if got != want || len(it) != 4 || it.Str("entry") != "" {
			t.Errorf("item is %s, want %s: %v", got, want, it)
		}
	}
}

func TestInvalidItemsAreQuarantined(t *testing.T) {
	payloads := numbered(100)
	payloads[10] = `{"big":"` + strings.Repeat("x", 500<<10) + `"}`
	payloads[20] = strings.Repeat("[", 40) + strings.Repeat("]", 40)
	payloads[30] = `{"n":1e999}`
	payloads[40] = `{"reject":"this"}`
	w := newFixture(t, payloads)
	w.db.Refuse = func(it fake.Item) bool { return strings.Contains(string(it["data"]), "reject") }
	if err := w.load(t); err != nil {
		t.Fatal(err)
	}
	u := w.upload(t)
	want := map[string]int64{"item_too_large": 1, "nesting_too_deep": 1, "number_out_of_range": 1, "rejected_by_dynamodb": 1}
	if u.Stored != 96 || u.RejectedByLoad != 4 || !u.Balanced() || !reflect.DeepEqual(u.Reasons, want) ||
		!strings.HasPrefix(u.Message, `entry "", record 10: item_too_large: `) {
		t.Errorf("ledger: %+v", u)
	}
	got := w.quarantined(t)
	if len(got) != 4 {
		t.Fatalf("%d records in quarantine", len(got))
	}
	for _, r := range got {
		if r.Raw != payloads[r.Ordinal] || r.Stage != "load" || r.ID != ids.RecordID(w.u.ID, 0, r.Ordinal) || r.Detail == "" {
			t.Errorf("quarantined: %.200v", r)
		}
	}
}

// Whichever request fails, before or after it took effect: after retries of the
// invocation until it succeeds, each record is stored once and the counts are right.
func TestRetryAfterAnyFailedRequest(t *testing.T) {
	for name, lose := range map[string]bool{"before the effect": false, "after the effect": true} {
		t.Run(name, func(t *testing.T) {
			for at := int64(1); at <= 24; at++ {
				w := newFixture(t, numbered(60))
				var calls atomic.Int64
				if lose {
					w.db.LoseResponse = func(string) bool { return calls.Add(1) == at }
				} else {
					w.db.Before = func(string, []byte) (int, string) {
						if calls.Add(1) == at {
							return http.StatusBadRequest, "AccessDeniedException" // which no client retries
						}
						return 0, ""
					}
				}
				var err error
				for range 4 {
					if err = w.load(t); err == nil {
						break
					}
					time.Sleep(w.h.Lease) // a retry has the same request ID, or the lease expires
				}
				w.db.Before, w.db.LoseResponse = nil, nil
				if u := w.upload(t); err != nil || u.State != ledger.Loaded || u.Stored != 60 || !u.Balanced() || len(records(w.db)) != 60 {
					t.Errorf("failure of request %d: error %v, %d items, ledger %+v", at, err, len(records(w.db)), u)
				}
			}
		})
	}
}

// A part that takes several invocations is stored once.
func TestContinuationNearDeadline(t *testing.T) {
	payloads := numbered(1000)
	for i := 7; i < 1000; i += 100 {
		payloads[i] = `{"n":1e999}`
	}
	w := newFixture(t, payloads)
	w.h.NearDeadline = func(context.Context) func() bool {
		calls := 0
		return func() bool { calls++; return calls > 2 } // within the part
	}
	invocations := 0
	for next := 1; next > 0; next, w.continued = w.continued, 0 {
		invocations++
		if err := w.load(t); err != nil {
			t.Fatal(err)
		}
	}
	u := w.upload(t)
	if invocations < 5 || u.State != ledger.Loaded || u.Stored != 990 || u.RejectedByLoad != 10 || u.Reasons["number_out_of_range"] != 10 || len(records(w.db)) != 990 {
		t.Errorf("after %d invocations: %d records, ledger %+v", invocations, len(records(w.db)), u)
	}
	ids := map[string]bool{}
	for _, r := range w.quarantined(t) {
		ids[r.ID] = true
	}
	if len(ids) != 10 {
		t.Errorf("%d records in quarantine", len(ids))
	}
}

// A part that no attempt can load is set aside with its error, and does not keep the
// others waiting.
func TestPartDiffersFromLedger(t *testing.T) {
	for name, cut := range map[string]int{"has 9 records, and 10 in the ledger": 0, "unexpected EOF": 10} {
		w := newFixture(t, numbered(10))
		other := newFixture(t, numbered(9))
		object, _ := other.s3.Get(bucket, other.u.PartKey("landing/", 0, 0))
		w.s3.Set(bucket, w.u.PartKey("landing/", 0, 0), object[:len(object)-cut])
		if err := w.load(t); err != nil {
			t.Errorf("the loader failed: %v", err)
		}
		if u := w.upload(t); u.State == ledger.Loaded {
			t.Error("the upload is loaded")
		}
		waiting, setAside, err := w.h.Ledger.ListWork(t.Context(), "orders", 10)
		if err != nil || len(waiting) != 0 || len(setAside) != 1 || setAside[0].Attempts != 6 || !strings.Contains(setAside[0].Error, name) || !setAside[0].Time.Equal(w.u.Time) {
			t.Errorf("waiting %+v, set aside %+v, %v", waiting, setAside, err)
		}
	}
}
