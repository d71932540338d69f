package snowflake

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/local/snowflake/awsaccess"
	sf "example.com/ingestion/snowflake"
)

func parts() sf.Spec {
	return sf.Spec{From: sf.FromParts, Format: feed.Format{Kind: feed.JSON}}
}

func (f *fixture) status(t *testing.T, plan sf.Plan) (status struct {
	ExecutionState        string
	PendingFileCount      int
	OldestPendingFilePath string
	Error                 string
},
) {
	t.Helper()
	if err := json.Unmarshal([]byte(f.rows(t, plan.Pipe.Status())[0]), &status); err != nil {
		t.Fatal(err)
	}
	return status
}

const (
	rowCount = `SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS`
	folder   = "landing/orders/2026/01/02/u/"
)

// wantRows waits until all files are loaded and compares the number of rows.
func (f *fixture) wantRows(t *testing.T, want string) {
	t.Helper()
	if err := f.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.want(t, rowCount, want)
}

func TestPausedPipe(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := f.deploy(t, spec)
	f.bucket.put(t, folder+"1", part(1, "{}"))
	f.bucket.put(t, "landing/other/1", part(1, "{}")) // of another feed
	f.want(t, rowCount, "1")
	f.exec(t, plan.Pipe.Pause())
	f.bucket.put(t, folder+"2", part(2, "{}"))
	if s := f.status(t, plan); s.ExecutionState != "PAUSED" || s.PendingFileCount != 1 {
		t.Errorf("got %+v", s)
	}
	if err := f.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.want(t, rowCount, "1")
	f.exec(t, plan.Pipe.Resume())
	f.want(t, rowCount, "2")
	if s := f.status(t, plan); s.ExecutionState != "RUNNING" || s.PendingFileCount != 0 {
		t.Errorf("got %+v", s)
	}
}

// A replaced pipe has no load history, so that a refresh without a start time loads
// files again.
func TestReplacedPipe(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := f.deploy(t, spec)
	f.bucket.put(t, folder+"1", part(1, "{}"))
	f.exec(t, plan.Pipe.Pause())
	at := time.Now()
	f.bucket.store(folder+"2", part(2, "{}")) // without a notification
	f.exec(t, plan.Pipe.Replace(), plan.Pipe.Resume())
	f.want(t, plan.Pipe.Refresh(at), folder+"2|SENT")
	f.wantRows(t, "2")
	f.want(t, plan.Pipe.Refresh(time.Time{}), folder+"1|SENT") // loaded again
	f.wantRows(t, "3")
	f.want(t, `SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS_RECORDS`, "2")
	f.want(t, plan.Pipe.Refresh(time.Time{}))
}

func TestPipeWithoutAccess(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := f.deploy(t, spec)
	f.bucket.accessError = &awsaccess.Error{Number: 3167, State: "42601", Message: "Error assuming AWS_ROLE"}
	f.want(t, `SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS`, "0")
	f.bucket.put(t, folder+"1", part(1, "{}"))
	if s := f.status(t, plan); !strings.HasPrefix(s.ExecutionState, "STALLED") || s.PendingFileCount != 1 || !strings.Contains(s.Error, "AWS_ROLE") {
		t.Errorf("got %+v", s)
	}
	f.wantError(t, plan.Pipe.Refresh(time.Time{}), 3167, "AWS_ROLE")
	f.bucket.accessError = nil // the role works now, and the pipe retries
	if err := f.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.want(t, rowCount, "1")
}

func TestDroppedStage(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := f.deploy(t, spec)
	f.exec(t, plan.Stage.Drop(), plan.Stage.Create()[0])
	if s := f.status(t, plan); s.ExecutionState != "STOPPED_STAGE_DROPPED" {
		t.Errorf("got %+v", s)
	}
}

// A pipe does not load the files of a refresh while it is paused, so that they stay
// pending.
func TestRefreshOfPausedPipe(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := f.deploy(t, spec)
	f.bucket.store(folder+"1", part(1, "{}"))
	f.exec(t, plan.Pipe.Pause())
	f.want(t, plan.Pipe.Refresh(time.Time{}), folder+"1|SENT")
	if s := f.status(t, plan); s.PendingFileCount != 1 || s.OldestPendingFilePath != folder+"1" {
		t.Errorf("got %+v", s)
	}
	f.wantRows(t, "0")
	f.exec(t, plan.Pipe.Resume())
	f.wantRows(t, "1")
}

// A file that a pipe may not read has failed for good: neither a notification nor a
// refresh loads it after the access was granted, but COPY INTO with FILES does.
func TestFileThatPipeMayNotRead(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := f.deploy(t, spec)
	f.bucket.readError = &awsaccess.Error{Number: 91003, State: "55000", Message: "Access Denied"}
	f.bucket.put(t, folder+"1", part(1, "{}"))
	if s := f.status(t, plan); s.ExecutionState != "RUNNING" || s.PendingFileCount != 0 {
		t.Errorf("got %+v", s)
	}
	f.bucket.readError = nil
	f.bucket.put(t, folder+"1", part(1, "{}"))
	f.want(t, plan.Pipe.Refresh(time.Time{}))
	f.wantRows(t, "0")
	f.exec(t, plan.Pipe.Copy.Files(folder+"1"))
	f.wantRows(t, "1")
}

// A role that may list a file and not read it passes the check of action list only.
func TestCheckOfRead(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := f.deploy(t, spec)
	f.bucket.store(folder+"1", part(1, "{}"))
	if got := f.rows(t, plan.Stage.List()); len(got) != 1 || !strings.HasPrefix(got[0], "s3://landing/"+folder+"1|") {
		t.Errorf("got %q", got)
	}
	url := "s3://landing/" + folder + "1"
	name := strings.TrimPrefix(url, plan.StageURL())
	f.want(t, plan.Integration.ValidateRead(plan.StageURL(), name), `{"actions":{"READ":{"status":"success"}},"status":"success"}`)
	if got := f.rows(t, plan.Integration.ValidateRead(plan.StageURL(), "other"))[0]; !strings.Contains(got, `"status":"failure"`) {
		t.Errorf("a file that does not exist: %s", got)
	}
	f.bucket.readError = &awsaccess.Error{Number: 91003, State: "55000", Message: "Access Denied"}
	f.want(t, plan.Integration.Validate(plan.StageURL()), `{"actions":{"LIST":{"status":"success"}},"status":"success"}`)
	if got := f.rows(t, plan.Integration.ValidateRead(plan.StageURL(), name))[0]; !strings.Contains(got, "Access Denied") {
		t.Errorf("got %s", got)
	}
}

// A pipe that was paused for more than 14 days is only resumed with force.
func TestStalePipe(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := f.deploy(t, spec)
	f.exec(t, plan.Pipe.Pause())
	f.engine.mu.Lock()
	for _, o := range f.engine.catalog.objects {
		if d, ok := o.detail.(*pipe); ok {
			d.pausedAt = time.Now().Add(-15 * 24 * time.Hour)
		}
	}
	f.engine.mu.Unlock()
	f.wantError(t, plan.Pipe.Resume(), 1008, "stale")
	f.wantError(t, `SELECT SYSTEM$PIPE_FORCE_RESUME('RAW.PUBLIC.ORDERS_PIPE')`, 1008, "STALENESS_CHECK_OVERRIDE")
	f.want(t, plan.Pipe.ForceResume(), "Pipe resumed.")
	if s := f.status(t, plan); s.ExecutionState != "RUNNING" {
		t.Errorf("got %+v", s)
	}
}

// A refresh skips files that a COPY has loaded into the table.
func TestRefreshAfterCopy(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := f.deploy(t, spec)
	f.bucket.store(folder+"1", part(1, "{}"))
	f.rows(t, plan.Pipe.Copy.String())
	f.want(t, plan.Pipe.Refresh(time.Time{}))
	f.wantRows(t, "1")
}

// A pipe stops when the URL of its stage changes, and has to be replaced.
func TestAlteredStage(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := f.deploy(t, spec)
	f.exec(t, "ALTER STAGE "+plan.Stage.Name()+" SET URL='s3://landing/landing/orders/new/'")
	f.bucket.put(t, "landing/orders/new/1", part(1, "{}"))
	if s := f.status(t, plan); s.ExecutionState != "STOPPED_STAGE_ALTERED" {
		t.Errorf("got %+v", s)
	}
	f.wantRows(t, "0")
	f.exec(t, plan.Pipe.Replace(), plan.Pipe.Refresh(time.Time{}))
	f.wantRows(t, "1")
}

// A pipe skips files that do not match the PATTERN of its COPY.
func TestPatternOfPipe(t *testing.T) {
	f := start(t)
	spec := sf.Spec{From: sf.FromFiles, Load: sf.Continuous, Prefix: "in/", Format: feed.Format{Kind: feed.NDJSON}, Suffixes: []string{".json"}}
	f.deploy(t, spec)
	f.bucket.put(t, "in/1.txt", `{"a":1}`)
	f.bucket.put(t, "in/2.json", `{"a":1}`)
	f.wantRows(t, "1")
}

func TestInvalidFile(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := f.deploy(t, spec)
	f.bucket.put(t, folder+"1", part(1, "{}")+"{invalid\n")
	f.bucket.put(t, folder+"2", part(2, "{}"))
	f.want(t, rowCount, "1") // no row of an invalid file is loaded
	history := `SELECT FILE_NAME, STATUS, ROW_COUNT, FIRST_ERROR_MESSAGE IS NULL, PIPE_NAME
		FROM TABLE(RAW.INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME=>'"RAW"."PUBLIC"."ORDERS"', START_TIME=>DATEADD(hour, -1, CURRENT_TIMESTAMP()))) ORDER BY 1`
	f.want(t, history, "2026/01/02/u/1|Load failed|0|0|ORDERS_PIPE", "2026/01/02/u/2|Loaded|1|1|ORDERS_PIPE")
	f.exec(t, plan.Pipe.Replace())
	f.want(t, history) // a replaced pipe takes its loads with it
}

func TestCopy(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Bulk
	plan := f.deploy(t, spec)
	copy := plan.Task.Copy.String()
	f.want(t, copy, "Copy executed with 0 files processed.")
	f.bucket.store(folder+"1.gz", part(1, "{}")+part(2, "{}"))
	f.bucket.store(folder+"2.gz", "{")
	got := f.rows(t, copy)
	if len(got) != 2 || !strings.HasPrefix(got[0], "s3://landing/"+folder+"1.gz|LOADED|2|2|") || !strings.Contains(got[1], "LOAD_FAILED|0|0|1|1|") {
		t.Fatalf("got %q", got)
	}
	f.bucket.store(folder+"2.gz", part(3, "{}")) // fixed
	if got = f.rows(t, copy); len(got) != 1 || !strings.Contains(got[0], "2.gz|LOADED|1|1|") {
		t.Fatalf("got %q", got)
	}
	f.bucket.store(folder+"1.gz", part(1, `{"v":2}`)) // a new version
	f.want(t, `SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS`, "3")
	f.rows(t, copy)
	f.want(t, rowCount, "4")
	f.rows(t, strings.Replace(copy, "ON_ERROR", "FORCE=TRUE ON_ERROR", 1))
	f.want(t, rowCount, "6")
	f.bucket.store(folder+"3.gz", part(4, "{}"))
	f.bucket.store(folder+"4.gz", "{")
	f.wantError(t, strings.Replace(copy, "SKIP_FILE", "ABORT_STATEMENT", 1), 100038, "4.gz")
	f.want(t, rowCount, "6") // the rows of 3.gz were deleted
}

func TestTask(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Bulk
	plan := f.deploy(t, spec)
	history := func() []string { return f.rows(t, plan.Task.History()) }
	if got := history(); len(got) != 0 {
		t.Fatalf("got %q", got)
	}
	f.bucket.store(folder+"1", part(1, "{}"))
	f.load(t, plan)
	f.want(t, rowCount, "1")
	if got := history(); len(got) != 1 || !strings.Contains(got[0], "|SUCCEEDED|NULL|NULL|") {
		t.Fatalf("got %q", got)
	}
	f.wantError(t, `ALTER TASK RAW.PUBLIC.ORDERS_TASK SET COMMENT='x'`, 91089, "suspended")
	f.exec(t, plan.Task.Alter()...)
	f.exec(t, plan.Table.Drop())
	f.load(t, plan)
	if got := history(); len(got) != 2 || !strings.Contains(got[0], "|FAILED|002003|") {
		t.Fatalf("got %q", got)
	}
}

// A run that takes longer than USER_TASK_TIMEOUT_MS fails and loads nothing, so that
// the default of one hour is too short for a large backlog.
func TestTaskTimeout(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Bulk
	plan := f.deploy(t, spec)
	create := strings.Replace(plan.Task.Create()[0], "IF NOT EXISTS ", "", 1)
	if !strings.Contains(create, "USER_TASK_TIMEOUT_MS=86400000") {
		t.Fatalf("the task has the default timeout of an hour:\n%s", create)
	}
	f.exec(t, plan.Task.Drop(), regexp.MustCompile(`USER_TASK_TIMEOUT_MS=\d+`).ReplaceAllString(create, "USER_TASK_TIMEOUT_MS=20"))
	f.bucket.store(folder+"1", part(1, "{}"))
	f.bucket.slow = true
	f.load(t, plan)
	if got := f.rows(t, plan.Task.History()); len(got) != 1 || !strings.Contains(got[0], "|FAILED|000630|") {
		t.Errorf("got %q", got)
	}
	f.want(t, rowCount, "0")
}

func TestTaskOnSchedule(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Bulk
	plan := f.deploy(t, spec)
	f.bucket.store(folder+"1", part(1, "{}"))
	f.engine.mu.Lock()
	for _, o := range f.engine.catalog.objects {
		if d, ok := o.detail.(*task); ok {
			if next := d.next.UTC(); next.Hour() != 2 || next.Minute() != 17 {
				t.Errorf("next run at %v", next)
			}
			f.engine.startDue(t.Context(), d.next)
			if time.Until(d.next) > 48*time.Hour+time.Minute {
				t.Errorf("then at %v", d.next)
			}
		}
	}
	f.engine.mu.Unlock()
	if err := f.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.want(t, rowCount, "1")
	if got := f.rows(t, plan.Task.History()); len(got) != 1 {
		t.Errorf("got %q", got)
	}
}

func TestExternalTable(t *testing.T) {
	f := start(t)
	f.bucket.store(folder+"1", part(1, `{"a":1.0}`)) // exists before the table: REFRESH_ON_CREATE
	spec := parts()
	spec.Load = sf.ExternalTable
	plan := f.deploy(t, spec)
	f.want(t, `SELECT DATA, "_FILE_ROW", "_DATE" FROM RAW.PUBLIC.ORDERS_RECORDS`, `{"a":1}|1|2026-01-02T00:00:00Z`)
	f.want(t, `SELECT METADATA$FILENAME, VALUE:"data" FROM RAW.PUBLIC.ORDERS`, folder+`1|{"a":1}`)
	f.bucket.put(t, folder+"1", part(1, `{"a":2}`)) // replaced
	f.bucket.put(t, folder+"2", part(2, `{"a":3}`))
	f.want(t, `SELECT DATA:a FROM RAW.PUBLIC.ORDERS_RECORDS ORDER BY ID`, "2", "3")
	f.bucket.remove(t, folder+"1")
	f.want(t, rowCount, "1")
	f.bucket.store(folder+"3", part(3, `{}`))
	f.want(t, plan.ExternalTable.Refresh(), folder+"3|REGISTERED_NEW|File registered successfully.")
	f.want(t, rowCount, "2")
	columns, err := f.db.QueryContext(t.Context(), "SELECT * FROM RAW.PUBLIC.ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	defer columns.Close() //nolint:errcheck // Err returns it
	names, err := columns.Columns()
	if err != nil || columns.Err() != nil || !slices.Equal(names, []string{"VALUE", "_FILE_NAME", "_FILE_ROW", "_DATE"}) {
		t.Error(names, err, columns.Err())
	}
}

// A file without a column of the table is loaded as rows of NULL.
func TestFileWithOtherColumns(t *testing.T) {
	f := start(t)
	csv := feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"a", "b"}}
	f.deploy(t, sf.Spec{From: sf.FromFiles, Load: sf.Continuous, Prefix: "in/", Format: csv})
	f.bucket.put(t, "in/1", "c|d\n1|2\n3|4\n")
	f.want(t, `SELECT A, B, "_FILE_NAME" FROM RAW.PUBLIC.ORDERS`, "NULL|NULL|in/1", "NULL|NULL|in/1")
}

// An external table has the rows of an invalid file before the error. A COPY loads none
// of its rows.
func TestInvalidFileOfExternalTable(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.ExternalTable
	plan := f.deploy(t, spec)
	f.bucket.put(t, folder+"1", part(1, "{}")+part(2, "{}")+"{invalid\n"+part(3, "{}"))
	f.bucket.put(t, folder+"2", part(4, "{}"))
	f.wantRows(t, "3")
	f.want(t, plan.ExternalTable.Refresh())
}

// An added column is added to the table and the view; the pipe is not changed.
func TestAddedColumn(t *testing.T) {
	f := start(t)
	csv := feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"a"}}
	spec := sf.Spec{From: sf.FromFiles, Load: sf.Continuous, Prefix: "in/", Format: csv}
	f.deploy(t, spec)
	f.bucket.put(t, "in/1", "a|b\n1|2\n")
	spec.Format.Columns = []string{"a", "b"}
	plan := planOf(t, spec)
	f.exec(t, plan.Table.Alter()...)
	f.exec(t, plan.View.Alter()...)
	f.bucket.put(t, "in/2", "B|a\n4|3\n")
	f.want(t, `SELECT A, B FROM RAW.PUBLIC.ORDERS_RECORDS ORDER BY A`, "1|NULL", "3|4")
}

// COPY skips an old file of which it does not know whether it was loaded; the command that
// reconcile prints loads it.
func TestUncertainFiles(t *testing.T) {
	f := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := f.deploy(t, spec)
	const key = "landing/orders/2026/01/02/u/1"
	f.bucket.put(t, key, part(1, "1"))
	f.load(t, plan)
	f.exec(t, "DELETE FROM RAW.PUBLIC.ORDERS")
	old := time.Now().Add(-65 * 24 * time.Hour)
	f.bucket.times[key] = old
	for _, o := range f.engine.catalog.objects {
		o.created = old
	}
	files := plan.Pipe.Copy.Files(key)
	f.rows(t, strings.Replace(files, " LOAD_UNCERTAIN_FILES=TRUE", "", 1))
	f.want(t, "SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS", "0")
	f.rows(t, files)
	f.want(t, "SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS", "1")
	f.rows(t, files) // its load is known again
	f.want(t, "SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS", "1")
}
