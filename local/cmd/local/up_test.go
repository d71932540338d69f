package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/local"
	"example.com/ingestion/local/feedtest"
)

// A user's own app: one feed, and later a second one that names a database of its
// own. `local up` deploys the first, `local deploy` both; a file that is put as
// printed is loaded.
func TestUpAndDeploy(t *testing.T) {
	if testing.Short() {
		t.Skip("deploys to a local AWS")
	}
	const trees = `{Stack: "Trees", IngestionPipelineProps: constructs.IngestionPipelineProps{Feed: "trees", Source: constructs.NewBucket(), Format: constructs.NDJSON()}},` + "\n"
	const birds = `{Stack: "Birds", IngestionPipelineProps: constructs.IngestionPipelineProps{Feed: "birds", Source: constructs.NewBucket(constructs.WithSuffixes(".csv")), Format: constructs.CSV('|'),
		Snowflake: &constructs.SnowflakeProps{Database: "ZOO", Schema: "NATURE", Table: "BIRDS"}}},` + "\n"
	repo, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	c := command{repo: repo, state: t.TempDir(), app: buildApp(t, repo, trees)}
	if err := c.deploy(t.Context()); !errors.Is(err, errNotRunning) {
		t.Errorf("deploy without a local cloud: %v", err)
	}

	ctx, stop := context.WithCancel(t.Context())
	var printed output
	c.out = &printed
	ended := make(chan error, 1)
	go func() { ended <- c.up(ctx) }()
	printed.waitFor(t, "make local-deploy. ctrl-C", ended)
	running, err := c.findInstance()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.up(t.Context()); err == nil || !strings.Contains(err.Error(), "make local-deploy") {
		t.Errorf("a second local cloud of the same repository: %v", err)
	}
	putAndLoad(t, running, "Trees", feedtest.File{Key: "oak.ndjson", Body: []byte("{\"species\": \"oak\"}\n")}, printed.String())

	var deployed output
	second := command{repo: repo, state: c.state, app: buildApp(t, repo, trees+birds), out: &deployed}
	if err := second.deploy(t.Context()); err != nil {
		t.Fatal(err)
	}
	putAndLoad(t, running, "Birds", feedtest.File{Key: "owl.csv", Body: []byte("name|legs\nowl|2\n")}, deployed.String())

	stop()
	if err := <-ended; err != nil {
		t.Errorf("local up ended with %v", err)
	}
	if _, err := c.findInstance(); !errors.Is(err, errNotRunning) {
		t.Errorf("after its end: %v", err)
	}
}

// putAndLoad puts a file into a feed and waits until it is loaded. The text that
// was printed must name the feed's bucket.
func putAndLoad(t *testing.T, i instance, stack string, file feedtest.File, printed string) {
	t.Helper()
	env, err := local.Attach(t.Context(), i.Endpoint, local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := env.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, err := feedtest.New(t.Context(), cfg, stack)
	if err != nil {
		t.Fatal(err)
	}
	if want := "aws s3 cp <your file> s3://" + f.SourceBucket + "/"; !strings.Contains(printed, want) {
		t.Errorf("printed was not %q:\n%s", want, printed)
	}
	if _, err := f.Put(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	uploads, err := f.Wait(ctx, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if u := uploads[0]; u.State != ledger.Loaded || u.Stored != 1 {
		t.Errorf("feed %s: ledger %+v", f.Name, u)
	}
}

// buildApp builds a CDK app with these feeds, in place of the demo's.
func buildApp(t *testing.T, repo, feeds string) string {
	t.Helper()
	dir := t.TempDir()
	source, overlay, app := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "app")
	demo := filepath.Join(repo, "examples", "demo", "main.go")
	content, err := os.ReadFile(demo)
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(string(content), "func feeds()")
	if !found {
		t.Fatalf("%s has no func feeds()", demo)
	}
	before += "func feeds() []app.Feed {\nreturn []app.Feed{\n" + feeds + "}\n}\n"
	if err := os.WriteFile(source, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{demo: source}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", app, "./examples/demo")
	build.Dir = repo
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return app
}

// output is what was printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// waitFor waits until a text was printed, and fails if the command ends before.
func (o *output) waitFor(t *testing.T, text string, ended <-chan error) {
	t.Helper()
	timeout := time.After(5 * time.Minute)
	for !strings.Contains(o.String(), text) {
		select {
		case err := <-ended:
			t.Fatalf("ended before it printed %q: %v\n%s", text, err, o)
		case <-timeout:
			t.Fatal(fmt.Errorf("%q was not printed:\n%s", text, o))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
