package unpack_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/klauspost/compress/gzip"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/load"
	"example.com/ingestion/internal/functions/metrics"
	"example.com/ingestion/internal/functions/unpack"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/partdispatch"
	"example.com/ingestion/internal/store/quarantine"
	"example.com/ingestion/internal/testing/fake"
)

// fixture is a feed in memory: unpack and load with fakes of S3 and DynamoDB.
type fixture struct {
	t             *testing.T
	s3            *fake.S3
	db            *fake.DynamoDB
	unpack        *unpack.Handler
	load          *load.Handler
	mu            sync.Mutex
	dispatched    []ids.PartRef
	wakes         int // of load
	resume        []ids.Resume
	self          [][]byte // payloads that unpack has dispatched to itself
	continuations int
}

func newFixture(t *testing.T, format feed.Format) *fixture {
	t.Helper()
	w := &fixture{t: t, s3: &fake.S3{}, db: fake.NewDynamoDB(t)}
	spec := feed.Spec{Feed: "orders", Sources: []feed.Source{{Kind: feed.OwnBucket}}, Format: format, PartBytes: 8 << 10}.WithDefaults()
	if err := spec.Validate(); err != nil {
		t.Fatal(err)
	}
	book, log := ledger.New(w.db.Client(), "table"), slog.New(slog.DiscardHandler)
	w.unpack = &unpack.Handler{Spec: spec, Bucket: "landing", S3: w.s3, Ledger: book, Log: log, Dispatch: w.dispatch, Continue: w.continueUpload, NearDeadline: handler.NearDeadline, Lease: 300 * time.Millisecond}
	table, err := batchwrite.NewClient(t.Context(), w.db.Client())
	if err != nil {
		t.Fatal(err)
	}
	w.load = &load.Handler{
		Bucket: "landing", Table: "table", Loaders: 1, S3: w.s3, DynamoDB: table, Ledger: book, Log: log, NearDeadline: handler.NearDeadline,
		Continue: func(context.Context, ids.Load) error { w.wakes++; return nil }, Lease: 300 * time.Millisecond,
		Metrics: func(string, string) *metrics.Emitter { return nil },
	}
	for range 30 {
		w.load.Retries = append(w.load.Retries, time.Millisecond)
	}
	return w
}

// loadPart lets a part wait and loads it, each in up to tries attempts. A part that is
// set aside, since faults look like loaders that were killed, waits again.
func (w *fixture) loadPart(ref ids.PartRef, tries int) {
	w.t.Helper()
	parts := partdispatch.Dispatcher{
		Ledger: w.load.Ledger, Feed: ledger.FeedWithWork{Feed: ref.Feed},
		Wake: func(context.Context, ids.Load) error { w.wakes++; return nil },
	}
	w.again(func() error { return parts.Dispatch(w.t.Context(), ref) }, tries)
	for w.wakes = max(w.wakes, 1); w.wakes > 0; {
		w.wakes = 0
		w.again(func() error { return w.load.Handle(w.sameEvent(), []byte(`{}`)) }, tries)
		var setAside []ledger.Work
		w.again(func() (err error) {
			_, setAside, err = w.load.Ledger.ListWork(w.t.Context(), ref.Feed, 100)
			return err
		}, tries)
		for _, part := range setAside {
			w.again(func() error { return parts.Dispatch(w.t.Context(), part.PartRef) }, tries)
			w.again(func() error { return w.load.Ledger.ForgetSetAside(w.t.Context(), part) }, tries)
			w.wakes++
		}
	}
}

func (w *fixture) dispatch(_ context.Context, ref ids.PartRef) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dispatched = append(w.dispatched, ref)
	return nil
}

func (w *fixture) continueUpload(_ context.Context, r ids.Resume) error {
	w.resume = append(w.resume, r)
	w.continuations++
	return nil
}

func notification(key, etag string) []byte {
	return fmt.Appendf(nil, `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"src"},"object":{"key":%q,"eTag":%q}}}]}`, key, etag)
}

// run processes a file with both functions, each in up to tries attempts.
func (w *fixture) run(key string, body []byte, tries int) ledger.Upload {
	w.t.Helper()
	etag := w.s3.Set("src", key, body)
	w.again(func() error { return w.unpack.Handle(w.sameEvent(), notification(key, etag)) }, tries)
	for len(w.resume) > 0 {
		payload, err := json.Marshal(w.resume[0])
		if err != nil {
			w.t.Fatal(err)
		}
		w.resume = w.resume[1:]
		w.again(func() error { return w.unpack.Handle(w.sameEvent(), payload) }, tries)
	}
	for len(w.dispatched) > 0 {
		ref := w.dispatched[0]
		w.dispatched = w.dispatched[1:]
		w.loadPart(ref, tries)
	}
	return w.upload(key, etag)
}

// sameEvent is the context of an invocation and of its retries, which Lambda gives
// the same request ID.
func (w *fixture) sameEvent() context.Context {
	return lambdacontext.NewContext(w.t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "event"})
}

func (w *fixture) again(what func() error, tries int) {
	w.t.Helper()
	var err error
	for range tries {
		if err = what(); err == nil {
			return
		}
	}
	w.t.Fatal(err)
}

func (w *fixture) upload(key, etag string) ledger.Upload {
	w.t.Helper()
	w.db.Before, w.db.LoseResponse, w.db.Unprocessed = nil, nil, nil
	id := ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: key, ETag: etag}).ID
	u, ok, err := w.unpack.Ledger.GetUpload(w.t.Context(), "orders", id)
	if err != nil || !ok {
		w.t.Fatalf("the ledger has the upload: %v, error %v", ok, err)
	}
	return u
}

// stored returns the records in the table by ID.
func (w *fixture) stored() map[string]fake.Item {
	all := map[string]fake.Item{}
	for _, it := range w.db.Items() {
		if len(it["data"]) > 0 {
			all[strings.Split(it.Str("pk"), "#")[1]+"/"+it.Str("sk")] = it
		}
	}
	return all
}

func (w *fixture) quarantined() map[string]quarantine.Record {
	w.t.Helper()
	all := map[string]quarantine.Record{}
	for _, key := range w.s3.Keys("landing", "quarantine/") {
		if !strings.HasSuffix(key, ".ndjson.gz") {
			continue
		}
		object, _ := w.s3.Get("landing", key)
		if err := quarantine.Read(object, func(r quarantine.Record) error { all[r.ID] = r; return nil }); err != nil {
			w.t.Fatal(err)
		}
	}
	return all
}

func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	g := gzip.NewWriter(&buf)
	if _, err := g.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestForms(t *testing.T) {
	tests := map[string]struct {
		format feed.Format
		body   []byte
		want   []string // payloads in the table, by ID
	}{
		"array":         {feed.Format{Kind: feed.JSON}, []byte(`[ {"a": 1}, 2, "x" ]`), []string{`{"M":{"a":{"N":"1"}}}`, `{"N":"2"}`, `{"S":"x"}`}},
		"array at path": {feed.Format{Kind: feed.JSON, Path: "r.items"}, []byte(`{"n":1,"r":{"items":[{"a":1},{"a":2}]}}`), []string{`{"M":{"a":{"N":"1"}}}`, `{"M":{"a":{"N":"2"}}}`}},
		"document":      {feed.Format{Kind: feed.JSON}, []byte("{\n\"a\":\n1}"), []string{`{"M":{"a":{"N":"1"}}}`}},
		"ndjson gz":     {feed.Format{Kind: feed.NDJSON}, gzipped(t, "{\"a\":1}\r\n\n{\"a\":2}"), []string{`{"M":{"a":{"N":"1"}}}`, `{"M":{"a":{"N":"2"}}}`}},
		"csv":           {feed.Format{Kind: feed.CSV, Delimiter: "|"}, []byte("a|b\n1|\"x|\"\"y\"\n"), []string{`{"M":{"a":{"S":"1"},"b":{"S":"x|\"y"}}}`}},
		"zip":           {feed.Format{Kind: feed.JSON}, zipped(t, map[string]string{"a.json": "[1]", "b.json.gz": string(gzipped(t, "[2,3]"))}), []string{`{"N":"1"}`, `{"N":"2"}`, `{"N":"3"}`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t, test.format)
			u := w.run("in/file", test.body, 1)
			items := w.stored()
			var got []string
			for _, id := range slices.Sorted(maps.Keys(items)) {
				got = append(got, string(items[id]["data"]))
			}
			if !slices.Equal(got, test.want) || u.State != ledger.Loaded || !u.Balanced() || u.Stored != int64(len(test.want)) || u.Message != "" {
				t.Errorf("stored %v, ledger %+v", got, u)
			}
		})
	}
}

func TestInvalidRecordsAreQuarantined(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.JSON})
	u := w.run("k", []byte(`[{"n":0},{"n":tru},{"n":2},{"a":1,"a":2}]`), 1)
	if u.Records != 4 || u.Stored != 2 || u.RejectedByUnpack != 2 || !u.Balanced() || !strings.HasPrefix(u.Message, `entry "k", record 1: invalid_json: `) {
		t.Errorf("ledger: %+v", u)
	}
	bad := w.quarantined()
	if r := bad[ids.RecordID(u.ID, 0, 1)]; r.Raw != `{"n":tru}` || r.Offset != 9 || r.Stage != "unpack" || r.Copy != "" {
		t.Errorf("quarantined: %+v", r)
	}
	if r := bad[ids.RecordID(u.ID, 0, 3)]; r.Reason != "duplicate_key" {
		t.Errorf("quarantined: %+v", r)
	}
}

// DynamoDB rejects one of two records that have the same ordinal, in two entries of one
// part: only that one is quarantined.
func TestRejectedRecordInPartOfSeveralEntries(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.NDJSON})
	w.db.Refuse = func(it fake.Item) bool { return strings.Contains(string(it["data"]), "reject") }
	u := w.run("k.zip", zipped(t, map[string]string{"a": `{"n":1}`, "b": `{"reject":"this"}`, "c": `{"n":3}`}), 1)
	if u.State != ledger.Loaded || u.Parts != 1 || u.Entries != 3 || u.Stored != 2 || u.RejectedByLoad != 1 || !u.Balanced() {
		t.Errorf("ledger: %+v", u)
	}
	if bad := w.quarantined(); len(bad) != 1 || bad[ids.RecordID(u.ID, 1, 0)].Entry != "b" {
		t.Errorf("quarantined: %+v", bad)
	}
}

// The records of a truncated file are stored; its remainder is one quarantined record,
// with a copy of the file.
func TestTruncatedFile(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.NDJSON})
	body := gzipped(t, strings.Repeat(`{"random":"`+strconv.FormatUint(rand.Uint64(), 10)+`"}`+"\n", 5000))
	body = body[:len(body)-20]
	u := w.run("k.gz", body, 1)
	if !u.Balanced() || u.RejectedByUnpack != 1 || u.Stored < 100 || u.Reasons["truncated"] != 1 {
		t.Errorf("ledger: %+v", u)
	}
	for _, r := range w.quarantined() {
		whole, ok := w.s3.Get("landing", r.Copy)
		if !ok || !bytes.Equal(whole, body) || !r.Rest {
			t.Errorf("quarantined: %.300v, copied: %v", r, ok)
		}
	}
}

func TestDeletedObjects(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.JSON})
	if err := w.unpack.Handle(t.Context(), notification("deleted", "e")); err != nil {
		t.Fatal(err)
	}
	if u := w.upload("deleted", "e"); u.State != ledger.Missing || !strings.Contains(u.Message, "no longer exists") {
		t.Errorf("ledger: %+v", u)
	}
	if u := w.run("empty", nil, 1); u.State != ledger.Loaded || u.Records != 0 || !strings.Contains(u.Message, "0 bytes") {
		t.Errorf("ledger: %+v", u)
	}
	before := w.db.Items()
	if err := w.unpack.Handle(t.Context(), notification("folder/", "e")); err != nil || len(w.db.Items()) != len(before) {
		t.Errorf("a deleted folder marker made %d items, error %v", len(w.db.Items())-len(before), err)
	}
	etag := w.s3.Set("src", "folder/", nil)
	if err := w.unpack.Handle(t.Context(), notification("folder/", etag)); err != nil || len(w.db.Items()) != len(before) {
		t.Errorf("a folder marker made %d items, error %v", len(w.db.Items())-len(before), err)
	}
	if u := w.run("folder/", []byte("[1]"), 1); u.State != ledger.Loaded || u.Records != 1 {
		t.Errorf("a file whose key ends in a slash: %+v", u)
	}
}

func TestErrorOfS3IsNotADamagedFile(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.NDJSON})
	etag := w.s3.Set("src", "k", []byte(strings.Repeat("{}\n", 1000)))
	w.s3.FailPut = func(string) (bool, error) { return false, errors.New("S3 is down") }
	err := w.unpack.Handle(t.Context(), notification("k", etag))
	if err == nil || !strings.Contains(err.Error(), "feed orders: s3://src/k: ") || !strings.Contains(err.Error(), "S3 is down") {
		t.Errorf("error %v", err)
	}
	if u := w.upload("k", etag); u.State != ledger.Unpacking {
		t.Errorf("ledger: %+v", u)
	}
}

// manyParts is an NDJSON file of n good records, an invalid one after each tenth.
func manyParts(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"n":%d,"pad":"%s"}`+"\n", i, strings.Repeat("x", 100))
		if i%10 == 0 {
			b.WriteString("{bad\n")
		}
	}
	return b.Bytes()
}

// An object that takes several invocations has the same result as in one.
func TestContinuationsNearDeadline(t *testing.T) {
	body := zipped(t, map[string]string{"a": string(manyParts(1000)), "b": "{}\n", "c": string(manyParts(500))})
	whole := newFixture(t, feed.Format{Kind: feed.NDJSON})
	want := whole.run("k", body, 1)

	w := newFixture(t, feed.Format{Kind: feed.NDJSON})
	w.unpack.NearDeadline = func(context.Context) func() bool {
		calls := 0
		return func() bool { calls++; return calls > 2 } // after the check on the way to the checkpoint
	}
	got := w.run("k", body, 1)
	if w.continuations < 5 || !got.Balanced() || got.State != ledger.Loaded {
		t.Errorf("after %d continuations: %+v", w.continuations, got)
	}
	if got.Counts != want.Counts || got.Stored != want.Stored || got.Message != want.Message || !maps.Equal(got.Reasons, want.Reasons) {
		t.Errorf("in several invocations %+v, in one %+v", got, want)
	}
	if !slices.Equal(w.s3.Keys("landing", "landing/"), whole.s3.Keys("landing", "landing/")) ||
		!maps.Equal(keys(w.stored()), keys(whole.stored())) || !maps.Equal(keys(w.quarantined()), keys(whole.quarantined())) {
		t.Error("the parts, the items or the quarantine differ")
	}
}

func keys[V any](m map[string]V) map[string]bool {
	out := map[string]bool{}
	for k := range m {
		out[k] = true
	}
	return out
}

// The remainder of an upload that no number of continuations would finish is quarantined.
func TestUploadThatNeverFinishes(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.NDJSON})
	w.unpack.NearDeadline = func(context.Context) func() bool { return func() bool { return true } }
	u := w.run("k", manyParts(1000), 1)
	if w.continuations != 1 || !u.Balanced() || u.State != ledger.Loaded || u.Reasons["limit_time"] != 1 || u.Stored == 0 {
		t.Errorf("after %d continuations: %+v", w.continuations, u)
	}
	for _, r := range w.quarantined() {
		if r.Reason == "limit_time" && (!r.Rest || r.Copy == "") {
			t.Errorf("quarantined: %+v", r)
		}
	}
}

// When an object is deleted between two attempts, what the first has landed is kept.
func TestDeletedBetweenAttempts(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.NDJSON})
	etag := w.s3.Set("src", "k", manyParts(1000))
	w.s3.FailPut = func(key string) (bool, error) {
		if !strings.HasSuffix(key, "-000009.ndjson.gz") {
			return false, nil
		}
		for { // parts are uploaded concurrently: wait until some are dispatched
			w.mu.Lock()
			dispatched := len(w.dispatched)
			w.mu.Unlock()
			if dispatched >= 3 {
				return false, errors.New("S3 is down")
			}
			time.Sleep(time.Millisecond)
		}
	}
	if err := w.unpack.Handle(t.Context(), notification("k", etag)); err == nil {
		t.Fatal("no error")
	}
	w.s3.FailPut = nil
	w.s3.Delete("src", "k")
	w.again(func() error { return w.unpack.Handle(t.Context(), notification("k", etag)) }, 1)
	for _, ref := range w.dispatched {
		w.loadPart(ref, 1)
	}
	u := w.upload("k", etag)
	if u.State != ledger.Loaded || !u.Balanced() || u.Parts < 3 || u.Stored != int64(len(w.stored())) || u.Reasons["source_deleted"] != 1 {
		t.Errorf("%d items, ledger %+v", len(w.stored()), u)
	}
}

// When an object is deleted between an invocation and its continuation, what was read
// of it is kept.
func TestDeletedBeforeContinuation(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.NDJSON})
	w.unpack.NearDeadline = func(context.Context) func() bool { return func() bool { return true } }
	etag := w.s3.Set("src", "k", manyParts(1000))
	w.again(func() error { return w.unpack.Handle(t.Context(), notification("k", etag)) }, 1)
	w.s3.Delete("src", "k")
	payload, err := json.Marshal(w.resume[0])
	if err != nil {
		t.Fatal(err)
	}
	w.again(func() error { return w.unpack.Handle(t.Context(), payload) }, 1)
	if u := w.upload("k", etag); u.State != ledger.Unpacked || u.Reasons["source_deleted"] != 1 || u.Parts != 1 || u.Records < 60 {
		t.Errorf("ledger: %+v", u)
	}
}

// scenario is a random file with the expected result for each record.
type scenario struct {
	body      []byte
	good, bad map[string]bool // by the text that marks a record
}

func newScenario(r *rand.Rand, t *testing.T) scenario {
	s := scenario{good: map[string]bool{}, bad: map[string]bool{}}
	files := map[string]string{}
	for entry := range 1 + r.IntN(3) {
		var b strings.Builder
		for i := range r.IntN(400) {
			mark := fmt.Sprintf("mark-%d-%d-%d", entry, i, r.Uint32())
			switch r.IntN(20) {
			case 0:
				fmt.Fprintf(&b, `{"mark":"%s",}`, mark)
				s.bad[mark] = true
			case 1:
				fmt.Fprintf(&b, `{"mark":"%s","n":1e999}`, mark)
				s.bad[mark] = true
			case 2:
				fmt.Fprintf(&b, `{"mark":"%s","mark":1}`, mark)
				s.bad[mark] = true
			default:
				fmt.Fprintf(&b, `{"mark":"%s","pad":"%s"}`, mark, strings.Repeat("é", r.IntN(100)))
				s.good[mark] = true
			}
			b.WriteString("\n")
		}
		files[fmt.Sprintf("%d.ndjson", entry)] = b.String()
	}
	s.body = zipped(t, files)
	return s
}

// Whatever fails, and however often: once retries of the functions succeed,
// set(in) = set(stored) + set(quarantined), each record once, and the ledger has the
// same counts.
func TestNothingIsLost(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			s := newScenario(r, t)
			w := newFixture(t, feed.Format{Kind: feed.NDJSON})
			faults := newFaults(seed)
			// The deadline is near from a random point on. With one that comes and goes, a loader
			// would end with parts that are not due, and not be continued.
			nearDeadline := func(context.Context) func() bool {
				looked, near := false, false // not at the first check, which is on the way to the checkpoint
				return func() bool {
					near = near || looked && faults.roll(5)
					looked = true
					return near
				}
			}
			w.unpack.NearDeadline, w.load.NearDeadline = nearDeadline, nearDeadline
			w.db.Before = func(string, []byte) (int, string) {
				switch {
				case faults.roll(40):
					return http.StatusBadRequest, "AccessDeniedException" // which no client retries
				case faults.roll(20):
					return http.StatusBadRequest, "ProvisionedThroughputExceededException"
				}
				return 0, ""
			}
			w.db.LoseResponse = func(string) bool { return faults.roll(30) }
			w.db.Unprocessed = func(n int) int { return faults.up(n) }
			w.s3.FailPut = func(string) (bool, error) {
				if faults.roll(10) {
					return faults.roll(2), errors.New("S3 failed")
				}
				return false, nil
			}
			w.s3.BreakGet = func(_ string, _ int64, body []byte) []byte {
				if faults.roll(4) {
					return body[:faults.up(len(body))]
				}
				return body
			}
			u := w.run("k.zip", s.body, 60)

			good, bad := map[string]bool{}, map[string]bool{}
			for _, it := range w.stored() {
				good[mark(string(it["data"]))] = true
			}
			for _, q := range w.quarantined() {
				bad[mark(q.Raw)] = true
			}
			if !reflect.DeepEqual(good, s.good) || !reflect.DeepEqual(bad, s.bad) {
				t.Errorf("stored %d of %d, quarantined %d of %d", len(good), len(s.good), len(bad), len(s.bad))
			}
			if u.State != ledger.Loaded || !u.Balanced() || u.Stored != int64(len(s.good)) || u.Quarantined() != int64(len(s.bad)) || len(w.stored()) != len(s.good) {
				t.Errorf("%d items, ledger %+v", len(w.stored()), u)
			}
		})
	}
}

func mark(text string) string {
	_, rest, _ := strings.Cut(text, "mark-")
	end := strings.IndexAny(rest, `"\`)
	if end < 0 {
		return text
	}
	return "mark-" + rest[:end]
}

// faults is a random number generator for concurrent use.
type faults struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newFaults(seed uint64) *faults { return &faults{r: rand.New(rand.NewPCG(seed, 99))} }

// roll returns true once in n calls, on average.
func (f *faults) roll(n int) bool { return f.up(n) == 0 }

// up returns a number below n, and 0 for n = 0.
func (f *faults) up(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n == 0 {
		return 0
	}
	return f.r.IntN(n)
}

// A small file of very many records is stored up to the limit, and the remainder is in
// quarantine, once.
func TestTooManyRecords(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.NDJSON})
	w.unpack.Spec.PartBytes = 32 << 20
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	for range 3 {
		if _, err := z.Write(bytes.Repeat([]byte("0\n"), 400_000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	etag := w.s3.Set("src", "k", body.Bytes())
	if err := w.unpack.Handle(t.Context(), notification("k", etag)); err != nil {
		t.Fatal(err)
	}
	u := w.upload("k", etag)
	if u.Records != feed.FreeRecords+1 || u.RejectedByUnpack != 1 || u.Reasons["limit_records"] != 1 || !strings.Contains(u.Message, "MaxRecordsPerByte") {
		t.Errorf("ledger %+v", u)
	}
}
