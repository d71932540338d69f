package discover_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/discover"
	"example.com/ingestion/internal/testing/fake"
)

// fixture is a feed with external buckets in memory.
type fixture struct {
	t   *testing.T
	s3  *fake.S3
	db  *fake.DynamoDB
	h   *discover.Handler
	now time.Time

	mu        sync.Mutex
	sent      []s3event.Object
	continued []discover.Request
	// fail, when set, may fail the dispatch of an object.
	fail func(s3event.Object) error
	// deleted is how many pages with nothing but deleted objects come first in a listing
	// of versions.
	deleted int
	// objects is how many are processed before the deadline is near; 0 means all.
	objects int
}

func newFixture(t *testing.T, sources ...feed.Source) *fixture {
	t.Helper()
	w := &fixture{t: t, s3: &fake.S3{PageSize: 7}, db: fake.NewDynamoDB(t), now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	w.db.PageSize = 5
	if len(sources) == 0 {
		sources = []feed.Source{{Kind: feed.ExternalBucket, Bucket: "theirs", EveryMinutes: 5}}
	}
	w.h = &discover.Handler{
		Spec: feed.Spec{Feed: "orders", Sources: sources}, Table: "table", DynamoDB: w.db.Client(), Log: slog.New(slog.DiscardHandler),
		Bucket:   func(context.Context, feed.Source, string) (s3source.ListAPI, error) { return deletions{w.s3, w}, nil },
		Dispatch: w.dispatch, Continue: func(_ context.Context, r discover.Request) error { w.continued = append(w.continued, r); return nil },
		NearDeadline: func(context.Context) func() bool {
			left := w.objects
			return func() bool { left -= 25; return w.objects > 0 && left < 0 }
		},
		Now: func() time.Time { return w.now },
	}
	return w
}

func (w *fixture) dispatch(_ context.Context, payload []byte) error {
	objects, err := s3event.Parse(payload)
	if err != nil || len(objects) != 1 {
		w.t.Errorf("payload %s: %v", payload, err)
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		if err := w.fail(objects[0]); err != nil {
			return err
		}
	}
	w.sent = append(w.sent, objects[0])
	return nil
}

// put puts an object, a second after the previous one, and returns its ETag.
func (w *fixture) put(bucket, key, body string) string {
	w.now = w.now.Add(time.Second)
	w.s3.Modified = w.now
	return w.s3.Set(bucket, key, []byte(body))
}

// scan scans all sources to their end and returns the keys that were dispatched, sorted.
func (w *fixture) scan() []string {
	w.t.Helper()
	w.sent = nil
	if err := w.h.Handle(w.t.Context(), discover.Request{}); err != nil {
		w.t.Fatal(err)
	}
	for len(w.continued) > 0 {
		// The payload of the next invocation.
		payload, err := json.Marshal(w.continued[0])
		if err != nil {
			w.t.Fatal(err)
		}
		w.continued = w.continued[1:]
		if err := w.h.HandlePayload(w.t.Context(), payload); err != nil {
			w.t.Fatal(err)
		}
	}
	var keys []string
	for _, o := range w.sent {
		keys = append(keys, o.Bucket+"/"+o.Key)
	}
	slices.Sort(keys)
	return keys
}

func (w *fixture) wantScan(want ...string) {
	w.t.Helper()
	if got := w.scan(); !slices.Equal(got, want) {
		w.t.Errorf("sent %q, want %q", got, want)
	}
}

func TestNewAndChangedObjects(t *testing.T) {
	w := newFixture(t)
	w.wantScan()
	for _, key := range []string{"b", "a b/é+😀.json", "\uffee", "file/", "😀", "~"} {
		w.put("theirs", key, key)
	}
	w.put("theirs", "folder/", "")
	w.wantScan("theirs/a b/é+😀.json", "theirs/b", "theirs/file/", "theirs/~", "theirs/\uffee", "theirs/😀")
	w.wantScan()
	w.put("theirs", "b", "other")
	w.put("theirs", "a", "late, with an earlier key")
	w.wantScan("theirs/a", "theirs/b")
	w.put("theirs", "b", "other") // the same content, put again
	w.wantScan("theirs/b")
	if got := w.sent[0]; got.ETag == "" || got.Size != 5 {
		t.Errorf("sent %+v", got)
	}
	w.s3.Delete("theirs", "b")
	w.wantScan()
	w.put("theirs", "b", "again")
	w.wantScan("theirs/b")
}

func TestSourcesAreIndependent(t *testing.T) {
	w := newFixture(t,
		feed.Source{Kind: feed.OwnBucket},
		feed.Source{Kind: feed.ExternalBucket, Bucket: "one", Prefix: "in/", Suffixes: []string{".json"}},
		feed.Source{Kind: feed.ExternalBucket, Bucket: "one", Prefix: "more/"},
		feed.Source{Kind: feed.ExternalBucket, Bucket: "two"})
	for _, name := range []string{"one in/a.json", "one in/a.csv", "one in/", "one more/x", "one other", "two in/a.json", "mine x"} {
		bucket, key, _ := strings.Cut(name, " ")
		w.put(bucket, key, name)
	}
	if err := w.h.Handle(t.Context(), discover.Request{Bucket: "one", Prefix: "in/"}); err != nil {
		t.Fatal(err)
	}
	if len(w.sent) != 1 || w.sent[0].Key != "in/a.json" {
		t.Errorf("of one source: %+v", w.sent)
	}
	// A source that cannot be listed does not prevent the others.
	w.s3.FailList = func(bucket, _ string) error {
		if bucket == "one" {
			return errors.New("broken")
		}
		return nil
	}
	w.sent = nil
	err := w.h.Handle(t.Context(), discover.Request{})
	if err == nil || strings.Count(err.Error(), "broken") != 2 || !strings.Contains(err.Error(), "feed orders: source s3://one/more/: list") {
		t.Errorf("error %v", err)
	}
	if len(w.sent) != 1 || w.sent[0].Bucket != "two" {
		t.Errorf("sent %+v", w.sent)
	}
	w.s3.FailList = nil
	w.wantScan("one/more/x")
	if err := w.h.Handle(t.Context(), discover.Request{Bucket: "none"}); err != nil {
		t.Error(err)
	}
}

// A scan of several invocations, during which the schedule invokes the function.
func TestContinuations(t *testing.T) {
	w := newFixture(t)
	var want []string
	for i := range 500 {
		key := fmt.Sprintf("%03d", i)
		w.put("theirs", key, key)
		want = append(want, "theirs/"+key)
	}
	w.objects = 100
	if err := w.h.Handle(t.Context(), discover.Request{}); err != nil {
		t.Fatal(err)
	}
	if len(w.continued) != 1 || w.continued[0].Continuation != 1 || w.continued[0].Counts.Listed == 0 || w.continued[0].Counts.Listed == 500 {
		t.Fatalf("continued %+v", w.continued)
	}
	before := len(w.sent)
	for range 2 {
		if err := w.h.Handle(t.Context(), discover.Request{}); err != nil || len(w.sent) != before || len(w.continued) != 1 {
			t.Fatalf("the schedule started a second scan: %d dispatched, continued %+v, %v", len(w.sent)-before, w.continued, err)
		}
	}
	first := w.continued[0]
	for len(w.continued) > 0 {
		r := w.continued[0]
		w.continued = w.continued[1:]
		if err := w.h.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if r.Counts.Listed >= 500 {
			t.Errorf("continued after the end: %+v", r)
		}
	}
	var got []string
	for _, o := range w.sent {
		got = append(got, o.Bucket+"/"+o.Key)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d sent, want each of %d once", len(got), len(want))
	}
	// A continuation may be delivered twice.
	if err := w.h.Handle(t.Context(), first); err != nil || len(w.sent) != 500 {
		t.Errorf("%d sent, %v", len(w.sent), err)
	}
	w.continued = nil
	w.objects = 0
	w.wantScan()
	first.Continuation = 1001
	if err := w.h.Handle(t.Context(), first); err == nil || !strings.Contains(err.Error(), "after 1000 continuations") {
		t.Errorf("error %v", err)
	}
}

// An invocation that Lambda stopped at its timeout keeps its lease until it expires;
// then the schedule resumes its scan.
func TestInterruptedScan(t *testing.T) {
	w := newFixture(t)
	for i := range 60 {
		w.put("theirs", fmt.Sprintf("%03d", i), "x")
	}
	w.objects = 25
	w.h.Continue = func(context.Context, discover.Request) error { return nil } // which is lost
	if err := w.h.Handle(t.Context(), discover.Request{}); err != nil {
		t.Fatal(err)
	}
	sent := len(w.sent)
	if sent == 0 || sent == 60 {
		t.Fatalf("%d sent", sent)
	}
	w.objects = 0
	w.wantScan()
	w.now = w.now.Add(time.Hour)
	if got := w.scan(); len(got) != 60-sent {
		t.Errorf("%d sent, want the other %d", len(got), 60-sent)
	}
	if err := func() error {
		w.h.Continue = func(context.Context, discover.Request) error { return errors.New("broken") }
		w.objects = 25
		return w.h.Handle(t.Context(), discover.Request{})
	}(); err == nil || !strings.Contains(err.Error(), "dispatch the continuation of the scan: broken") {
		t.Errorf("error %v", err)
	}
}

// An object is recorded as seen only after its dispatch, and dispatched again when
// recording it failed.
func TestFailuresAreRepeated(t *testing.T) {
	w := newFixture(t)
	w.put("theirs", "a", "")
	w.put("theirs", "b", "")
	w.fail = func(o s3event.Object) error {
		if o.Key == "b" {
			return errors.New("broken")
		}
		return nil
	}
	err := w.h.Handle(t.Context(), discover.Request{})
	if err == nil || !strings.Contains(err.Error(), `dispatch key "b" to unpack: broken`) {
		t.Errorf("error %v", err)
	}
	w.fail = nil
	w.db.Before = func(operation string, _ []byte) (int, string) {
		if operation == "BatchWriteItem" {
			return http.StatusBadRequest, "AccessDeniedException"
		}
		return 0, ""
	}
	if err := w.h.Handle(t.Context(), discover.Request{}); err == nil || !strings.Contains(err.Error(), "record 2 objects of bucket theirs as seen") {
		t.Errorf("error %v", err)
	}
	w.db.Before = nil
	left := 3
	w.db.Unprocessed = func(n int) int { left--; return min(n, max(left, 0)) }
	w.wantScan("theirs/a", "theirs/b")
	w.wantScan()
}

// The payload may come from the failure queue, inside the record of a failed invocation.
func TestHandlePayload(t *testing.T) {
	for _, payload := range []string{
		`{"bucket":"theirs","counts":{"listed":3},"continuation":2}`,
		`{"requestContext":{"condition":"RetriesExhausted"},"requestPayload":{"bucket":"theirs","counts":{"listed":3},"continuation":2}}`,
	} {
		w := newFixture(t, feed.Source{Kind: feed.ExternalBucket, Bucket: "other"}, feed.Source{Kind: feed.ExternalBucket, Bucket: "theirs"})
		w.put("other", "k", "x")
		for i := range 60 {
			w.put("theirs", fmt.Sprintf("%03d", i), "x")
		}
		w.objects = 25
		if err := w.h.HandlePayload(t.Context(), []byte(payload)); err != nil {
			t.Fatal(err)
		}
		if len(w.continued) != 1 || w.continued[0].Bucket != "theirs" || w.continued[0].Continuation != 3 || w.continued[0].Counts.Listed <= 3 {
			t.Errorf("%s: continued %+v", payload, w.continued)
		}
	}
	if err := newFixture(t).h.HandlePayload(t.Context(), []byte(`[`)); err == nil || !strings.Contains(err.Error(), "payload of discover") {
		t.Errorf("error %v", err)
	}
}
