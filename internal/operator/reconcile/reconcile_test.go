package reconcile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/load"
	"example.com/ingestion/internal/functions/unpack"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/operator/reconcile"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// world is a feed in memory, with both functions.
type world struct {
	t      *testing.T
	s3     *fake.S3
	db     *fake.DynamoDB
	unpack *unpack.Handler
	load   *load.Handler
	handed []ids.PartRef
	r      *reconcile.Reconcile
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, s3: &fake.S3{}, db: fake.NewDynamoDB(t)}
	own := feed.Source{Kind: feed.OwnBucket}
	spec := feed.Spec{Feed: "orders", Sources: []feed.Source{own}, Format: feed.Format{Kind: feed.NDJSON}, PartBytes: 40}.WithDefaults()
	book, log := ledger.New(w.db.Client(), "table"), slog.New(slog.DiscardHandler)
	table, err := batchwrite.NewClient(t.Context(), w.db.Client())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // unpack hands on from several goroutines
	hand := func(_ context.Context, ref ids.PartRef) error {
		mu.Lock()
		defer mu.Unlock()
		w.handed = append(w.handed, ref)
		return nil
	}
	w.unpack = &unpack.Handler{Spec: spec, Bucket: "landing", S3: w.s3, Replays: w.s3, Ledger: book, Log: log, HandOn: hand, TimeUp: handler.TimeUp}
	w.load = &load.Handler{Spec: spec, Bucket: "landing", Table: "table", S3: w.s3, DynamoDB: table, Ledger: book, Log: log, HandOn: hand, TimeUp: handler.TimeUp}
	own.Bucket = "src"
	w.r = &reconcile.Reconcile{
		Feed: "orders", Spec: spec, Ledger: book, DynamoDB: w.db.Client(), Table: "table", S3: w.s3, LandingBucket: "landing",
		Source: func(ctx context.Context, u ledger.Upload) (*s3source.Object, error) {
			return s3source.Open(ctx, w.s3, u.Bucket, u.Key, u.VersionID, u.ETag)
		},
		Sources: []reconcile.Source{{Source: own, API: w.s3}}, Deep: true,
	}
	return w
}

// arrive puts a file and unpacks it; loaded says whether its parts are loaded.
func (w *world) arrive(key, body string, loaded bool) {
	w.t.Helper()
	etag := w.s3.Set("src", key, []byte(body))
	if err := w.unpack.Handle(w.t.Context(), s3event.Notification(s3event.Object{Bucket: "src", Key: key, ETag: etag})); err != nil {
		w.t.Fatal(err)
	}
	for _, ref := range w.handed {
		payload, err := json.Marshal(ref)
		if err != nil {
			w.t.Fatal(err)
		}
		if !loaded {
			continue
		}
		if err := w.load.Handle(w.t.Context(), payload); err != nil {
			w.t.Fatal(err)
		}
	}
	w.handed = nil
}

func (w *world) do() reconcile.Result {
	w.t.Helper()
	result, err := w.r.Do(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"n\":%d}\n", i)
	}
	return b.String()
}

func TestClean(t *testing.T) {
	w := newWorld(t)
	w.db.Refuse = func(it fake.Item) bool { return strings.Contains(string(it["data"]), `"bad"`) }
	w.arrive("a", lines(20), true)
	w.arrive("b", lines(3)+"{tru}\n{\"n\":\"bad\"}\n", true)
	result := w.do()
	if len(result.Findings) != 0 || len(result.Uploads) != 2 || result.Objects != 2 {
		t.Errorf("%+v", result)
	}
	for _, u := range result.Uploads {
		if *u.InFile != u.Records || *u.InTable != u.Stored || u.Differs {
			t.Errorf("%+v", u)
		}
	}
}

func TestDifferences(t *testing.T) {
	w := newWorld(t)
	w.arrive("lost", lines(20), true)
	w.arrive("late", lines(1), false)
	w.s3.Set("src", "silent", []byte("{}"))
	w.db.Remove(func(it fake.Item) bool {
		return strings.HasSuffix(it.Str("sk"), "/000000000007") || strings.HasSuffix(it.Str("sk"), "/000000000008")
	})
	w.r.Patience = time.Nanosecond
	result := w.do()
	var got []string
	for _, f := range result.Findings {
		got = append(got, fmt.Sprintf("%s %s %d %v %s", f.Kind, strings.TrimPrefix(f.Source, "s3://src/"), f.Count, f.Ordinals, strings.ReplaceAll(f.Mend, f.Upload, "ID")))
	}
	want := []string{
		"not_loaded late 1 [] ingest replay orders --upload ID",
		"missing lost 2 [7 8] ingest replay orders --upload ID --part 0000000-000001",
		"no_event silent 1 [] ingest backfill orders --source src --prefix 'silent'",
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(got) < 3 || result.Differences() != len(got) {
		t.Fatalf("%q", got)
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("no %q in %q", line, got)
		}
	}
	w.r.Patience = time.Hour * 24 * 365 * 100
	for _, f := range w.do().Findings {
		if f.Difference() && f.Kind != reconcile.Missing {
			t.Errorf("with patience: %+v", f)
		}
	}
}

// What is missing of a part that is gone cannot be named, and everything else can.
func TestAPartThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.arrive("lost", lines(20), true)
	w.arrive("whole", lines(2), true)
	w.db.Remove(func(it fake.Item) bool {
		return strings.HasSuffix(it.Str("sk"), "/000000000000") && strings.Contains(it.Str("source"), "lost")
	})
	for _, key := range w.s3.Keys("landing", "landing/") {
		w.s3.Delete("landing", key)
	}
	result := w.do()
	if len(result.Uploads) != 2 || result.Differences() == 0 {
		t.Fatalf("%+v", result)
	}
	for _, f := range result.Findings {
		if f.Kind != reconcile.Missing || f.Source != "s3://src/lost" || f.Count != 1 || f.Mend != "" || !strings.Contains(f.Detail, "not in the landing bucket any more") {
			t.Errorf("%+v", f)
		}
	}
}

// A bucket that was never taken in does not fill the memory.
func TestVeryManyUnknownObjects(t *testing.T) {
	w := newWorld(t)
	for i := range 1234 {
		w.s3.Set("src", fmt.Sprintf("it's %04d", i), []byte("{}"))
	}
	w.r.Called, w.r.Flags = "Staging/orders", []string{"--profile p"}
	found := w.do().Findings
	if len(found) != 1001 || found[0].Mend != `ingest backfill Staging/orders --source src --prefix 'it'\''s 0000' --profile p` {
		t.Fatalf("%d, %+v", len(found), found[0])
	}
	if last := found[1000]; last.Count != 234 || last.Mend != "ingest backfill Staging/orders --source src --profile p" {
		t.Errorf("%+v", last)
	}
}

type rows map[string][]client.Row

func (r rows) Query(_ context.Context, statement string) ([]client.Row, error) {
	for part, answer := range r {
		if strings.Contains(statement, part) {
			return answer, nil
		}
	}
	return nil, fmt.Errorf("statement %s", statement)
}

func TestRows(t *testing.T) {
	w := newWorld(t)
	w.arrive("a", lines(12), true)
	u := w.do().Uploads[0]
	var parts []ledger.Part
	if err := w.r.Ledger.Parts(t.Context(), "orders", u.ID, func(p ledger.Part) bool { parts = append(parts, p); return true }); err != nil || len(parts) < 2 {
		t.Fatal(len(parts), err)
	}
	spec := snowflake.Spec{
		Feed: "orders", Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", ExternalID: "orders-4711", From: snowflake.FromParts,
		Load: snowflake.Continuous, Format: feed.Format{Kind: feed.NDJSON}, Prefix: "landing/orders/",
	}.WithDefaults()
	plan, err := spec.Plan(snowflake.Names{Owner: "1/r/S/O", Bucket: "landing-bucket", RoleARN: "arn:aws:iam::111122223333:role/r", TopicARN: "arn:aws:sns:us-east-1:111122223333:t"})
	if err != nil {
		t.Fatal(err)
	}
	answers := rows{`GROUP BY 1`: {{"k0": u.ID, "n": "12"}}}
	w.r.Snowflake = &reconcile.Snowflake{Rows: answers, Spec: spec, Plan: plan}
	if result := w.do(); len(result.Findings) != 0 || *result.Uploads[0].InSnowflake != 12 {
		t.Errorf("%+v", result)
	}
	delete(answers, "GROUP BY 1")
	answers[`"UPLOAD" AS K0`] = []client.Row{{"k0": u.ID, "n": strconv.FormatInt(12-parts[1].Records, 10)}}
	answers[`"_FILE_NAME" AS K0`] = []client.Row{{"k0": parts[0].Key, "n": strconv.FormatInt(parts[0].Records, 10)}}
	for _, p := range parts[2:] {
		answers[`"_FILE_NAME" AS K0`] = append(answers[`"_FILE_NAME" AS K0`], client.Row{"k0": p.Key, "n": strconv.FormatInt(p.Records, 10)})
	}
	w.r.Patience = time.Nanosecond
	found := w.do().Findings
	if len(found) != 1 || found[0].Kind != reconcile.NoRows || found[0].Part != parts[1].Name || found[0].Count != parts[1].Records ||
		found[0].Mend != `ingest query orders 'ALTER PIPE "RAW"."PUBLIC"."ORDERS_PIPE" REFRESH'` {
		t.Errorf("%+v", found)
	}
	for state, want := range map[string]string{
		"PAUSED":                  `ingest query orders 'ALTER PIPE "RAW"."PUBLIC"."ORDERS_PIPE" SET PIPE_EXECUTION_PAUSED=FALSE'`,
		"STALLED_EXECUTION_ERROR": "ingest doctor orders",
	} {
		answers["SYSTEM$PIPE_STATUS"] = []client.Row{{"status": `{"executionState":"` + state + `"}`}}
		if found := w.do().Findings; len(found) != 1 || found[0].Mend != want || !strings.HasSuffix(found[0].Detail, "; the pipe is "+state) {
			t.Errorf("%s: %+v", state, found)
		}
	}
	w.r.Patience = time.Hour
	if found := w.do().Findings; len(found) != 1 || found[0].Kind != reconcile.Waiting {
		t.Errorf("%+v", found)
	}
}

// A file that Snowflake reads by itself may have rows there that unpack refuses.
func TestRowsOfFiles(t *testing.T) {
	w := newWorld(t)
	w.arrive("a", "{}\n{tru}\n{}\n", true)
	spec := snowflake.Spec{
		Feed: "orders", Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", ExternalID: "orders-4711", From: snowflake.FromFiles,
		Load: snowflake.Bulk, Schedule: "17 2 * * *", Format: feed.Format{Kind: feed.NDJSON},
	}.WithDefaults()
	plan, err := spec.Plan(snowflake.Names{Owner: "1/r/S/O", Bucket: "src", RoleARN: "arn:aws:iam::111122223333:role/r"})
	if err != nil {
		t.Fatal(err)
	}
	etag := ""
	if err := w.r.Ledger.Uploads(t.Context(), "orders", func(u ledger.Upload) bool { etag = u.ETag; return true }); err != nil {
		t.Fatal(err)
	}
	answers := rows{`GROUP BY 1`: {{"k0": "a", "k1": etag, "n": "3"}}, "TASK_HISTORY": nil}
	w.r.Snowflake = &reconcile.Snowflake{Rows: answers, Spec: spec, Plan: plan}
	if result := w.do(); result.Differences() != 0 || len(result.Findings) != 1 || result.Findings[0].Kind != reconcile.Unread {
		t.Errorf("%+v", result)
	}
}

// A file whose header had other columns than the feed declares now is as sound as it was.
func TestDeepAfterAnotherColumn(t *testing.T) {
	w := newWorld(t)
	columns := feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"a", "b"}}
	w.unpack.Spec.Format, w.load.Spec.Format = columns, columns
	w.arrive("a.csv", "a|b\n1|2\n3|4\n", true)
	columns.Columns = []string{"a", "b", "c"}
	w.r.Spec.Format = columns
	if result := w.do(); len(result.Findings) != 0 || *result.Uploads[0].InFile != 2 {
		t.Errorf("%+v", result)
	}
	w.r.Spec.Format = feed.Format{Kind: feed.NDJSON}
	if result := w.do(); result.Differences() != 1 || result.Findings[0].Kind != reconcile.FileDiffer {
		t.Errorf("%+v", result)
	}
}
