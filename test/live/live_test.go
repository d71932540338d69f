// Package live checks the demo's app in real accounts of AWS and Snowflake, end to end,
// and deletes everything afterwards: `make live`, see docs/snowflake.md. With
// INGESTION_LIVE=sandbox the same check runs on this machine.
package live

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/local/feedtest"
)

// timeout bounds each wait: Snowpipe takes about a minute, a subscription of its queue
// may take several.
const timeout = 20 * time.Minute

// stacks are those of the demo's feeds, without the environment's name.
var stacks = []string{"Earthquakes", "Airports", "Movies", "Flights"}

// target has the accounts in which the check runs.
type target struct {
	aws    aws.Config
	db     *sql.DB
	cdk    func(ctx context.Context, args ...string) error
	schema string // qualified, quoted
}

func TestLive(t *testing.T) {
	mode := os.Getenv("INGESTION_LIVE")
	if mode == "" {
		t.Skip("needs accounts of AWS and Snowflake: make live")
	}
	// The name is unique to this run, so that no existing resource is changed.
	var suffix [3]byte
	if _, err := rand.Read(suffix[:]); err != nil {
		t.Fatal(err)
	}
	environment := "live" + hex.EncodeToString(suffix[:])
	to := accounts(t, mode, environment)
	runFirstChecks(t, to, mode, environment)
	named := func(stack string) string { return environment + "-" + stack }
	all := []string{named("Store")}
	for _, s := range stacks {
		all = append(all, named(s))
	}

	t.Cleanup(func() { cleanUp(t, to, environment, all) })
	if err := to.cdk(t.Context(), append([]string{"deploy", "--require-approval", "never", "--method=direct"}, all...)...); err != nil {
		t.Fatal(err)
	}
	if err := to.cdk(t.Context(), append([]string{"diff", "--fail", "--method=template"}, all...)...); err != nil {
		t.Errorf("there are differences after the deployment: %v", err)
	}

	samples, err := feedtest.Samples(repo)
	if err != nil {
		t.Fatal(err)
	}
	feeds := map[string]*feedtest.Feed{}
	for _, stack := range stacks {
		f, err := feedtest.New(t.Context(), to.aws, named(stack))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range samples[stack] {
			if _, err := f.Put(t.Context(), file); err != nil {
				t.Fatal(err)
			}
		}
		feeds[stack] = f
	}
	var reports []feedtest.Report
	for _, stack := range stacks {
		reports = append(reports, checkFeed(t, to, feeds[stack], samples[stack]))
	}
	var table strings.Builder
	if err := feedtest.Print(&table, reports); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())

	checkDeletion(t, to, feeds["Movies"])

	if err := to.cdk(t.Context(), append([]string{"destroy", "--force"}, all[1:]...)...); err != nil {
		t.Fatal(err)
	}
	checkRemains(t, to)
}

// checkFeed waits until the files are in the table and in Snowflake, and compares the counts.
func checkFeed(t *testing.T, to target, f *feedtest.Feed, files []feedtest.File) feedtest.Report {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), timeout, fmt.Errorf("not done after %v", timeout))
	defer cancel()
	uploads, err := f.Wait(ctx, len(files), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Check(ctx, files, uploads)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.RunTask(ctx, to.db); err != nil {
		t.Fatal(err)
	}
	if err := f.WaitRows(ctx, to.db, r.InTable); err != nil {
		t.Error(err)
	}
	if err := f.CheckSnowflake(ctx, to.db, &r); err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	return r
}

// checkDeletion deletes a record through DynamoDB's API, which removes its row from
// the view.
func checkDeletion(t *testing.T, to target, f *feedtest.Feed) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), timeout, fmt.Errorf("not done after %v", timeout))
	defer cancel()
	before, err := f.Rows(ctx, to.db)
	if err != nil {
		t.Fatal(err)
	}
	uploads, err := f.Uploads(ctx)
	if err != nil {
		t.Fatal(err)
	}
	items, err := f.FirstItems(ctx, uploads[0], 1)
	if err != nil || len(items) != 1 {
		t.Fatalf("%d items, error %v", len(items), err)
	}
	if _, err := f.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &f.Table, Key: map[string]types.AttributeValue{
		feed.PartitionKey: items[0][feed.PartitionKey], feed.SortKey: items[0][feed.SortKey],
	}}); err != nil {
		t.Fatal(err)
	}
	if err := f.WaitRows(ctx, to.db, before-1); err != nil {
		t.Error(err)
	}
}

// checkRemains checks that destroyed feeds leave only their tables in Snowflake.
func checkRemains(t *testing.T, to target) {
	t.Helper()
	want := map[string][]string{"TABLES": {"AIRPORTS", "EARTHQUAKES", "MOVIES"}}
	for _, kind := range []string{"TABLES", "PIPES", "TASKS", "STAGES", "FILE FORMATS", "VIEWS"} {
		got, err := feedtest.Listed(t.Context(), to.db, "SHOW "+kind+" IN SCHEMA "+to.schema)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want[kind]) {
			t.Errorf("%s after the destruction: %q, want %q", kind, got, want[kind])
		}
	}
}
