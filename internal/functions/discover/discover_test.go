package discover_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
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

// world is a feed with someone else's buckets in memory.
type world struct {
	t   *testing.T
	s3  *fake.S3
	db  *fake.DynamoDB
	h   *discover.Handler
	now time.Time

	mu    sync.Mutex
	sent  []s3event.Object
	again []discover.Request
	// fail, when set, may fail the hand-on of an object.
	fail func(s3event.Object) error
	// deleted are pages of a listing of versions with nothing but what was deleted,
	// before all others.
	deleted int
	// objects is how many are dealt with before the time is up; 0 means all.
	objects int
}

func newWorld(t *testing.T, sources ...feed.Source) *world {
	t.Helper()
	w := &world{t: t, s3: &fake.S3{PageSize: 7}, db: fake.NewDynamoDB(t), now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	w.db.PageSize = 5
	if len(sources) == 0 {
		sources = []feed.Source{{Kind: feed.ExternalBucket, Bucket: "theirs", EveryMinutes: 5}}
	}
	w.h = &discover.Handler{
		Spec: feed.Spec{Feed: "orders", Sources: sources}, Table: "table", DynamoDB: w.db.Client(), Log: slog.New(slog.DiscardHandler),
		Bucket: func(context.Context, feed.Source, string) (s3source.ListAPI, error) { return deletions{w.s3, w}, nil },
		HandOn: w.handOn, Again: func(_ context.Context, r discover.Request) error { w.again = append(w.again, r); return nil },
		TimeUp: func(context.Context) func() bool {
			left := w.objects
			return func() bool { left -= 25; return w.objects > 0 && left < 0 }
		},
		Now: func() time.Time { return w.now },
	}
	return w
}

func (w *world) handOn(_ context.Context, payload []byte) error {
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

// put puts an object, a second after the one before, and returns its ETag.
func (w *world) put(bucket, key, body string) string {
	w.now = w.now.Add(time.Second)
	w.s3.Modified = w.now
	return w.s3.Set(bucket, key, []byte(body))
}

// walk walks all sources to their end and returns the keys that were sent, sorted.
func (w *world) walk() []string {
	w.t.Helper()
	w.sent = nil
	if err := w.h.Handle(w.t.Context(), discover.Request{}); err != nil {
		w.t.Fatal(err)
	}
	for len(w.again) > 0 {
		// As it comes to the next invocation.
		payload, err := json.Marshal(w.again[0])
		if err != nil {
			w.t.Fatal(err)
		}
		r, err := discover.Payload(payload)
		if err != nil || !reflect.DeepEqual(r, w.again[0]) {
			w.t.Fatalf("request %+v became %+v, %v", w.again[0], r, err)
		}
		w.again = w.again[1:]
		if err := w.h.Handle(w.t.Context(), r); err != nil {
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

func (w *world) wantWalk(want ...string) {
	w.t.Helper()
	if got := w.walk(); !slices.Equal(got, want) {
		w.t.Errorf("sent %q, want %q", got, want)
	}
}

func TestNewAndChangedObjects(t *testing.T) {
	w := newWorld(t)
	w.wantWalk()
	for _, key := range []string{"b", "a b/é+😀.json", "folder/", "\uffee", "😀", "~"} {
		w.put("theirs", key, key)
	}
	w.wantWalk("theirs/a b/é+😀.json", "theirs/b", "theirs/~", "theirs/\uffee", "theirs/😀")
	w.wantWalk()
	w.put("theirs", "b", "other")
	w.put("theirs", "a", "late, with an earlier key")
	w.wantWalk("theirs/a", "theirs/b")
	w.put("theirs", "b", "other") // the same content, put again
	w.wantWalk("theirs/b")
	if got := w.sent[0]; got.ETag == "" || got.Size != 5 {
		t.Errorf("sent %+v", got)
	}
	w.s3.Delete("theirs", "b")
	w.wantWalk()
	w.put("theirs", "b", "again")
	w.wantWalk("theirs/b")
}

func TestSourcesOfTheirOwn(t *testing.T) {
	w := newWorld(t,
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
	// One that cannot be listed does not keep the others from it.
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
	w.wantWalk("one/more/x")
	if err := w.h.Handle(t.Context(), discover.Request{Bucket: "none"}); err != nil {
		t.Error(err)
	}
}

// A walk of many invocations, and the schedule while it goes on.
func TestLongWalks(t *testing.T) {
	w := newWorld(t)
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
	if len(w.again) != 1 || w.again[0].Hop != 1 || w.again[0].Counts.Listed == 0 || w.again[0].Counts.Listed == 500 {
		t.Fatalf("handed on %+v", w.again)
	}
	before := len(w.sent)
	for range 2 {
		if err := w.h.Handle(t.Context(), discover.Request{}); err != nil || len(w.sent) != before || len(w.again) != 1 {
			t.Fatalf("the schedule began a second walk: %d sent, handed on %+v, %v", len(w.sent)-before, w.again, err)
		}
	}
	first := w.again[0]
	for len(w.again) > 0 {
		r := w.again[0]
		w.again = w.again[1:]
		if err := w.h.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if r.Counts.Listed >= 500 {
			t.Errorf("handed on after all: %+v", r)
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
	// The invocation of a hop may come twice.
	if err := w.h.Handle(t.Context(), first); err != nil || len(w.sent) != 500 {
		t.Errorf("%d sent, %v", len(w.sent), err)
	}
	w.again = nil
	w.objects = 0
	w.wantWalk()
	first.Hop = 1001
	if err := w.h.Handle(t.Context(), first); err == nil || !strings.Contains(err.Error(), "handed on 1000 times") {
		t.Errorf("error %v", err)
	}
}

// An invocation that Lambda ended without a word keeps its lease until it is
// over; then the schedule goes on with its walk.
func TestAWalkThatWasCutOff(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		w.put("theirs", fmt.Sprintf("%03d", i), "x")
	}
	w.objects = 25
	w.h.Again = func(context.Context, discover.Request) error { return nil } // and nobody comes
	if err := w.h.Handle(t.Context(), discover.Request{}); err != nil {
		t.Fatal(err)
	}
	sent := len(w.sent)
	if sent == 0 || sent == 60 {
		t.Fatalf("%d sent", sent)
	}
	w.objects = 0
	w.wantWalk()
	w.now = w.now.Add(time.Hour)
	if got := w.walk(); len(got) != 60-sent {
		t.Errorf("%d sent, want the other %d", len(got), 60-sent)
	}
	if err := func() error {
		w.h.Again = func(context.Context, discover.Request) error { return errors.New("broken") }
		w.objects = 25
		return w.h.Handle(t.Context(), discover.Request{})
	}(); err == nil || !strings.Contains(err.Error(), "hand the walk on: broken") {
		t.Errorf("error %v", err)
	}
}

// What unpack did not get is not remembered, nor is what the table did not take.
func TestFailuresAreMadeUpFor(t *testing.T) {
	w := newWorld(t)
	w.put("theirs", "a", "")
	w.put("theirs", "b", "")
	w.fail = func(o s3event.Object) error {
		if o.Key == "b" {
			return errors.New("broken")
		}
		return nil
	}
	err := w.h.Handle(t.Context(), discover.Request{})
	if err == nil || !strings.Contains(err.Error(), `hand key "b" to unpack: broken`) {
		t.Errorf("error %v", err)
	}
	w.fail = nil
	w.db.Before = func(operation string, _ []byte) (int, string) {
		if operation == "BatchWriteItem" {
			return http.StatusBadRequest, "AccessDeniedException"
		}
		return 0, ""
	}
	if err := w.h.Handle(t.Context(), discover.Request{}); err == nil || !strings.Contains(err.Error(), "remember 2 objects of bucket theirs") {
		t.Errorf("error %v", err)
	}
	w.db.Before = nil
	left := 3
	w.db.Unprocessed = func(n int) int { left--; return min(n, max(left, 0)) }
	w.wantWalk("theirs/a", "theirs/b")
	w.wantWalk()
}

func TestPayload(t *testing.T) {
	want := discover.Request{Bucket: "b", Prefix: "p/", Lease: "l", Hop: 2}
	for _, payload := range []string{
		`{"bucket":"b","prefix":"p/","lease":"l","hop":2}`,
		`{"requestContext":{"condition":"RetriesExhausted"},"requestPayload":{"bucket":"b","prefix":"p/","lease":"l","hop":2}}`,
	} {
		if got, err := discover.Payload([]byte(payload)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", payload, got, err)
		}
	}
	if _, err := discover.Payload([]byte(`[`)); err == nil {
		t.Error("no error")
	}
}
