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
	// Otherwise the driver requests the metadata services of clouds first.
	if err := os.Setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true"); err != nil {
		panic(err)
	}
	if err := gosnowflake.GetLogger().SetLogLevel("off"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// bucket is a bucket in memory that publishes notifications. It implements storage.
type bucket struct {
	mu          sync.Mutex
	objects     map[string][]byte
	times       map[string]time.Time
	accessError error // the error of Check and Open
	readError   error // the error of Fetch
	slow        bool  // Fetch waits for the end of its context
	topics      []string
	notify      onEvents
}

func (b *bucket) Check(_ context.Context, i awsaccess.Integration, url string) error {
	if err := i.Allows(url); err != nil {
		return err
	}
	return b.accessError
}

func (b *bucket) Open(context.Context, awsaccess.Integration) (bucketReader, error) {
	return b, b.accessError
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

func (b *bucket) Fetch(ctx context.Context, _, key string) (awsaccess.Object, io.ReadCloser, error) {
	if b.slow {
		<-ctx.Done()
		return awsaccess.Object{}, nil, ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.readError != nil {
		return awsaccess.Object{}, nil, b.readError
	}
	if _, ok := b.objects[key]; !ok {
		return awsaccess.Object{}, nil, fmt.Errorf("no object %s", key)
	}
	return b.object(key), io.NopCloser(bytes.NewReader(b.objects[key])), nil
}

// store stores an object without a notification.
func (b *bucket) store(key, content string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[key], b.times[key] = []byte(content), time.Now()
}

// put stores an object and publishes a notification to every topic.
func (b *bucket) put(t *testing.T, key, content string) {
	t.Helper()
	b.store(key, content)
	o := b.object(key)
	b.publish(t, awsaccess.Event{Bucket: "landing", Key: key, ETag: o.ETag, Size: o.Size, Time: time.Now()})
}

func (b *bucket) remove(t *testing.T, key string) {
	t.Helper()
	b.mu.Lock()
	delete(b.objects, key)
	b.mu.Unlock()
	b.publish(t, awsaccess.Event{Bucket: "landing", Key: key, Removed: true, Time: time.Now()})
}

func (b *bucket) publish(t *testing.T, event awsaccess.Event) {
	t.Helper()
	for _, topic := range slices.Compact(slices.Sorted(slices.Values(b.topics))) {
		if err := b.notify(t.Context(), topic, []awsaccess.Event{event}); err != nil {
			t.Fatal(err)
		}
	}
}

// fixture is a server with database RAW, a role INGESTION with the privileges that a
// feed needs, and a user with that role.
type fixture struct {
	*Server
	bucket *bucket
	db     *sql.DB
}

var privileges = []string{
	`GRANT CREATE INTEGRATION, EXECUTE TASK, EXECUTE MANAGED TASK ON ACCOUNT TO ROLE INGESTION`,
	`GRANT USAGE ON DATABASE RAW TO ROLE INGESTION`,
	`GRANT USAGE, CREATE STAGE, CREATE FILE FORMAT, CREATE TABLE, CREATE EXTERNAL TABLE, CREATE PIPE, CREATE TASK, CREATE STREAM, CREATE VIEW ON SCHEMA RAW.PUBLIC TO ROLE INGESTION`,
}

func start(t *testing.T) *fixture {
	t.Helper()
	b := &bucket{objects: map[string][]byte{}, times: map[string]time.Time{}}
	original := newStorage
	newStorage = func(_ Options, handle onEvents) storage {
		b.notify = handle
		return b
	}
	server, err := Start(t.Context(), Options{Log: testLog{t}, Poll: 10 * time.Millisecond})
	newStorage = original
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Server: server, bucket: b}
	server.AddUser("LOADER", nil, "secret", "INGESTION")
	if err := server.CreateDatabase("RAW"); err != nil {
		t.Fatal(err)
	}
	if err := server.Exec(t.Context(), privileges...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // runs after the driver is closed, which needs the server
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	f.db = f.connect(t, gosnowflake.Config{User: "LOADER", Password: "secret"})
	return f
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// connect opens a connection to the server with the real driver.
func (f *fixture) connect(t *testing.T, config gosnowflake.Config) *sql.DB {
	t.Helper()
	u, err := url.Parse(f.URL())
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
		t.Fatal("neither a key nor a password")
	}
	db := sql.OpenDB(gosnowflake.NewConnector(gosnowflake.SnowflakeDriver{}, config))
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (f *fixture) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := f.db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s\n%v", s, err)
		}
	}
}

// rows returns the rows of a query as text, with values separated by |.
func (f *fixture) rows(t *testing.T, query string, args ...any) []string {
	t.Helper()
	rows, err := f.db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s\n%v", query, err)
	}
	defer rows.Close() //nolint:errcheck // Err returns it
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

func (f *fixture) want(t *testing.T, query string, want ...string) {
	t.Helper()
	if got := f.rows(t, query); !slices.Equal(got, want) {
		t.Errorf("%s\n got %q\nwant %q", query, got, want)
	}
}

// wantError expects an error with the number and the text.
func (f *fixture) wantError(t *testing.T, query string, number int, text string) {
	t.Helper()
	rows, err := f.db.QueryContext(t.Context(), query)
	if err == nil {
		_ = rows.Close()
		t.Errorf("%s\nsucceeds, want error %d", query, number)
		return
	}
	checkError(t, query, err, number, text)
}

func checkError(t *testing.T, what string, err error, number int, text string) {
	t.Helper()
	e, ok := err.(*gosnowflake.SnowflakeError) //nolint:errorlint // the driver does not wrap its errors
	if !ok {
		t.Fatalf("%s\n%v is not an error of Snowflake", what, err)
	}
	if e.Number != number || !strings.Contains(e.Message, text) {
		t.Errorf("%s\n got %d (%s): %s\nwant %d with %q", what, e.Number, e.SQLState, e.Message, number, text)
	}
}
