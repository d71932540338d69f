// Package e2e deploys the demo's app, and variants of it, with the real cdk CLI to the
// local AWS and Snowflake, and puts real and invalid files into its feeds. The steps of
// a test run in order, on one deployment.
package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/quarantine"
	"example.com/ingestion/local"
	"example.com/ingestion/local/feedtest"
	"example.com/ingestion/local/sandbox"
)

const (
	deployTime = 3 * time.Minute
	flowTime   = 3 * time.Minute
)

type fixture struct {
	env  *sandbox.Sandbox
	cfg  aws.Config
	db   *sql.DB // the local Snowflake, by the official driver
	repo string
	dir  string // of the whole test
	// context is the CDK's for every cdk command; it may be changed between two.
	context map[string]string
	apps    map[string]string // that buildApp built, by their sources
	lambda  *lambda.Client

	quakes, airports, movies, flights *feedtest.Feed
	// expected is the number of files that each feed was given so far.
	expected map[*feedtest.Feed]int
}

// start starts the local cloud and deploys the demo's app.
func start(t *testing.T) *fixture {
	t.Helper()
	w := startEmpty(t)
	w.deploy(t, allStacks...)
	w.quakes, w.airports = w.feed(t, "Earthquakes"), w.feed(t, "Airports")
	w.movies, w.flights = w.feed(t, "Movies"), w.feed(t, "Flights")
	return w
}

// startEmpty starts the local cloud without a deployment.
func startEmpty(t *testing.T) *fixture {
	t.Helper()
	return startWith(t, map[string]string{})
}

// startWith is startEmpty with more of the CDK's context, which the caller may
// change between two deployments.
func startWith(t *testing.T, cdkContext map[string]string) *fixture {
	t.Helper()
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	env, err := sandbox.Start(t.Context(), local.Options{Dir: t.TempDir(), Repo: repo, App: "go run ./examples/demo", Log: testLog{t}, Context: cdkContext})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := collectPermissions(context.WithoutCancel(t.Context()), env.Env); err != nil {
			t.Error(err)
		}
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &fixture{env: env, context: cdkContext, repo: repo, dir: t.TempDir(), apps: map[string]string{}, expected: map[*feedtest.Feed]int{}}
	if w.cfg, err = env.AWSConfig(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.db, err = env.Query(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.db.Close(); err != nil {
			t.Error(err)
		}
	})
	w.lambda = lambda.NewFromConfig(w.cfg)
	if err := env.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

var allStacks = []string{"Store", "Earthquakes", "Airports", "Movies", "Flights"}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

func (w *fixture) deploy(t *testing.T, stacks ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deployTime)
	defer cancel()
	var out bytes.Buffer
	if err := w.env.Deploy(ctx, &out, stacks...); err != nil {
		t.Fatalf("deploy %v: %v\n%s", stacks, err, out.String())
	}
}

func (w *fixture) feed(t *testing.T, stack string) *feedtest.Feed {
	t.Helper()
	f, err := feedtest.New(t.Context(), w.cfg, stack)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// put puts the files into a feed and waits until all of its files are loaded.
func (w *fixture) put(t *testing.T, f *feedtest.Feed, files ...feedtest.File) []ids.Upload {
	t.Helper()
	var puts []ids.Upload
	for _, file := range files {
		u, err := f.Put(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		puts = append(puts, u)
	}
	w.expected[f] += len(files)
	for _, u := range puts {
		w.waitForEntry(t, f, u.ID)
	}
	w.wait(t, f)
	return puts
}

// waitForEntry waits until the ledger has an upload.
func (w *fixture) waitForEntry(t *testing.T, f *feedtest.Feed, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), flowTime)
	defer cancel()
	for {
		_, found, err := f.Ledger.GetUpload(ctx, f.Name, id)
		if err != nil {
			t.Fatal(err)
		}
		if found {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the ledger of feed %s has no upload %s", f.Name, id)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (w *fixture) wait(t *testing.T, f *feedtest.Feed) []ledger.Upload {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), flowTime)
	defer cancel()
	uploads, err := f.Wait(ctx, w.expected[f], nil)
	if err != nil {
		t.Fatal(err)
	}
	return uploads
}

// ledgerOf returns the ledger's item of the one upload of a key.
func (w *fixture) ledgerOf(t *testing.T, f *feedtest.Feed, key string) ledger.Upload {
	t.Helper()
	uploads, err := f.Uploads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range uploads {
		if u.Key == key {
			return u
		}
	}
	t.Fatalf("the ledger of %s has no upload of %s", f.Name, key)
	return ledger.Upload{}
}

func (w *fixture) idle(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), flowTime)
	defer cancel()
	if err := w.env.Idle(ctx); err != nil {
		t.Fatal(err)
	}
}

func (w *fixture) invoke(t *testing.T, function string, payload any) {
	t.Helper()
	body, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.lambda.Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: &function, InvocationType: lambdatypes.InvocationTypeEvent, Payload: body,
	}); err != nil {
		t.Fatal(err)
	}
}

// s3Event returns the event notification that S3 sends for an upload.
func s3Event(u ids.Upload) any {
	object := map[string]any{"key": strings.ReplaceAll(urlEncode(u.Key), "%20", "+"), "size": u.Size, "eTag": u.ETag}
	if u.VersionID != "" {
		object["versionId"] = u.VersionID
	}
	return map[string]any{"Records": []any{map[string]any{
		"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
		"s3": map[string]any{"bucket": map[string]any{"name": u.Bucket}, "object": object},
	}}}
}

// urlEncode escapes as S3 does in its notifications, byte by byte.
func urlEncode(key string) string {
	var b strings.Builder
	for _, c := range []byte(key) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// dump returns every item of the table by its keys.
func (w *fixture) dump(t *testing.T, f *feedtest.Feed) map[string]map[string]types.AttributeValue {
	t.Helper()
	all := map[string]map[string]types.AttributeValue{}
	pages := dynamodb.NewScanPaginator(f.DB, &dynamodb.ScanInput{TableName: &f.Table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			if text(it[feed.PartitionKey]) == feed.LoadingKey {
				continue // a loader takes any slot
			}
			all[text(it[feed.PartitionKey])+" "+text(it[feed.SortKey])] = it
		}
	}
	return all
}

func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func sameTable(t *testing.T, before, after map[string]map[string]types.AttributeValue) {
	t.Helper()
	if len(before) != len(after) {
		t.Errorf("the table had %d items and has %d", len(before), len(after))
	}
	for key, it := range before {
		if !reflect.DeepEqual(it, after[key]) {
			t.Fatalf("item %s was\n%v\nand is\n%v", key, it, after[key])
		}
	}
}

// quarantined returns the quarantined records of an upload.
func (w *fixture) quarantined(t *testing.T, f *feedtest.Feed, u ledger.Upload) []quarantine.Record {
	t.Helper()
	var all []quarantine.Record
	folder := u.Folder(strings.TrimSuffix(f.QuarantinePrefix, f.Name+"/"))
	pages := s3.NewListObjectsV2Paginator(f.S3, &s3.ListObjectsV2Input{Bucket: &f.LandingBucket, Prefix: &folder})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			if !strings.HasSuffix(*o.Key, ".ndjson.gz") {
				continue
			}
			if err := quarantine.Read(w.get(t, f, *o.Key), func(r quarantine.Record) error {
				all = append(all, r)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

// get reads an object of the landing bucket.
func (w *fixture) get(t *testing.T, f *feedtest.Feed, key string) []byte {
	t.Helper()
	out, err := f.S3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &f.LandingBucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := out.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// deployEdited deploys stacks of an app that editedApp built.
func (w *fixture) deployEdited(t *testing.T, app string, stacks ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deployTime)
	defer cancel()
	args := append([]string{"deploy", "--require-approval", "never", "--method=direct", "--app", app}, stacks...)
	return w.env.CDK(ctx, io.Discard, args...)
}

// editedApp builds the demo's app with changes in its source, which stays as it is:
// each text and its replacement.
func (w *fixture) editedApp(t *testing.T, edits ...string) string {
	t.Helper()
	source := w.appSource(t)
	for i := 0; i < len(edits); i += 2 {
		if strings.Count(source, edits[i]) != 1 {
			t.Fatalf("the demo's app has %q %d times", edits[i], strings.Count(source, edits[i]))
		}
	}
	return w.buildApp(t, strings.NewReplacer(edits...).Replace(source))
}

// appOf builds the demo's app with other feeds: those that a Go expression lists.
func (w *fixture) appOf(t *testing.T, feeds string) string {
	t.Helper()
	const begin, end = "func feeds() []app.Feed {\n", "\n}\n"
	before, rest, found := strings.Cut(w.appSource(t), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("the demo's app has no %q", begin)
	}
	return w.buildApp(t, before+begin+"return []app.Feed{\n"+feeds+"}"+end+after)
}

func (w *fixture) appSource(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(w.repo, "examples", "demo", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// buildApp builds the demo's app from another source.
func (w *fixture) buildApp(t *testing.T, source string) string {
	t.Helper()
	if app, built := w.apps[source]; built {
		return app
	}
	dir := filepath.Join(w.dir, fmt.Sprint("app-", len(w.apps)))
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	edited, overlay, app := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "app")
	if err := os.WriteFile(edited, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(w.repo, "examples", "demo", "main.go"): edited}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", app, "./examples/demo")
	build.Dir = w.repo
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.apps[source] = app
	return app
}
