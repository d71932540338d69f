package load_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/klauspost/compress/gzip"

	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/load"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/partdispatch"
	"example.com/ingestion/internal/testing/fake"
)

// store is a table with the parts of a feed and the loaders that load them. A
// loader that is invoked runs at once.
type store struct {
	t       *testing.T
	s3      *fake.S3
	db      *fake.DynamoDB
	ledger  *ledger.Ledger
	table   *batchwrite.Client
	loaders int
	// timeout of an invocation.
	timeout time.Duration
	lease   time.Duration

	running     sync.WaitGroup
	invocations atomic.Int64
	mu          sync.Mutex
	errors      []error
}

func newStore(t *testing.T, loaders int) *store {
	s := &store{t: t, s3: &fake.S3{}, db: fake.NewDynamoDBWithoutNetwork(), loaders: loaders, timeout: time.Minute, lease: 400 * time.Millisecond}
	s.ledger = ledger.New(s.db.Client(), "table").WaitOutThrottling()
	var err error
	if s.table, err = batchwrite.NewClient(t.Context(), s.db.Client()); err != nil {
		t.Fatal(err)
	}
	return s
}

// wake invokes a loader, unless the store has none.
func (s *store) wake(ctx context.Context, w ids.Load) error {
	if s.loaders == 0 {
		return nil
	}
	return s.invoke(ctx, w)
}

// invoke invokes a loader asynchronously, and again as Lambda does if it fails.
func (s *store) invoke(_ context.Context, wake ids.Load) error {
	n := s.invocations.Add(1)
	s.running.Go(func() {
		var err error
		for range 3 {
			ctx, cancel := context.WithTimeout(s.t.Context(), s.timeout)
			ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: fmt.Sprint("invocation ", n)})
			err = s.handler().Handle(ctx, fmt.Appendf(nil, `{"feed":%q}`, wake.Feed))
			cancel()
			if err == nil {
				return
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.errors = append(s.errors, err)
	})
	return nil
}

func (s *store) handler() *load.Handler {
	return &load.Handler{
		Metrics: noMetrics, Bucket: bucket, Table: "table", Loaders: s.loaders, S3: s.s3, DynamoDB: s.table, Ledger: s.ledger,
		Continue: s.invoke, NearDeadline: handler.NearDeadline, Lease: s.lease, Log: slog.New(slog.DiscardHandler),
	}
}

// put lands an upload of feed orders with parts of so many records each, and
// dispatches them.
func (s *store) put(name string, parts, records int) ids.Upload {
	s.t.Helper()
	return s.putIn("orders", name, parts, records)
}

func (s *store) putIn(feedName, name string, parts, records int) ids.Upload {
	s.t.Helper()
	u := ids.New(ids.Upload{Feed: feedName, Bucket: "src", Key: name, ETag: "e", Size: 9 << 20, Time: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)})
	ctx := s.t.Context()
	begun, err := s.ledger.Begin(ctx, ledger.Upload{Upload: u, Shards: 5, PartBytes: 1 << 20})
	if err != nil {
		s.t.Fatal(err)
	}
	for part := range parts {
		var buf bytes.Buffer
		gz := gzip.NewWriter(&buf)
		for i := part * records; i < (part+1)*records; i++ {
			fmt.Fprintf(gz, `{"id":"%s","feed":%q,"source":"s3://src/%s","version":"e","entry":"","ordinal":%d,"data":{"n":%d}}`+"\n", ids.RecordID(u.ID, 0, int64(i)), feedName, name, i, i)
		}
		if err := gz.Close(); err != nil {
			s.t.Fatal(err)
		}
		key := u.PartKey("landing/", 0, part)
		s.s3.Set(bucket, key, buf.Bytes())
		p := ledger.Part{Feed: u.Feed, Upload: u.ID, Name: ids.PartName(0, part), Key: key, Records: int64(records), Shards: 5, Time: u.Time}
		if _, err := s.ledger.PutPart(ctx, p); err != nil {
			s.t.Fatal(err)
		}
		dispatcher := partdispatch.Dispatcher{Ledger: s.ledger, Feed: ledger.FeedWithWork{Feed: feedName}, Wake: s.wake}
		if err := dispatcher.Dispatch(ctx, ids.PartRef{Feed: u.Feed, Upload: u.ID, Part: p.Name, Time: u.Time}); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.ledger.Unpacked(ctx, begun, ledger.Counts{Entries: 1, Records: int64(parts * records), Parts: int64(parts)}, nil, ""); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.ledger.Settle(ctx, u.Feed, u.ID); err != nil {
		s.t.Fatal(err)
	}
	return u
}

// complete checks that an upload is loaded, each record once, and that nothing waits.
func (s *store) complete(uploads ...ids.Upload) {
	s.t.Helper()
	s.running.Wait()
	for _, err := range s.errors {
		s.t.Error(err)
	}
	total := int64(0)
	for _, u := range uploads {
		got, _, err := s.ledger.GetUpload(s.t.Context(), u.Feed, u.ID)
		if err != nil || got.State != ledger.Loaded || !got.Balanced() || got.PartsLoaded != got.Parts {
			s.t.Errorf("upload %s: %+v, %v", u.Key, got, err)
		}
		total += got.Records
		if waiting, setAside, err := s.ledger.ListWork(s.t.Context(), u.Feed, 10); err != nil || len(waiting) > 0 || len(setAside) > 0 {
			s.t.Errorf("work of %s: %+v %+v, %v", u.Feed, waiting, setAside, err)
		}
	}
	if n := len(records(s.db)); int64(n) != total {
		s.t.Errorf("%d records in the table, %d in the ledger", n, total)
	}
	if held, err := s.ledger.Loaders(s.t.Context()); err != nil || len(held) > 0 {
		s.t.Errorf("slots held: %v, %v", held, err)
	}
	if feeds, err := s.ledger.FeedsWithWork(s.t.Context()); err != nil || len(feeds) > 0 {
		s.t.Errorf("feeds with work: %v, %v", feeds, err)
	}
}

// Feeds take turns: the parts of a small feed do not wait for those of a large one.
func TestFeedsTakeTurns(t *testing.T) {
	s := newStore(t, 1)
	s.loaders = 0
	uploads := []ids.Upload{s.putIn("large", "l", 30, 5), s.putIn("small", "s", 3, 5), s.putIn("tiny", "t", 1, 5)}
	s.loaders = 1
	var order []string
	s.s3.BreakGet = func(key string, _ int64, body []byte) []byte {
		order = append(order, strings.Split(key, "/")[1])
		return body
	}
	if err := s.invoke(t.Context(), ids.Load{Feed: "large"}); err != nil {
		t.Fatal(err)
	}
	s.complete(uploads...)
	if got, want := strings.Join(order[:7], " "), "large small tiny large small large small"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// However many parts wait, no more loaders than there are slots write at a time, and
// when all is loaded nothing runs.
func TestLoadersAreBounded(t *testing.T) {
	s := newStore(t, 3)
	var writing, most atomic.Int64
	s.s3.BreakGet = func(_ string, _ int64, body []byte) []byte { // a loader reads one part at a time
		n := writing.Add(1)
		defer writing.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(2 * time.Millisecond)
		return body
	}
	var uploads []ids.Upload
	for i := range 10 {
		uploads = append(uploads, s.put(fmt.Sprint("k", i), 6, 30))
	}
	s.complete(uploads...)
	if most.Load() != 3 {
		t.Errorf("%d loaders at a time", most.Load())
	}
}

// faults is a random number generator for concurrent use.
type faults struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newFaults(seed uint64) *faults { return &faults{r: rand.New(rand.NewPCG(seed, 3))} }

func (f *faults) up(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.r.IntN(n)
}

// A table that throttles most requests, of any kind, delays the loading and fails
// nothing.
func TestThrottled(t *testing.T) {
	for _, percent := range []int{30, 60, 90} {
		t.Run(strconv.Itoa(percent), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore(t, 4)
				s.timeout, s.lease = 15*time.Minute, time.Minute
				rnd := newFaults(uint64(percent))
				s.db.Before = func(string, []byte) (int, string) {
					if rnd.up(100) < percent {
						return http.StatusBadRequest, "ThrottlingException"
					}
					return 0, ""
				}
				u := s.put("k", 2, 25)
				s.running.Wait()
				s.db.Before = nil
				s.complete(u)
			})
		})
	}
}

// A table that takes few writes a second, and invocations that are short: each stores
// how far it has come when its time ends while it is throttled, so nothing is written
// much more often than once.
func TestSmallCapacity(t *testing.T) { synctest.Test(t, testSmallCapacity) }

func testSmallCapacity(t *testing.T) {
	s := newStore(t, 4)
	s.timeout, s.lease = time.Minute, time.Minute
	var bucketMu sync.Mutex
	tokens, at := 0.0, time.Now()
	const perSecond = 150
	s.db.Before = func(operation string, _ []byte) (int, string) {
		if operation != "PutItem" && operation != "UpdateItem" && operation != "TransactWriteItems" {
			return 0, ""
		}
		bucketMu.Lock()
		defer bucketMu.Unlock()
		now := time.Now()
		tokens = min(tokens+now.Sub(at).Seconds()*perSecond, perSecond)
		at = now
		if tokens < 1 {
			return http.StatusBadRequest, "ThrottlingException"
		}
		tokens--
		return 0, ""
	}
	var written atomic.Int64
	s.db.Unprocessed = func(n int) int {
		bucketMu.Lock()
		defer bucketMu.Unlock()
		now := time.Now()
		tokens = min(tokens+now.Sub(at).Seconds()*perSecond, perSecond)
		at = now
		take := min(n, int(tokens))
		tokens -= float64(take)
		written.Add(int64(take))
		return n - take
	}
	u := s.put("k", 4, 6000)
	s.running.Wait()
	s.db.Before, s.db.Unprocessed = nil, nil
	s.complete(u)
	if n := s.invocations.Load(); n < 4 {
		t.Errorf("only %d invocations: the capacity is not small", n)
	}
	if n := written.Load(); n > 24000*11/10 {
		t.Errorf("%d writes for 24000 records", n)
	}
}

// A loader that is killed at any request is retried with the same request ID, takes its
// slot and its part back, and everything is loaded once.
func TestKilledAtEveryRequest(t *testing.T) {
	for kill := int64(1); ; kill++ {
		s := newStore(t, 2)
		s.loaders = 0 // none is invoked while the parts are put
		uploads := []ids.Upload{s.put("a", 2, 30), s.putIn("returns", "b", 1, 30)}
		s.loaders = 2
		var requests atomic.Int64
		var killed atomic.Bool
		s.db.Before = func(string, []byte) (int, string) {
			if requests.Add(1) >= kill && !killed.Load() {
				return http.StatusBadRequest, "AccessDeniedException"
			}
			return 0, ""
		}
		run := func() error {
			ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "one"})
			h := s.handler()
			h.Retries = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}
			return h.Handle(ctx, []byte(`{"feed":"orders"}`))
		}
		first := run()
		killed.Store(true)
		if err := run(); err != nil {
			t.Fatalf("killed at request %d: the retry failed: %v", kill, err)
		}
		s.db.Before = nil
		s.complete(uploads...)
		if first == nil {
			if kill < 30 {
				t.Errorf("a loader makes %d requests", kill)
			}
			return
		}
		if t.Failed() {
			t.Fatalf("killed at request %d", kill)
		}
	}
}

// A part that is dispatched while a loader ends is loaded, by that one or by another.
func TestDispatchWhileLoaderEnds(t *testing.T) {
	for at := int64(1); at < 40; at++ {
		s := newStore(t, 1)
		s.loaders = 0
		uploads := []ids.Upload{s.put("a", 1, 5)}
		s.loaders = 1
		var requests atomic.Int64
		var entering atomic.Bool
		s.db.Before = func(string, []byte) (int, string) {
			if !entering.Load() && requests.Add(1) == at {
				entering.Store(true)
				uploads = append(uploads, s.put("b", 1, 5))
			}
			return 0, ""
		}
		if err := s.invoke(t.Context(), ids.Load{Feed: "orders"}); err != nil {
			t.Fatal(err)
		}
		s.running.Wait()
		s.db.Before = nil
		if len(uploads) == 1 {
			return
		}
		if s.complete(uploads...); t.Failed() {
			t.Fatalf("dispatched before request %d", at)
		}
	}
}
