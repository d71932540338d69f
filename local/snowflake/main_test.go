package snowflake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snowflakedb/gosnowflake/v2"

	"example.com/ingestion/local/snowflake/awsaccess"
)

func TestMain(m *testing.M) {
	// Else the driver looks for a cloud's metadata service first.
	if err := os.Setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true"); err != nil {
		panic(err)
	}
	if err := gosnowflake.GetLogger().SetLogLevel("off"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// bucket stands for S3, SNS and IAM: what is put into it is announced.
type bucket struct {
	mu       sync.Mutex
	objects  map[string][]byte
	times    map[string]time.Time
	refused  error // what opening it answers with
	topics   []string
	announce onEvents
}

func (b *bucket) Check(_ context.Context, i awsaccess.Integration, url string) error {
	if err := i.Allows(url); err != nil {
		return err
	}
	return b.refused
}

func (b *bucket) Open(context.Context, awsaccess.Integration) (bucketReader, error) {
	return b, b.refused
}

func (b *bucket) Subscribe(_ context.Context, topic string) (string, error) {
	b.topics = append(b.topics, topic)
	return "arn:aws:sqs:us-east-1:999999999999:sf-queue", nil
}

func (b *bucket) Pending(context.Context) (int, error) { return 0, nil }
func (b *bucket) Close(context.Context) error          { return nil }

func (b *bucket) object(key string) awsaccess.Object {
	sum := sha256.Sum256(b.objects[key])
	return awsaccess.Object{Bucket: "landing", Key: key, Size: int64(len(b.objects[key])), ETag: hex.EncodeToString(sum[:4]), Modified: b.times[key]}
}

func (b *bucket) List(_ context.Context, url string) iter.Seq2[awsaccess.Object, error] {
	prefix := strings.TrimPrefix(url, "s3://landing/")
	return func(yield func(awsaccess.Object, error) bool) {
		b.mu.Lock()
		var found []awsaccess.Object
		for _, key := range slices.Sorted(maps.Keys(b.objects)) {
			if strings.HasPrefix(key, prefix) {
				found = append(found, b.object(key))
			}
		}
		b.mu.Unlock()
		for _, o := range found {
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (b *bucket) Fetch(_ context.Context, _, key string) (awsaccess.Object, io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, there := b.objects[key]; !there {
		return awsaccess.Object{}, nil, fmt.Errorf("no object %s", key)
	}
	return b.object(key), io.NopCloser(bytes.NewReader(b.objects[key])), nil
}

// store puts an object without telling anybody.
func (b *bucket) store(key, content string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[key], b.times[key] = []byte(content), time.Now()
}

// put stores an object and announces it to every topic.
func (b *bucket) put(t *testing.T, key, content string) {
	t.Helper()
	b.store(key, content)
	o := b.object(key)
	b.tell(t, awsaccess.Event{Bucket: "landing", Key: key, ETag: o.ETag, Size: o.Size, Time: time.Now()})
}

func (b *bucket) remove(t *testing.T, key string) {
	t.Helper()
	b.mu.Lock()
	delete(b.objects, key)
	b.mu.Unlock()
	b.tell(t, awsaccess.Event{Bucket: "landing", Key: key, Removed: true, Time: time.Now()})
}

func (b *bucket) tell(t *testing.T, event awsaccess.Event) {
	t.Helper()
	for _, topic := range slices.Compact(slices.Sorted(slices.Values(b.topics))) {
		if err := b.announce(t.Context(), topic, []awsaccess.Event{event}); err != nil {
			t.Fatal(err)
		}
	}
}

// world is a server with database RAW, where role INGESTION may do what a
// feed's objects need, and a user of that role.
type world struct {
	*Server
	bucket *bucket
	db     *sql.DB
}

var privileges = []string{
	`GRANT CREATE INTEGRATION, EXECUTE TASK, EXECUTE MANAGED TASK ON ACCOUNT TO ROLE INGESTION`,
	`GRANT USAGE ON DATABASE RAW TO ROLE INGESTION`,
	`GRANT USAGE, CREATE STAGE, CREATE FILE FORMAT, CREATE TABLE, CREATE EXTERNAL TABLE, CREATE PIPE, CREATE TASK, CREATE STREAM, CREATE VIEW ON SCHEMA RAW.PUBLIC TO ROLE INGESTION`,
}

func start(t *testing.T) *world {
	t.Helper()
	b := &bucket{objects: map[string][]byte{}, times: map[string]time.Time{}}
	before := newStorage
	newStorage = func(_ Options, announced onEvents) storage {
		b.announce = announced
		return b
	}
	server, err := Start(t.Context(), Options{Log: testLog{t}, Poll: 10 * time.Millisecond})
	newStorage = before
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Server: server, bucket: b}
	server.AddUser("LOADER", nil, "secret", "INGESTION")
	if err := server.CreateDatabase("RAW"); err != nil {
		t.Fatal(err)
	}
	if err := server.Exec(t.Context(), privileges...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // behind the driver's own, which needs the server
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	w.db = w.connect(t, gosnowflake.Config{User: "LOADER", Password: "secret"})
	return w
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// connect opens the real driver on the server.
func (w *world) connect(t *testing.T, config gosnowflake.Config) *sql.DB {
	t.Helper()
	u, err := url.Parse(w.URL())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	config.Account, config.Protocol, config.Host, config.Port = "org-local", "http", u.Hostname(), port
	config.DisableOCSPChecks = true
	if config.PrivateKey == nil && config.Password == "" {
		t.Fatal("the test logs in with nothing")
	}
	db := sql.OpenDB(gosnowflake.NewConnector(gosnowflake.SnowflakeDriver{}, config))
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (w *world) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := w.db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s\n%v", s, err)
		}
	}
}

// rows are a query's rows as text, cells separated by a bar.
func (w *world) rows(t *testing.T, query string, args ...any) []string {
	t.Helper()
	rows, err := w.db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s\n%v", query, err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(columns))
		for i, c := range cells {
			texts[i] = c.String
			if !c.Valid {
				texts[i] = "NULL"
			}
		}
		out = append(out, strings.Join(texts, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) want(t *testing.T, query string, want ...string) {
	t.Helper()
	if got := w.rows(t, query); !slices.Equal(got, want) {
		t.Errorf("%s\n got %q\nwant %q", query, got, want)
	}
}

// wantError expects an error of a number, with text in it.
func (w *world) wantError(t *testing.T, query string, number int, text string) {
	t.Helper()
	rows, err := w.db.QueryContext(t.Context(), query)
	if err == nil {
		_ = rows.Close()
		t.Errorf("%s\nwas accepted, want error %d", query, number)
		return
	}
	checkError(t, query, err, number, text)
}

func checkError(t *testing.T, what string, err error, number int, text string) {
	t.Helper()
	e, ok := err.(*gosnowflake.SnowflakeError) //nolint:errorlint // the driver wraps none
	if !ok {
		t.Fatalf("%s\n%v is no error of Snowflake's", what, err)
	}
	if e.Number != number || !strings.Contains(e.Message, text) {
		t.Errorf("%s\n got %d (%s): %s\nwant %d with %q", what, e.Number, e.SQLState, e.Message, number, text)
	}
}
