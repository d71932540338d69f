package scale

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
)

const (
	sourceBucket  = "source"
	landingBucket = "landing"
	loadName      = "load"
	unpackName    = "unpack-"
)

// TestMain compiles the functions.
func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var binaries string // directory of the functions

func run(m *testing.M) (code int, err error) {
	if binaries, err = os.MkdirTemp("", "functions"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(binaries)) }()
	for _, name := range []string{"unpack", "load"} {
		cmd := exec.CommandContext(context.Background(), "go", "build", "-tags", "lambda.norpc", "-o", filepath.Join(binaries, name), "../../lambdas/"+name)
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("go build ./lambdas/%s: %w: %s", name, err, out)
		}
	}
	return m.Run(), nil
}

// cloud is S3, DynamoDB and Lambda with the functions of a store.
type cloud struct {
	t     *testing.T
	url   string
	s3    fake.S3
	table *fake.DynamoDB
	// slots are the account's concurrent executions.
	slots chan struct{}
	// kill returns at which request of an invocation's attempt, from 0, its process is
	// killed; 0 means never.
	kill func(function string, attempt int) int64
	// partBytes is the size of a part.
	partBytes int64

	running sync.WaitGroup

	mu          sync.Mutex
	processes   map[string]*process   // by access key ID
	idle        map[string][]*process // by function
	invocations map[string]int        // by function
	kills       int
	replayed    int // parts that were set aside
	failed      []error
	expected    map[string]expectation // by upload
}

type expectation struct {
	feed, key string
	records   int64
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{
		t: t, table: fake.NewTable(), slots: make(chan struct{}, 64), partBytes: 8 << 10,
		kill:      func(string, int) int64 { return 0 },
		processes: map[string]*process{}, idle: map[string][]*process{}, invocations: map[string]int{}, expected: map[string]expectation{},
	}
	server := httptest.NewServer(c)
	c.url = server.URL
	t.Cleanup(func() {
		for _, p := range c.processes {
			p.stop()
		}
		server.Close()
	})
	return c
}

// ServeHTTP serves a request of a function to AWS. Each process has credentials of its own.
func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(credential, "/")
	c.mu.Lock()
	p := c.processes[id]
	c.mu.Unlock()
	if p == nil {
		http.Error(w, "unknown credentials "+id, http.StatusForbidden)
		return
	}
	p.request(w, r, http.HandlerFunc(c.serve))
}

func (c *cloud) serve(w http.ResponseWriter, r *http.Request) {
	name, isInvoke := strings.CutPrefix(r.URL.Path, "/2015-03-31/functions/")
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		c.table.ServeHTTP(w, r)
	case isInvoke:
		payload, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		name, _, _ = strings.Cut(name, "/")
		c.invoke(name, payload)
		w.WriteHeader(http.StatusAccepted)
	default:
		c.s3.ServeHTTP(w, r)
	}
}

// invoke runs a function asynchronously, up to three times, as Lambda does.
func (c *cloud) invoke(name string, payload []byte) {
	c.mu.Lock()
	c.invocations[name]++
	id := fmt.Sprint(name, "-", c.invocations[name])
	c.mu.Unlock()
	c.running.Go(func() {
		var err error
		for attempt := range 3 {
			if err = c.attempt(name, attempt, invocation{id, payload, time.Now().Add(15 * time.Minute)}); err == nil {
				return
			}
			time.Sleep(50 * time.Millisecond) // Lambda waits for a minute
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failed = append(c.failed, fmt.Errorf("%s: %w", id, err))
	})
}

func (c *cloud) attempt(name string, attempt int, in invocation) error {
	c.slots <- struct{}{}
	defer func() { <-c.slots }()
	p, err := c.process(name)
	if err != nil {
		return err
	}
	p.requests.Store(0)
	p.killAt.Store(c.kill(name, attempt))
	err = p.invoke(in)
	if errors.Is(err, errKilled) {
		c.mu.Lock()
		c.kills++
		c.mu.Unlock()
	}
	if err != nil {
		p.stop()
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle[name] = append(c.idle[name], p)
	return nil
}

// process returns an idle process of a function, or a new one.
func (c *cloud) process(name string) (*process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if idle := c.idle[name]; len(idle) > 0 {
		c.idle[name] = idle[:len(idle)-1]
		return idle[len(idle)-1], nil
	}
	id := "key" + strconv.Itoa(len(c.processes))
	env := append(os.Environ(),
		"AWS_ENDPOINT_URL="+c.url, "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token",
		"AWS_LAMBDA_FUNCTION_NAME="+name, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		feed.EnvLandingBucket+"="+landingBucket, feed.EnvTable+"=table",
	)
	binary := loadName
	if feedName, ok := strings.CutPrefix(name, unpackName); ok {
		binary = "unpack"
		encoded, err := spec(feedName, c.partBytes).Env()
		if err != nil {
			return nil, err
		}
		env = append(env, feed.EnvSpec+"="+encoded, feed.EnvLoadFunction+"="+loadName)
	} else {
		env = append(env, feed.EnvLoaders+"="+strconv.Itoa(feed.DefaultLoaders))
	}
	p, err := startProcess(c.t, filepath.Join(binaries, binary), env)
	if err == nil {
		c.processes[id] = p
	}
	return p, err
}

func spec(feedName string, partBytes int64) feed.Spec {
	return feed.Spec{
		Feed: feedName, Sources: []feed.Source{{Kind: feed.OwnBucket}}, Format: feed.Format{Kind: feed.NDJSON}, PartBytes: partBytes,
	}.WithDefaults()
}

// put puts a file of so many records of about 100 bytes, of which S3 notifies unpack.
func (c *cloud) put(feedName, key string, records int) []byte {
	c.t.Helper()
	var body bytes.Buffer
	for i := range records {
		fmt.Fprintf(&body, "{\"file\":%q,\"n\":%d,\"text\":\"%060d\"}\n", key, i, i)
	}
	etag := c.s3.Set(sourceBucket, key, body.Bytes())
	u := ids.New(ids.Upload{Feed: feedName, Bucket: sourceBucket, Key: key, ETag: etag})
	c.mu.Lock()
	c.expected[u.ID] = expectation{feedName, key, int64(records)}
	c.mu.Unlock()
	event := s3event.Notification(s3event.Object{Bucket: sourceBucket, Key: key, ETag: etag, Size: int64(body.Len())})
	c.invoke(unpackName+feedName, event)
	return event
}

// replay loads parts that were set aside because their loaders were killed, as
// `ingest replay` does.
func (c *cloud) replay(book *ledger.Ledger) {
	c.t.Helper()
	c.kill = func(string, int) int64 { return 0 }
	for _, want := range c.expected {
		_, setAside, err := book.ListWork(c.t.Context(), want.feed, 1000)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, w := range setAside {
			if _, err := book.PutWork(c.t.Context(), w.PartRef); err != nil {
				c.t.Fatal(err)
			}
			if err := book.ForgetSetAside(c.t.Context(), w); err != nil {
				c.t.Fatal(err)
			}
			if err := book.EnterFeed(c.t.Context(), ledger.FeedWithWork{Feed: want.feed}); err != nil {
				c.t.Fatal(err)
			}
			c.replayed++
		}
	}
	if c.replayed > 0 {
		c.invoke(loadName, []byte("{}"))
		c.running.Wait()
	}
}

// complete waits until no function runs. Then everything is stored, each record once, the
// ledger agrees with the table, and nothing waits or is held.
func (c *cloud) complete() {
	c.t.Helper()
	c.running.Wait()
	for _, err := range c.failed {
		c.t.Error(err)
	}
	server := httptest.NewServer(c.table)
	defer server.Close()
	book := ledger.New(fake.NewClient(server.URL), "table")
	c.replay(book)
	stored := map[string]int64{}
	for _, it := range c.table.Items() {
		if it["data"] != nil {
			stored[strings.Split(it.Str("pk"), "#")[1]]++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.expected)) {
		want := c.expected[id]
		u, ok, err := book.GetUpload(c.t.Context(), want.feed, id)
		if err != nil || !ok || u.State != ledger.Loaded || !u.Balanced() || u.Stored != want.records || stored[id] != want.records || u.PartsLoaded != u.Parts {
			c.t.Errorf("%s of %d records: %d items, ledger %+v, %v", want.key, want.records, stored[id], u, err)
		}
		waiting, setAside, err := book.ListWork(c.t.Context(), want.feed, 10)
		if err != nil || len(waiting)+len(setAside) > 0 {
			c.t.Errorf("feed %s: parts wait: %+v, or are set aside: %+v, %v", want.feed, waiting, setAside, err)
		}
	}
	if held, err := book.Loaders(c.t.Context()); err != nil || len(held) > 0 {
		c.t.Errorf("loaders have slots: %v, %v", held, err)
	}
	if len(stored) != len(c.expected) {
		c.t.Errorf("the table has records of %d uploads, want %d", len(stored), len(c.expected))
	}
}
