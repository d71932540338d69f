package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/operator/doctor"
	"example.com/ingestion/internal/operator/reconcile"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/local/feedtest"
)

// TestOperate causes one failure after another in two feeds, and fixes each with
// bin/ingest alone: mostly by the commands that reconcile or doctor prints.
func TestOperate(t *testing.T) {
	if testing.Short() {
		t.Skip("deploys to a local AWS")
	}
	// A throttled load continues in one invocation after another.
	w := startWith(t, map[string]string{"loadTimeoutSeconds": "3"})
	w.makeBucket(t)
	if err := w.deployEdited(t, w.editedApp(t, operated...), "Store", "Earthquakes", "Airports", "Late"); err != nil {
		t.Fatal(err)
	}
	w.quakes, w.airports = w.feed(t, "Earthquakes"), w.feed(t, "Airports")
	w.put(t, w.quakes, feedtest.File{Key: "2026/good.json", Body: features(50, nil)})
	w.put(t, w.airports, feedtest.File{Key: "good.csv", Body: rows(40, nil)})
	if err := w.airports.RunTask(t.Context(), w.db); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"nothing is wrong", nothingWrong},
		{"load fails", loadFails},
		{"the table is throttled", throttledTable},
		{"an event never arrives", lostEvent},
		{"records are deleted", deletedRecords},
		{"the pipe is paused", pausedPipe},
		{"a bucket of another team", othersBucket},
		{"records are refused", refusedRecords},
		{"nothing is wrong any more", nothingWrong},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.run(t, w) }) {
			t.FailNow() // the next step builds on this one
		}
	}
}

// operated reduces the part size of a feed: a file of some hundred records has several
// parts. It adds a feed of a prefix of another team's bucket.
var operated = []string{
	`Format: constructs.JSON().At("features"),`,
	`Format: constructs.JSON().At("features"), PartBytes: 8 << 10,`,
	`{Stack: "Movies",`, lateFeed + `{Stack: "Movies",`,
}

// nothingWrong expects that no check fails and every record is where it belongs.
func nothingWrong(t *testing.T, w *fixture) {
	w.idle(t)
	list := w.ingest(t, 0, "list")
	for _, f := range []*feedtest.Feed{w.quakes, w.airports} {
		list.line(t, f.Name, f.Stack, " idle ")
		uploads, err := f.Uploads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		deep := w.ingest(t, 0, "reconcile", f.Name, "--grace-period", "0s", "--deep")
		var stored int64
		for _, u := range uploads {
			stored += u.Stored
			state := "loaded"
			if u.Quarantined() > 0 {
				state = "partial"
			}
			deep.line(t, u.ID, u.Key, state, strconv.FormatInt(u.Records, 10), strconv.FormatInt(u.Stored, 10), "same")
		}
		w.ingest(t, 0, "records", f.Name).count(t, stored)
		w.ingest(t, 0, "doctor", f.Name).line(t, f.Stack+"/"+f.Name, " 0 warn, 0 fail, 0 unknown")
	}
}

// differences returns what reconcile reports.
func (w *fixture) differences(t *testing.T, f *feedtest.Feed, kind reconcile.Kind, n int) []reconcile.Finding {
	t.Helper()
	var r reconcile.Result
	w.ingest(t, 1, "reconcile", f.Name, "--grace-period", "0s", "--output", "json").read(t, &r)
	if len(r.Findings) != n || slices.ContainsFunc(r.Findings, func(f reconcile.Finding) bool { return f.Kind != kind }) {
		t.Fatalf("%d findings of kind %s are expected: %+v", n, kind, r.Findings)
	}
	table := w.ingest(t, 1, "reconcile", f.Name, "--grace-period", "0s")
	for _, finding := range r.Findings {
		table.line(t, string(kind), finding.Source, finding.Part, strconv.FormatInt(finding.Count, 10), finding.Detail[:20], finding.Remedy)
	}
	return r.Findings
}

// fix runs the remedies that reconcile has printed, each once; reconcile then reports
// nothing.
func (w *fixture) fix(t *testing.T, f *feedtest.Feed, findings []reconcile.Finding) {
	t.Helper()
	done := map[string]bool{}
	for _, finding := range findings {
		if !done[finding.Remedy] {
			w.shell(t, 0, finding.Remedy)
		}
		done[finding.Remedy] = true
	}
	w.idle(t)
	w.ingest(t, 0, "reconcile", f.Name, "--grace-period", "0s")
}

// failed are the checks of a feed that do not pass.
func (w *fixture) failed(t *testing.T, f *feedtest.Feed) []doctor.Finding {
	t.Helper()
	var r doctor.Report
	w.ingest(t, 1, "doctor", f.Name, "--output", "json").read(t, &r)
	return slices.DeleteFunc(r.Findings, func(f doctor.Finding) bool { return f.State == doctor.Pass })
}

// loadFails lets no loader begin, and then sets the parts aside as loaders do after
// their last attempt, which comes after minutes.
func loadFails(t *testing.T, w *fixture) {
	w.env.Host().FailNext(w.quakes.Load, 9) // three parts, three times each
	u, err := w.quakes.Put(t.Context(), feedtest.File{Key: "2026/fails.json", Body: features(600, nil)})
	if err != nil {
		t.Fatal(err)
	}
	w.idle(t)
	w.ingest(t, 0, "doctor", "earthquakes").line(t, "warn", "parts", "3 parts waiting, and no invocation of load has one")
	for {
		work, _, _, err := w.quakes.Ledger.ClaimWork(t.Context(), "earthquakes", ledger.Lease{Owner: "this test", Until: time.Now().Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		if work == nil {
			break
		}
		if err := w.quakes.Ledger.SetAside(t.Context(), work, errors.New("AccessDenied: the key of the bucket")); err != nil {
			t.Fatal(err)
		}
	}
	stopped := w.recipe(t, "A feed has stopped")
	stopped.run(t)
	status := w.ingest(t, 1, "status", "earthquakes", "2026/fails.json")
	status.line(t, "0000000-000001", "landed")
	status.line(t, "load has failed on "+u.ID, "AccessDenied: the key of the bucket")
	w.ingest(t, 1, "doctor", "earthquakes").line(t, "fail", "parts", "3 parts set aside", u.ID, "AccessDenied: the key of the bucket")
	w.differences(t, w.quakes, reconcile.Failed, 3)
	pageOfFailure(t, w, u.ID)
	missing := w.recipe(t, "Records are missing")
	missing.run(t)
	missing.done(t)
	stopped.run(t)
	stopped.done(t)
	w.ingest(t, 0, "reconcile", "earthquakes", "--grace-period", "0s")
}

// throttledTable throttles the table: load waits, and nothing fails.
func throttledTable(t *testing.T, w *fixture) {
	if err := w.env.Throttle(t.Context(), "BatchWriteItem"); err != nil {
		t.Fatal(err)
	}
	u, err := w.quakes.Put(t.Context(), feedtest.File{Key: "2026/throttled.json", Body: features(100, nil)})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(flowTime); ; time.Sleep(200 * time.Millisecond) {
		work, _, err := w.quakes.Ledger.ListWork(t.Context(), "earthquakes", 1)
		if err != nil || time.Now().After(deadline) {
			t.Fatal("load has not begun: ", work, err)
		}
		if len(work) == 1 && work[0].Loading {
			break
		}
	}
	w.ingest(t, 0, "list").line(t, "earthquakes", "working", "2026/throttled.json")
	w.ingest(t, 0, "status", "earthquakes", u.ID).line(t, "0000000-000000", "landed")
	if err := w.env.Throttle(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.idle(t)
	w.ingest(t, 0, "reconcile", "earthquakes", "--grace-period", "0s")
}

// lostEvent puts an object while the bucket has no notifications, as after a user
// has replaced them by hand.
func lostEvent(t *testing.T, w *fixture) {
	notify := func(c types.NotificationConfiguration) {
		t.Helper()
		if _, err := w.quakes.S3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
			Bucket: &w.quakes.SourceBucket, NotificationConfiguration: &c,
		}); err != nil {
			t.Fatal(err)
		}
	}
	notify(types.NotificationConfiguration{})
	if _, err := w.quakes.Put(t.Context(), feedtest.File{Key: "2026/it's lost & found.json", Body: features(30, nil)}); err != nil {
		t.Fatal(err)
	}
	lost := w.recipe(t, "Notifications were lost")
	lost.run(t)
	_, rest, _ := strings.Cut(w.failed(t, w.quakes)[0].Remedy, "--notification-configuration '")
	text, _, _ := strings.Cut(rest, "'")
	var c types.NotificationConfiguration
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	notify(c)

	w.differences(t, w.quakes, reconcile.NoEvent, 1)
	lost.run(t)
	lost.done(t)
	w.ingest(t, 0, "reconcile", "earthquakes", "--grace-period", "0s")
	w.put(t, w.quakes, feedtest.File{Key: "2026/heard again.json", Body: features(10, nil)})
}

// deletedRecords deletes two items from the table.
func deletedRecords(t *testing.T, w *fixture) {
	u := w.ledgerOf(t, w.quakes, "2026/good.json")
	items, err := w.quakes.FirstItems(t.Context(), u, 2)
	if err != nil || len(items) != 2 {
		t.Fatalf("%d items, error %v", len(items), err)
	}
	for _, it := range items {
		if _, err := w.quakes.DB.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &w.quakes.Table, Key: map[string]dynamotypes.AttributeValue{
			feed.PartitionKey: it[feed.PartitionKey], feed.SortKey: it[feed.SortKey],
		}}); err != nil {
			t.Fatal(err)
		}
	}
	found := w.differences(t, w.quakes, reconcile.Missing, 1)
	if found[0].Part != "0000000-000000" || found[0].Count != 2 || len(found[0].Ordinals) != 2 {
		t.Errorf("%+v", found[0])
	}
	deleted := w.recipe(t, "Items were deleted from the table")
	deleted.run(t)
	deleted.done(t)
	w.ingest(t, 0, "reconcile", "earthquakes", "--grace-period", "0s")
}

// othersBucket covers a bucket without EventBridge notifications, a backlog, and an
// object that is overwritten before it is read, in a bucket without versions.
func othersBucket(t *testing.T, w *fixture) {
	late := w.feed(t, "Late")
	put := func(key string, n int64) {
		t.Helper()
		if _, err := late.Put(t.Context(), feedtest.File{Key: "late/" + key, Body: lines(key, n)}); err != nil {
			t.Fatal(err)
		}
	}
	notify := func(c types.NotificationConfiguration) {
		t.Helper()
		if _, err := late.S3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
			Bucket: &late.SourceBucket, NotificationConfiguration: &c,
		}); err != nil {
			t.Fatal(err)
		}
	}
	notify(types.NotificationConfiguration{})
	put("unheard.ndjson", 5)
	w.ingest(t, 1, "doctor", "late").line(t, "fail", "existing bucket", "team-files sends no events to EventBridge")
	notify(types.NotificationConfiguration{EventBridgeConfiguration: &types.EventBridgeConfiguration{}})
	w.fix(t, late, w.differences(t, late, reconcile.NoEvent, 1))

	w.env.Host().Pause()
	put("1.ndjson", 3)
	put("2.ndjson", 4)
	put("again.ndjson", 5)
	put("again.ndjson", 6)
	w.env.Host().Resume()
	w.idle(t)
	w.ingest(t, 0, "status", "late").line(t, "late/again.ndjson", "missing")
	w.ingest(t, 0, "reconcile", "late", "--grace-period", "0s", "--deep")
	w.ingest(t, 0, "records", "late").count(t, 5+3+4+6)
}

func pausedPipe(t *testing.T, w *fixture) {
	w.idle(t)
	if _, err := w.db.ExecContext(t.Context(), w.quakes.Warehouse.Pipe.Pause()); err != nil {
		t.Fatal(err)
	}
	w.put(t, w.quakes, feedtest.File{Key: "2026/paused.json", Body: features(20, nil)})
	w.idle(t)
	w.ingest(t, 0, "list").line(t, "earthquakes", " idle ") // list does not look at Snowflake
	w.ingest(t, 0, "reconcile", "earthquakes").line(t, "waiting", "2026/paused.json", "Snowflake has 0 rows of the upload's 20")
	found := w.differences(t, w.quakes, reconcile.NoRows, 1)
	if want := "ingest query earthquakes '" + w.quakes.Warehouse.Pipe.Resume() + "'"; found[0].Remedy != want || !strings.HasSuffix(found[0].Detail, "the pipe is PAUSED") {
		t.Errorf("%+v, want %q", found[0], want)
	}
	w.ingest(t, 1, "doctor", "earthquakes").line(t, "Snowflake, pipe: status: "+found[0].Remedy)
	w.fix(t, w.quakes, found)
}

// refusedRecords puts a file with a column that the feed does not declare yet, and
// with a row that has more fields than the header.
func refusedRecords(t *testing.T, w *fixture) {
	body := rows(20, map[int]string{7: "X|Y|Z|?|?|?|?|?|?|?"})
	body = bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("longitude"), []byte("longitude|height")), []byte("|-2"), []byte("|-2|430"))
	w.put(t, w.airports, feedtest.File{Key: "with a height.csv", Body: body})
	w.ingest(t, 1, "status", "airports").line(t, "with a height.csv", "rejected")
	w.ingest(t, 1, "reconcile", "airports").line(t, "rejected", "with a height.csv", "header_mismatch", "ingest quarantine airports --upload")
	filling := w.recipe(t, "Quarantine is filling")
	filling.run(t)
	w.ingest(t, 1, "replay", "airports").line(t, "still in quarantine: 1 record")

	edits := append(slices.Clone(operated), `"latitude", "longitude"),`, `"latitude", "longitude", "height"),`)
	if err := w.deployEdited(t, w.editedApp(t, edits...), "Airports"); err != nil {
		t.Fatal(err)
	}
	// The invalid row stays in quarantine, with its new reason.
	filling.run(t)
	filling.done(t)
	u := w.ledgerOf(t, w.airports, "with a height.csv")
	if u.Records != 20 || u.Stored != 19 || !u.Balanced() {
		t.Errorf("ledger: %+v", u)
	}
	pageOfQuarantine(t, w, u.ID)
	w.ingest(t, 1, "replay", "airports")
	w.ingest(t, 0, "records", "airports", "--upload", "with a height.csv", "--where", `.data.height == "430"`).count(t, 19)

	// Snowflake reads the file at night, and loads the row with height NULL.
	w.ingest(t, 0, "reconcile", "airports", "--grace-period", "0s").line(t, "waiting", "with a height.csv", "the task runs on a schedule")
	w.ingest(t, 0, "query", "airports", w.airports.Warehouse.Task.Execute())
	w.idle(t)
	w.ingest(t, 0, "reconcile", "airports", "--grace-period", "0s").line(t, "not_checked", "with a height.csv", "may accept rows that are in quarantine")
}
