package snowflake

import (
	"encoding/json"
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

func (w *world) status(t *testing.T, plan sf.Plan) (status struct {
	ExecutionState   string
	PendingFileCount int
	Error            string
},
) {
	t.Helper()
	if err := json.Unmarshal([]byte(w.rows(t, plan.Pipe.Status())[0]), &status); err != nil {
		t.Fatal(err)
	}
	return status
}

const (
	rowCount = `SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS`
	folder   = "landing/orders/2026/01/02/u/"
)

func TestPausedPipe(t *testing.T) {
	w := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := w.deploy(t, spec)
	w.bucket.put(t, folder+"1", part(1, "{}"))
	w.bucket.put(t, "landing/other/1", part(1, "{}")) // another feed's
	w.want(t, rowCount, "1")
	w.exec(t, plan.Pipe.Pause())
	w.bucket.put(t, folder+"2", part(2, "{}"))
	if s := w.status(t, plan); s.ExecutionState != "PAUSED" || s.PendingFileCount != 1 {
		t.Errorf("got %+v", s)
	}
	if err := w.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want(t, rowCount, "1")
	w.exec(t, plan.Pipe.Resume())
	w.want(t, rowCount, "2")
	if s := w.status(t, plan); s.ExecutionState != "RUNNING" || s.PendingFileCount != 0 {
		t.Errorf("got %+v", s)
	}
}

// A new pipe knows nothing of what the old one loaded: only a bounded refresh
// leaves that alone.
func TestReplacedPipe(t *testing.T) {
	w := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := w.deploy(t, spec)
	w.bucket.put(t, folder+"1", part(1, "{}"))
	w.exec(t, plan.Pipe.Pause())
	at := time.Now()
	w.bucket.store(folder+"2", part(2, "{}")) // nobody hears of it
	w.exec(t, plan.Pipe.Replace(), plan.Pipe.Resume())
	w.want(t, plan.Pipe.Refresh(at), folder+"2|SENT")
	w.want(t, rowCount, "2")
	w.want(t, plan.Pipe.Refresh(time.Time{}), folder+"1|SENT") // the second time
	w.want(t, rowCount, "3")
	w.want(t, `SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS_LATEST`, "2")
	w.want(t, plan.Pipe.Refresh(time.Time{}))
}

func TestPipeWithoutAccess(t *testing.T) {
	w := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := w.deploy(t, spec)
	w.bucket.refused = &awsaccess.Error{Number: 3167, State: "42601", Message: "Error assuming AWS_ROLE"}
	w.want(t, `SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS`, "0")
	w.bucket.put(t, folder+"1", part(1, "{}"))
	if s := w.status(t, plan); !strings.HasPrefix(s.ExecutionState, "STALLED") || s.PendingFileCount != 1 || !strings.Contains(s.Error, "AWS_ROLE") {
		t.Errorf("got %+v", s)
	}
	w.wantError(t, plan.Pipe.Refresh(time.Time{}), 3167, "AWS_ROLE")
	w.bucket.refused = nil // the role has come; the pipe tries by itself
	if err := w.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want(t, rowCount, "1")
}

func TestDroppedStage(t *testing.T) {
	w := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	plan := w.deploy(t, spec)
	w.exec(t, plan.Stage.Drop(), plan.Stage.Create()[0])
	if s := w.status(t, plan); s.ExecutionState != "STOPPED_STAGE_DROPPED" {
		t.Errorf("got %+v", s)
	}
}

func TestBrokenFile(t *testing.T) {
	w := start(t)
	spec := parts()
	spec.Load = sf.Continuous
	w.deploy(t, spec)
	w.bucket.put(t, folder+"1", part(1, "{}")+"{broken\n")
	w.bucket.put(t, folder+"2", part(2, "{}"))
	w.want(t, rowCount, "1") // a file is loaded wholly or not at all
	w.want(t, `SELECT FILE_NAME, STATUS, ROW_COUNT, FIRST_ERROR_MESSAGE IS NULL, PIPE_NAME
		FROM TABLE(RAW.INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME=>'"RAW"."PUBLIC"."ORDERS"', START_TIME=>DATEADD(hour, -1, CURRENT_TIMESTAMP()))) ORDER BY 1`,
		"2026/01/02/u/1|Load failed|0|0|ORDERS_PIPE", "2026/01/02/u/2|Loaded|1|1|ORDERS_PIPE")
}

func TestCopy(t *testing.T) {
	w := start(t)
	spec := parts()
	spec.Load = sf.Bulk
	plan := w.deploy(t, spec)
	copy := plan.Task.Copy.String()
	w.want(t, copy, "Copy executed with 0 files processed.")
	w.bucket.store(folder+"1.gz", part(1, "{}")+part(2, "{}"))
	w.bucket.store(folder+"2.gz", "{")
	got := w.rows(t, copy)
	if len(got) != 2 || !strings.HasPrefix(got[0], "s3://landing/"+folder+"1.gz|LOADED|2|2|") || !strings.Contains(got[1], "LOAD_FAILED|0|0|1|1|") {
		t.Fatalf("got %q", got)
	}
	w.bucket.store(folder+"2.gz", part(3, "{}")) // mended
	if got = w.rows(t, copy); len(got) != 1 || !strings.Contains(got[0], "2.gz|LOADED|1|1|") {
		t.Fatalf("got %q", got)
	}
	w.bucket.store(folder+"1.gz", part(1, `{"v":2}`)) // a new version
	w.want(t, `SELECT COUNT(*) FROM RAW.PUBLIC.ORDERS`, "3")
	w.rows(t, copy)
	w.want(t, rowCount, "4")
	w.rows(t, strings.Replace(copy, "ON_ERROR", "FORCE=TRUE ON_ERROR", 1))
	w.want(t, rowCount, "6")
	w.bucket.store(folder+"3.gz", part(4, "{}"))
	w.bucket.store(folder+"4.gz", "{")
	w.wantError(t, strings.Replace(copy, "SKIP_FILE", "ABORT_STATEMENT", 1), 100038, "4.gz")
	w.want(t, rowCount, "6") // the third was taken back
}

func TestTask(t *testing.T) {
	w := start(t)
	spec := parts()
	spec.Load = sf.Bulk
	plan := w.deploy(t, spec)
	history := func() []string { return w.rows(t, plan.Task.History()) }
	if got := history(); len(got) != 0 {
		t.Fatalf("got %q", got)
	}
	w.bucket.store(folder+"1", part(1, "{}"))
	w.load(t, plan)
	w.want(t, rowCount, "1")
	if got := history(); len(got) != 1 || !strings.Contains(got[0], "|SUCCEEDED|NULL|NULL|") {
		t.Fatalf("got %q", got)
	}
	w.wantError(t, `ALTER TASK RAW.PUBLIC.ORDERS_TASK SET COMMENT='x'`, 91089, "suspended")
	w.exec(t, plan.Task.Alter()...)
	w.exec(t, plan.Table.Drop())
	w.load(t, plan)
	if got := history(); len(got) != 2 || !strings.Contains(got[0], "|FAILED|002003|") {
		t.Fatalf("got %q", got)
	}
}

func TestTaskOnSchedule(t *testing.T) {
	w := start(t)
	spec := parts()
	spec.Load = sf.Bulk
	plan := w.deploy(t, spec)
	w.bucket.store(folder+"1", part(1, "{}"))
	w.engine.mu.Lock()
	for _, o := range w.engine.catalog.objects {
		if d, ok := o.detail.(*task); ok {
			if next := d.next.UTC(); next.Hour() != 2 || next.Minute() != 17 {
				t.Errorf("next run at %v", next)
			}
			w.engine.startDue(t.Context(), d.next)
			if time.Until(d.next) > 48*time.Hour+time.Minute {
				t.Errorf("then at %v", d.next)
			}
		}
	}
	w.engine.mu.Unlock()
	if err := w.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want(t, rowCount, "1")
	if got := w.rows(t, plan.Task.History()); len(got) != 1 {
		t.Errorf("got %q", got)
	}
}

func TestExternalTable(t *testing.T) {
	w := start(t)
	w.bucket.store(folder+"1", part(1, `{"a":1.0}`)) // there before: REFRESH_ON_CREATE
	spec := parts()
	spec.Load = sf.ExternalTable
	plan := w.deploy(t, spec)
	w.want(t, `SELECT DATA, "_FILE_ROW", "_DATE" FROM RAW.PUBLIC.ORDERS_LATEST`, `{"a":1.0}|1|2026-01-02T00:00:00Z`)
	w.want(t, `SELECT METADATA$FILENAME, VALUE:"data" FROM RAW.PUBLIC.ORDERS`, folder+`1|{"a":1.0}`)
	w.bucket.put(t, folder+"1", part(1, `{"a":2}`)) // replaced
	w.bucket.put(t, folder+"2", part(2, `{"a":3}`))
	w.want(t, `SELECT DATA:a FROM RAW.PUBLIC.ORDERS_LATEST ORDER BY ID`, "2", "3")
	w.bucket.remove(t, folder+"1")
	w.want(t, rowCount, "1")
	w.bucket.store(folder+"3", part(3, `{}`))
	w.want(t, plan.ExternalTable.Refresh(), folder+"3|REGISTERED_NEW|File registered successfully.")
	w.want(t, rowCount, "2")
	columns, err := w.db.QueryContext(t.Context(), "SELECT * FROM RAW.PUBLIC.ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	defer columns.Close() //nolint:errcheck // Err tells
	names, err := columns.Columns()
	if err != nil || columns.Err() != nil || !slices.Equal(names, []string{"VALUE", "_FILE_NAME", "_FILE_ROW", "_DATE"}) {
		t.Error(names, err, columns.Err())
	}
}

// An added column reaches the table and the view, and the pipe goes on as it was.
func TestAddedColumn(t *testing.T) {
	w := start(t)
	csv := feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"a"}}
	spec := sf.Spec{From: sf.FromFiles, Load: sf.Continuous, Prefix: "in/", Format: csv}
	w.deploy(t, spec)
	w.bucket.put(t, "in/1", "a|b\n1|2\n")
	spec.Format.Columns = []string{"a", "b"}
	plan := planOf(t, spec)
	w.exec(t, plan.Table.Alter()...)
	w.exec(t, plan.View.Alter()...)
	w.bucket.put(t, "in/2", "B|a\n4|3\n")
	w.want(t, `SELECT A, B FROM RAW.PUBLIC.ORDERS_LATEST ORDER BY A`, "1|NULL", "3|4")
}
