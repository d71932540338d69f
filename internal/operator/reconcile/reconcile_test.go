package reconcile_test

import (
	"context"
	"errors"
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
	"example.com/ingestion/internal/functions/metrics"
	"example.com/ingestion/internal/functions/unpack"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/operator/reconcile"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/partdispatch"
	"example.com/ingestion/internal/testing/fake"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// fixture is a feed in memory with the functions unpack and load.
type fixture struct {
	t      *testing.T
	s3     *fake.S3
	db     *fake.DynamoDB
	unpack *unpack.Handler
	load   *load.Handler
	parts  []ids.PartRef // dispatched to load
	r      *reconcile.Reconcile
}

func newFixture(t *testing.T) *fixture {
	w := &fixture{t: t, s3: &fake.S3{}, db: fake.NewDynamoDB(t)}
	own := feed.Source{Kind: feed.OwnBucket}
	spec := feed.Spec{Feed: "orders", Sources: []feed.Source{own}, Format: feed.Format{Kind: feed.NDJSON}, PartBytes: 40}.WithDefaults()
	ledgerTable, log := ledger.New(w.db.Client(), "table"), slog.New(slog.DiscardHandler)
	table, err := batchwrite.NewClient(t.Context(), w.db.Client())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // unpack dispatches from several goroutines
	dispatch := func(_ context.Context, ref ids.PartRef) error {
		mu.Lock()
		defer mu.Unlock()
		w.parts = append(w.parts, ref)
		return nil
	}
	w.unpack = &unpack.Handler{Spec: spec, Bucket: "landing", S3: w.s3, Replays: w.s3, Ledger: ledgerTable, Log: log, Dispatch: dispatch, NearDeadline: handler.NearDeadline, Lease: 300 * time.Millisecond}
	w.load = &load.Handler{
		Bucket: "landing", Table: "table", Loaders: 1, S3: w.s3, DynamoDB: table, Ledger: ledgerTable, Log: log, NearDeadline: handler.NearDeadline,
		Metrics: func(string, string) *metrics.Emitter { return nil },
	}
	own.Bucket = "src"
	w.r = &reconcile.Reconcile{
		Feed: "orders", Spec: spec, Ledger: ledgerTable, DynamoDB: w.db.Client(), Table: "table", S3: w.s3, LandingBucket: "landing",
		Source: func(ctx context.Context, u ledger.Upload) (*s3source.Object, error) {
			return s3source.Open(ctx, w.s3, u.Bucket, u.Key, u.VersionID, u.ETag)
		},
		Sources: []reconcile.Source{{Source: own, API: w.s3}}, Deep: true,
	}
	return w
}

// put puts a file and unpacks it and, if loaded, loads its parts.
func (w *fixture) put(key, body string, loaded bool) {
	w.t.Helper()
	etag := w.s3.Set("src", key, []byte(body))
	if err := w.unpack.Handle(w.t.Context(), s3event.Notification(s3event.Object{Bucket: "src", Key: key, ETag: etag})); err != nil {
		w.t.Fatal(err)
	}
	for _, ref := range w.parts {
		if !loaded {
			continue
		}
		parts := partdispatch.Dispatcher{Ledger: w.load.Ledger, Feed: ledger.FeedWithWork{Feed: "orders"}, Wake: func(context.Context, ids.Load) error { return nil }}
		if err := parts.Dispatch(w.t.Context(), ref); err != nil {
			w.t.Fatal(err)
		}
		if err := w.load.Handle(w.t.Context(), []byte(`{}`)); err != nil {
			w.t.Fatal(err)
		}
	}
	w.parts = nil
}

func (w *fixture) reconcile() reconcile.Result {
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

func TestNoDifference(t *testing.T) {
	w := newFixture(t)
	w.db.Refuse = func(it fake.Item) bool { return strings.Contains(string(it["data"]), `"bad"`) }
	w.put("a", lines(20), true)
	w.put("b", lines(3)+"{tru}\n{\"n\":\"bad\"}\n", true)
	result := w.reconcile()
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
	w := newFixture(t)
	w.put("lost", lines(20), true)
	w.put("late", lines(1), false)
	w.s3.Set("src", "unnotified", []byte("{}"))
	w.db.Remove(func(it fake.Item) bool {
		return strings.HasSuffix(it.Str("sk"), "/000000000007") || strings.HasSuffix(it.Str("sk"), "/000000000008")
	})
	w.r.GracePeriod = time.Nanosecond
	result := w.reconcile()
	var got []string
	for _, f := range result.Findings {
		got = append(got, fmt.Sprintf("%s %s %d %v %s", f.Kind, strings.TrimPrefix(f.Source, "s3://src/"), f.Count, f.Ordinals, strings.ReplaceAll(f.Remedy, f.Upload, "ID")))
	}
	want := []string{
		"not_loaded late 1 [] ingest replay orders --upload ID",
		"missing lost 2 [7 8] ingest replay orders --upload ID --part 0000000-000001",
		"no_event unnotified 1 [] ingest backfill orders --source src --prefix 'unnotified'",
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
	w.r.GracePeriod = time.Hour * 24 * 365 * 100
	for _, f := range w.reconcile().Findings {
		if f.Difference() && f.Kind != reconcile.Missing {
			t.Errorf("within the grace period: %+v", f)
		}
	}
}

// Objects that no source accepts are counted: in the feed's own bucket all, in any other
// those with the prefix of the source.
func TestIgnoredObjects(t *testing.T) {
	for kind, want := range map[feed.SourceKind]int64{feed.OwnBucket: 2, feed.ExistingBucket: 1} {
		w := newFixture(t)
		source := feed.Source{Kind: kind, Bucket: "src", Prefix: "in/", Suffixes: []string{".json"}}
		w.r.Spec.Sources = []feed.Source{source}
		w.r.Sources = []reconcile.Source{{Source: source, API: w.s3}}
		for _, key := range []string{"in/a.json", "in/b.txt", "out/c.json"} {
			w.s3.Set("src", key, []byte("{}"))
		}
		result := w.reconcile()
		if len(result.Ignored) != 1 || result.Ignored[0].Count != want || result.Ignored[0].Bucket != "src" || len(result.Findings) != 1 || result.Objects != 1 {
			t.Errorf("%s: %+v", kind, result)
		}
	}
}

// A file without a valid record is reported, if it was loaded after a time.
func TestRejectedUpload(t *testing.T) {
	w := newFixture(t)
	w.put("bad", "{tru}\n{fal}\n", true)
	w.put("partly", "{tru}\n{}\n", true)
	found := w.reconcile().Findings
	if len(found) != 1 || found[0].Kind != reconcile.Rejected || !found[0].Difference() || found[0].Count != 2 ||
		found[0].Detail != "no record of the file could be stored: invalid_json" || found[0].Remedy != "ingest quarantine orders --upload "+found[0].Upload {
		t.Errorf("%+v", found)
	}
	w.r.RejectedSince = time.Now().Add(time.Minute)
	if found := w.reconcile().Findings; len(found) != 0 {
		t.Errorf("rejected before that time: %+v", found)
	}
}

// Missing records of a deleted part are counted, but not listed.
func TestDeletedPart(t *testing.T) {
	w := newFixture(t)
	w.put("lost", lines(20), true)
	w.put("whole", lines(2), true)
	lost := ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: "lost", ETag: w.s3.Set("src", "lost", []byte(lines(20)))}).ID
	w.db.Remove(func(it fake.Item) bool {
		return strings.HasSuffix(it.Str("sk"), "/000000000000") && strings.Contains(it.Str("pk"), lost)
	})
	for _, key := range w.s3.Keys("landing", "landing/") {
		w.s3.Delete("landing", key)
	}
	result := w.reconcile()
	if len(result.Uploads) != 2 || result.Differences() == 0 {
		t.Fatalf("%+v", result)
	}
	for _, f := range result.Findings {
		if f.Kind != reconcile.Missing || f.Source != "s3://src/lost" || f.Count != 1 || f.Remedy != "" || !strings.Contains(f.Detail, "was deleted from the landing bucket") {
			t.Errorf("%+v", f)
		}
	}
}

// The number of reported objects is bounded.
func TestManyObjectsThatAreNotInTheLedger(t *testing.T) {
	w := newFixture(t)
	for i := range 1234 {
		w.s3.Set("src", fmt.Sprintf("it's %04d", i), []byte("{}"))
	}
	w.r.FeedArgument, w.r.Flags = "Staging/orders", []string{"--profile p"}
	found := w.reconcile().Findings
	if len(found) != 1001 || found[0].Remedy != `ingest backfill Staging/orders --source src --prefix 'it'\''s 0000' --profile p` {
		t.Fatalf("%d, %+v", len(found), found[0])
	}
	if last := found[1000]; last.Count != 234 || last.Remedy != "ingest backfill Staging/orders --source src --profile p" {
		t.Errorf("%+v", last)
	}
}

// rows is a Querier with the rows of the statements that contain a text.
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
	w := newFixture(t)
	w.put("a", lines(12), true)
	u := w.reconcile().Uploads[0]
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
	w.r.Snowflake = &reconcile.Snowflake{Querier: answers, Spec: spec, Plan: plan}
	if result := w.reconcile(); len(result.Findings) != 0 || *result.Uploads[0].InSnowflake != 12 {
		t.Errorf("%+v", result)
	}
	delete(answers, "GROUP BY 1")
	answers[`"UPLOAD" AS K0`] = []client.Row{{"k0": u.ID, "n": strconv.FormatInt(12-parts[1].Records, 10)}}
	answers[`"_FILE_NAME" AS K0`] = []client.Row{{"k0": parts[0].Key, "n": strconv.FormatInt(parts[0].Records, 10)}}
	for _, p := range parts[2:] {
		answers[`"_FILE_NAME" AS K0`] = append(answers[`"_FILE_NAME" AS K0`], client.Row{"k0": p.Key, "n": strconv.FormatInt(p.Records, 10)})
	}
	w.r.GracePeriod = time.Nanosecond
	found := w.reconcile().Findings
	if len(found) != 1 || found[0].Kind != reconcile.NoRows || found[0].Part != parts[1].Name || found[0].Count != parts[1].Records ||
		found[0].Remedy != "ingest query orders '"+strings.ReplaceAll(plan.Pipe.Copy.Files(parts[1].Key), "'", `'\''`)+"'" || !strings.Contains(found[0].Remedy, `FILES=('\''`) {
		t.Errorf("%+v", found)
	}
	for state, want := range map[string]string{
		"PAUSED":                  `ingest query orders 'ALTER PIPE "RAW"."PUBLIC"."ORDERS_PIPE" SET PIPE_EXECUTION_PAUSED=FALSE'`,
		"STALLED_EXECUTION_ERROR": "ingest doctor orders",
	} {
		answers["SYSTEM$PIPE_STATUS"] = []client.Row{{"status": `{"executionState":"` + state + `"}`}}
		if found := w.reconcile().Findings; len(found) != 1 || found[0].Remedy != want || !strings.HasSuffix(found[0].Detail, "; the pipe is "+state) {
			t.Errorf("%s: %+v", state, found)
		}
	}
	w.r.GracePeriod = time.Hour
	if found := w.reconcile().Findings; len(found) != 1 || found[0].Kind != reconcile.Waiting {
		t.Errorf("%+v", found)
	}
}

// Values that the type of their column cannot hold are counted, and are no difference. A view
// that an earlier version made does not have the column.
func TestConversionErrors(t *testing.T) {
	w := newFixture(t)
	w.put("a", strings.Repeat("{}\n", 3), true)
	u := w.reconcile().Uploads[0]
	spec := snowflake.Spec{
		Feed: "orders", Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", ExternalID: "orders-4711", From: snowflake.FromParts,
		Load: snowflake.Continuous, Format: feed.Format{Kind: feed.NDJSON}, Prefix: "landing/orders/",
		Columns: []snowflake.Column{{Name: "N", Type: "NUMBER"}},
	}.WithDefaults()
	plan, err := spec.Plan(snowflake.Names{Owner: "1/r/S/O", Bucket: "landing-bucket", RoleARN: "arn:aws:iam::111122223333:role/r", TopicARN: "arn:aws:sns:us-east-1:111122223333:t"})
	if err != nil {
		t.Fatal(err)
	}
	answers := rows{`COUNT("_CONVERSION_ERRORS") AS UNCONVERTED`: {{"k0": u.ID, "n": "3", "unconverted": "2"}}}
	w.r.Snowflake = &reconcile.Snowflake{Querier: answers, Spec: spec, Plan: plan}
	result := w.reconcile()
	if result.Differences() != 0 || len(result.Findings) != 1 || result.Uploads[0].Differs {
		t.Fatalf("%+v", result)
	}
	if f := result.Findings[0]; f.Kind != reconcile.Unconverted || f.Count != 2 || f.Upload != u.ID ||
		f.Remedy != `ingest query orders 'SELECT "_CONVERSION_ERRORS", COUNT(*) FROM "RAW"."PUBLIC"."ORDERS_RECORDS" WHERE "_CONVERSION_ERRORS" IS NOT NULL GROUP BY 1'` {
		t.Errorf("%+v", f)
	}
	w.r.Snowflake.Querier = earlierView{rows{`COUNT(*) AS N FROM`: {{"k0": u.ID, "n": "3"}}}}
	if result := w.reconcile(); len(result.Findings) != 0 || *result.Uploads[0].InSnowflake != 3 {
		t.Errorf("%+v", result)
	}
}

// earlierView is a view without the column of conversion errors.
type earlierView struct{ rows }

func (v earlierView) Query(ctx context.Context, statement string) ([]client.Row, error) {
	if strings.Contains(statement, "_CONVERSION_ERRORS") {
		return nil, errors.New("000904 (42000): invalid identifier '\"_CONVERSION_ERRORS\"'")
	}
	return v.rows.Query(ctx, statement)
}

// Snowflake reads the files itself, and may accept rows that unpack rejects.
func TestRowsOfFiles(t *testing.T) {
	w := newFixture(t)
	w.put("a", "{}\n{tru}\n{}\n", true)
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
	w.r.Snowflake = &reconcile.Snowflake{Querier: answers, Spec: spec, Plan: plan}
	if result := w.reconcile(); result.Differences() != 0 || len(result.Findings) != 1 || result.Findings[0].Kind != reconcile.Unread {
		t.Errorf("%+v", result)
	}
}

// A file with the columns of an earlier version of the feed is no difference.
func TestDeepAfterChangeOfColumns(t *testing.T) {
	w := newFixture(t)
	columns := feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"a", "b"}}
	w.unpack.Spec.Format = columns
	w.put("a.csv", "a|b\n1|2\n3|4\n", true)
	columns.Columns = []string{"a", "b", "c"}
	w.r.Spec.Format = columns
	if result := w.reconcile(); len(result.Findings) != 0 || *result.Uploads[0].InFile != 2 {
		t.Errorf("%+v", result)
	}
	w.r.Spec.Format = feed.Format{Kind: feed.NDJSON}
	if result := w.reconcile(); result.Differences() != 1 || result.Findings[0].Kind != reconcile.FileDiffer {
		t.Errorf("%+v", result)
	}
}
