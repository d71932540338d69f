package load_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/load"
	"example.com/ingestion/internal/functions/unpack"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/partdispatch"
	"example.com/ingestion/internal/testing/fake"
)

// cloud runs the functions unpack and load of a store, by the fake clock, as Lambda does:
// a number of them at a time, each event up to three times, and killed at any request.
type cloud struct {
	t  *testing.T
	s3 *fake.S3
	db *fake.DynamoDB
	// concurrent bounds the invocations of all functions.
	concurrent chan struct{}
	// gather means that small files share parts.
	gather bool
	// kill returns at which request an invocation is killed, 0 for never.
	kill func() int

	partBytes int64
	repeated  int // how often an event is delivered again

	running     sync.WaitGroup
	mu          sync.Mutex
	invocations int
	loads, peak int           // running, and the most
	loading     time.Duration // of all invocations of load together
	killed      int
	failed      []failedEvent
	expected    map[string]int // records by upload
}

// failedEvent is an event that failed three times.
type failedEvent struct {
	err   error
	again func()
}

func newCloud(t *testing.T) *cloud {
	return &cloud{
		t: t, s3: &fake.S3{}, db: fake.NewDynamoDBWithoutNetwork(), concurrent: make(chan struct{}, 64), kill: func() int { return 0 },
		expected: map[string]int{}, partBytes: 8 << 10,
	}
}

// mortal sends the requests of one invocation, until it is killed: later ones have no
// effect and no answer.
type mortal struct {
	dynamodb.HTTPClient
	kill context.CancelFunc
	mu   sync.Mutex
	left int // requests; below 0: no limit
}

func (m *mortal) Do(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	dead := m.left == 0
	if m.left > 0 {
		m.left--
	}
	m.mu.Unlock()
	if dead {
		m.kill()
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return m.HTTPClient.Do(r)
}

// invoke runs a function asynchronously: handle makes it for one invocation.
func (c *cloud) invoke(isLoad bool, handle func(ctx context.Context, client *dynamodb.Client) error) {
	c.mu.Lock()
	c.invocations++
	id := "invocation " + strconv.Itoa(c.invocations)
	c.mu.Unlock()
	c.running.Go(func() {
		var err error
		for attempt := range 3 {
			time.Sleep(time.Duration(attempt) * time.Minute)
			if err = c.attempt(id, isLoad, handle); err == nil {
				return
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failed = append(c.failed, failedEvent{err, func() { c.invoke(isLoad, handle) }})
	})
}

func (c *cloud) attempt(id string, isLoad bool, handle func(context.Context, *dynamodb.Client) error) error {
	c.concurrent <- struct{}{}
	defer func() { <-c.concurrent }()
	if isLoad {
		c.mu.Lock()
		c.loads++
		c.peak = max(c.peak, c.loads)
		c.mu.Unlock()
		defer func(start time.Time) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.loads--
			c.loading += time.Since(start)
		}(time.Now())
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 15*time.Minute)
	defer cancel()
	o := c.db.Client().Options()
	m := &mortal{HTTPClient: o.HTTPClient, left: -1}
	if at := c.kill(); at > 0 {
		m.left = at
	}
	m.kill = func() {
		c.mu.Lock()
		c.killed++
		c.mu.Unlock()
		cancel()
	}
	o.HTTPClient = m
	err := handle(lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: id}), dynamodb.New(o))
	if err == nil && ctx.Err() != nil {
		err = errors.New("killed")
	}
	return err
}

func (c *cloud) wake(_ context.Context, w ids.Load) error {
	payload := fmt.Appendf(nil, `{"feed":%q}`, w.Feed)
	c.invoke(true, func(ctx context.Context, client *dynamodb.Client) error {
		table, err := batchwrite.NewClient(ctx, client)
		if err != nil {
			return err
		}
		h := &load.Handler{
			Bucket: bucket, Table: "table", Loaders: feed.DefaultLoaders, S3: c.s3, DynamoDB: table, Ledger: ledger.New(client, "table").WaitOutThrottling(),
			Continue: c.wake, NearDeadline: handler.NearDeadline, Metrics: noMetrics, Log: slog.New(slog.DiscardHandler),
		}
		return h.Handle(ctx, payload)
	})
	return nil
}

// put puts a file of so many records, in parts of 8 KiB.
func (c *cloud) put(feedName, key string, records int) {
	body := file(key, records)
	etag := c.s3.Set("src", key, body)
	c.mu.Lock()
	c.expected[ids.New(ids.Upload{Feed: feedName, Bucket: "src", Key: key, ETag: etag}).ID] = records
	c.mu.Unlock()
	event := s3event.Object{Bucket: "src", Key: key, ETag: etag, Size: int64(len(body))}
	for range 1 + c.repeated {
		c.unpack(feedName, s3event.Notification(event))
	}
}

// file is the content of a file.
func file(key string, records int) []byte {
	var body bytes.Buffer
	for i := range records {
		fmt.Fprintf(&body, "{\"file\":%q,\"n\":%d,\"text\":\"%060d\"}\n", key, i, i)
	}
	return body.Bytes()
}

func (c *cloud) unpack(feedName string, payload []byte) {
	spec := feed.Spec{Feed: feedName, Sources: []feed.Source{{Kind: feed.OwnBucket}}, Format: feed.Format{Kind: feed.NDJSON}, PartBytes: c.partBytes}.WithDefaults()
	c.invoke(false, func(ctx context.Context, client *dynamodb.Client) error {
		book := ledger.New(client, "table").WaitOutThrottling()
		parts := partdispatch.Dispatcher{Ledger: book, Feed: ledger.FeedWithWork{Feed: feedName}, Wake: c.wake}
		self := func(_ context.Context, v any) error {
			payload, err := json.Marshal(v)
			c.unpack(feedName, payload)
			return err
		}
		h := &unpack.Handler{
			Spec: spec, Bucket: bucket, S3: c.s3, Replays: c.s3, Ledger: book, Log: slog.New(slog.DiscardHandler),
			Dispatch: parts.Dispatch, NearDeadline: handler.NearDeadline,
			Continue: func(ctx context.Context, r ids.Resume) error { return self(ctx, r) },
		}
		if c.gather {
			h.Self = self
		}
		return h.Handle(ctx, payload)
	})
}

// replay runs the events again that failed three times, without kills.
func (c *cloud) replay() {
	c.running.Wait()
	c.kill = func() int { return 0 }
	for len(c.failed) > 0 {
		events := c.failed
		c.failed = nil
		time.Sleep(2 * time.Minute) // leases expire
		for _, e := range events {
			e.again()
		}
		c.running.Wait()
	}
}

// noneFailed reports events that failed three times.
func (c *cloud) noneFailed() {
	c.t.Helper()
	for _, e := range c.failed {
		c.t.Error(e.err)
	}
}

// complete waits until nothing runs. Parts that are left, because every try of an event
// was killed, are loaded as by `ingest replay`. Then everything is stored, once.
func (c *cloud) complete(feeds ...string) {
	c.t.Helper()
	c.running.Wait()
	ctx := c.t.Context()
	book := ledger.New(c.db.Client(), "table").WaitOutThrottling()
	for round := 0; round < 50; round++ {
		left := 0
		for _, name := range feeds {
			waiting, setAside, err := book.ListWork(ctx, name, 10_000)
			if err != nil {
				c.t.Fatal(err)
			}
			left += len(waiting) + len(setAside)
			for _, w := range setAside {
				if _, err := book.PutWork(ctx, w.PartRef); err != nil {
					c.t.Fatal(err)
				}
				if err := book.ForgetSetAside(ctx, w); err != nil {
					c.t.Fatal(err)
				}
			}
			if err := book.EnterFeed(ctx, ledger.FeedWithWork{Feed: name}); err != nil {
				c.t.Fatal(err)
			}
		}
		if left == 0 && round > 0 {
			break
		}
		time.Sleep(2 * time.Minute) // leases expire
		if err := c.wake(ctx, ids.Load{}); err != nil {
			c.t.Fatal(err)
		}
		c.running.Wait()
	}
	stored := map[string]int{}
	for _, it := range records(c.db) {
		stored[strings.Split(it.Str("pk"), "#")[1]]++
	}
	for id, n := range c.expected {
		var u ledger.Upload
		for _, name := range feeds {
			if found, ok, err := book.GetUpload(ctx, name, id); err != nil {
				c.t.Fatal(err)
			} else if ok {
				u = found
			}
		}
		if u.State != ledger.Loaded || !u.Balanced() || u.Stored != int64(n) || stored[id] != n || u.PartsLoaded != u.Parts {
			c.t.Errorf("%s of %d records: %d items, ledger %+v", u.Key, n, stored[id], u)
		}
	}
	if held, err := book.Loaders(ctx); err != nil || len(held) > 0 {
		c.t.Errorf("slots are held: %v, %v", held, err)
	}
}

// One object of a thousand parts on a table of small throughput.
func TestThousandParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		c.db.Throughput = &fake.Throughput{Table: 1000, Partition: 250}
		c.put("orders", "large", 80_000)
		c.complete("orders")
		c.noneFailed()
		t.Logf("%d units, %d writes throttled; %d invocations", c.db.Throughput.Written, c.db.Throughput.Throttled, c.invocations)
	})
}

// Twenty feeds at once share the table's throughput, and finish in proportion.
func TestTwentyFeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		c.db.Throughput = &fake.Throughput{Table: 500, Partition: 250}
		var feeds []string
		for i := range 20 {
			name := fmt.Sprintf("feed-%02d", i)
			feeds = append(feeds, name)
			for j := range 2 + i%3*4 {
				c.put(name, fmt.Sprint(name, "/", j), 300)
			}
		}
		c.complete(feeds...)
		c.noneFailed()
		// The smallest feeds, of two files each, are complete well before the largest, of ten.
		var small, large time.Time
		book := ledger.New(c.db.Client(), "table")
		for i, name := range feeds {
			last := map[int]*time.Time{0: &small, 2: &large}[i%3]
			err := book.Uploads(t.Context(), name, func(u ledger.Upload) bool {
				if last != nil && u.LoadedAt.After(*last) {
					*last = u.LoadedAt
				}
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of the fake clock
		if small.Sub(start) > large.Sub(start)*2/3 {
			t.Errorf("feeds of two files were complete after %s, feeds of ten after %s", small.Sub(start), large.Sub(start))
		}
	})
}

// Very many tiny files.
func TestTinyFiles(t *testing.T) {
	files := 1_000 // the fake sorts the parts that wait for each query
	if testing.Short() {
		files = 500
	}
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		c.db.Throughput = &fake.Throughput{Table: 4000, Partition: 1000}
		for i := range files {
			c.put("orders", strconv.Itoa(i), 2)
		}
		c.complete("orders")
		c.noneFailed()
	})
}

// Functions that are killed at random requests, many at once: everything is stored once,
// the counts are right, and nothing is stuck.
func TestKilledAtRandom(t *testing.T) {
	kills := 0
	for seed := uint64(1); kills < 500; seed++ {
		synctest.Test(t, func(t *testing.T) {
			c := newCloud(t)
			r := newFaults(seed)
			c.kill = func() int {
				if r.up(3) > 0 {
					return 0
				}
				return 1 + r.up(40)
			}
			var feeds []string
			for i := range 3 {
				name := "feed-" + strconv.Itoa(i)
				feeds = append(feeds, name)
				for j := range 6 {
					c.put(name, fmt.Sprint(name, "/", j), 10+rand.New(rand.NewPCG(seed, uint64(j))).IntN(400))
				}
			}
			c.replay()
			c.complete(feeds...)
			kills += c.killed
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
		if t.Failed() {
			return
		}
	}
}
