package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// Querier queries Snowflake; *client.Client implements it.
type Querier interface {
	Query(ctx context.Context, statement string) ([]client.Row, error)
}

// Snowflake is a session, and the feed's objects in Snowflake.
type Snowflake struct {
	Querier
	Spec snowflake.Spec
	Plan snowflake.Plan
}

// rowCounts are the numbers of rows in the feed's view by upload, or by the name and
// the content key of the file.
type rowCounts struct {
	*Snowflake
	by map[string]int64
	// unconverted are those of the rows with a value that the type of its column cannot hold.
	unconverted map[string]int64
	// succeeded and failed are the scheduled times of the last runs of the task of a
	// bulk load; zero if there was nfinding. suspended is true for a suspended task.
	succeeded, failed time.Time
	suspended         bool
	// state is the state of the pipe, empty until it is queried.
	state      string
	stateMutex sync.Mutex

	session sync.Mutex // runs one statement at a time
}

// Query implements Querier. It is safe for concurrent use.
func (c *rowCounts) Query(ctx context.Context, statement string) ([]client.Row, error) {
	c.session.Lock()
	defer c.session.Unlock()
	return c.Snowflake.Query(ctx, statement)
}

func (r *Reconcile) countRows(ctx context.Context, uploads []ledger.Upload) (*rowCounts, error) {
	s := r.Snowflake
	c := &rowCounts{Snowflake: s, by: map[string]int64{}, unconverted: map[string]int64{}}
	if s == nil || len(uploads) == 0 {
		return c, nil
	}
	columns := c.columns()
	where := ""
	if r.Upload != nil {
		where = " WHERE " + snowflake.Identifier(columns[0]) + "=" + snowflake.Literal(r.Upload.ID)
		if s.Spec.From == snowflake.FromFiles {
			where = " WHERE " + snowflake.Identifier(columns[0]) + "=" + snowflake.Literal(r.Upload.Key)
		}
	}
	failed := s.Spec.ConversionErrors()
	rows, err := s.Query(ctx, c.group(columns, where, failed))
	if failed != "" && err != nil && strings.Contains(err.Error(), failed) {
		failed = "" // the view is of an earlier version
		rows, err = s.Query(ctx, c.group(columns, where, failed))
	}
	if err != nil {
		return nil, fmt.Errorf("count the rows of %s: %w", s.Plan.View.Name(), err)
	}
	for _, row := range rows {
		n, err := strconv.ParseInt(row.Text("n"), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("count the rows of %s: %q is not a number", s.Plan.View.Name(), row.Text("n"))
		}
		key := row.Text("k0") + "\x00" + row.Text("k1")
		c.by[key] += n
		if failed != "" {
			n, err := strconv.ParseInt(row.Text("unconverted"), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("count the conversion errors of %s: %q is not a number", s.Plan.View.Name(), row.Text("unconverted"))
			}
			c.unconverted[key] += n
		}
	}
	if s.Plan.Task != nil {
		err = c.taskRuns(ctx)
	}
	return c, err
}

// columns are the columns of the view that identify the file of a row.
func (c *rowCounts) columns() []string {
	var columns []string
	switch {
	case c.Spec.From != snowflake.FromFiles:
		columns = []string{"UPLOAD"}
	case c.Spec.Load == snowflake.ExternalTable:
		columns = []string{"_FILE_NAME"} // it has no content key
	default:
		columns = []string{"_FILE_NAME", "_FILE_KEY"}
	}
	for i, name := range columns {
		for _, declared := range c.Spec.Columns {
			if strings.Trim(snowflake.Identifier(declared.Name), `"`) == name {
				columns[i] = "_" + name
			}
		}
	}
	return columns
}

// group is the query of the counts; failed is the column with conversion errors, if any.
func (c *rowCounts) group(columns []string, where, failed string) string {
	var names, keys []string
	for i, name := range columns {
		names = append(names, fmt.Sprintf("%s AS K%d", snowflake.Identifier(name), i))
		keys = append(keys, strconv.Itoa(i+1))
	}
	counts := ", COUNT(*) AS N"
	if failed != "" {
		counts += ", COUNT(" + snowflake.Identifier(failed) + ") AS UNCONVERTED"
	}
	return "SELECT " + strings.Join(names, ", ") + counts + " FROM " + c.Plan.View.Name() + where + " GROUP BY " + strings.Join(keys, ", ")
}

// taskRuns queries the history and the state of the task.
func (c *rowCounts) taskRuns(ctx context.Context) error {
	rows, err := c.Query(ctx, c.Plan.Task.History())
	if err != nil {
		return fmt.Errorf("query the history of the task: %w", err)
	}
	for _, row := range rows {
		last := &c.succeeded
		if strings.HasPrefix(row.Text("state"), "FAILED") {
			last = &c.failed
		} else if row.Text("state") != "SUCCEEDED" {
			continue
		}
		if t, err := time.Parse(time.RFC3339Nano, row.Text("scheduled_time")); err == nil && t.After(*last) {
			*last = t
		}
	}
	rows, _ = c.Query(ctx, c.Plan.Task.Describe()) // without the privilege, it is assumed not to be suspended
	for _, row := range rows {
		if row.Text("name") == c.Plan.Task.StoredName() {
			c.suspended = !strings.EqualFold(row.Text("state"), "started")
		}
	}
	return nil
}

// of returns the number of rows of an upload.
func (c *rowCounts) of(u ledger.Upload) int64 { return c.by[c.key(u)] }

// key is an upload's key in the counts.
func (c *rowCounts) key(u ledger.Upload) string {
	switch {
	case c.Spec.From != snowflake.FromFiles:
		return u.ID + "\x00"
	case c.Spec.Load == snowflake.ExternalTable:
		return u.Key + "\x00"
	}
	return u.Key + "\x00" + u.ETag
}

// expected returns the number of rows that an upload should have: with FromTable the
// stored records, with FromParts all records of its parts, with FromFiles all records
// that can be decoded.
func (c *rowCounts) expected(u ledger.Upload) int64 {
	if c.Spec.From == snowflake.FromTable {
		return u.Stored
	}
	return u.Records - u.RejectedByUnpack - u.Filtered
}

// snowflake compares the rows of the upload with what should be there.
func (c *check) snowflake(parts []ledger.Part) error {
	if c.Snowflake == nil || c.u.State == ledger.Unpacking {
		return nil
	}
	got, want := c.rows.of(c.u), c.rows.expected(c.u)
	if c.rows.Spec.From == snowflake.FromTable && c.u.State == ledger.Loaded {
		want = *c.result.InTable + c.gone // missing items are reported already, and are not exported
		if c.u.ExpireInSnowflake {
			want = min(max(got, *c.result.InTable), want) // the deletions may be under way
		}
	}
	c.result.InSnowflake = &got
	c.unconverted()
	if got == want {
		return nil
	}
	counts := fmt.Sprintf("Snowflake has %d rows of the upload's %d", got, want)
	f := Finding{Kind: NoRows, Count: want - got, Detail: counts}
	latest := c.u.UnpackedAt
	for _, p := range parts {
		for _, t := range []time.Time{p.LandedAt, p.LoadedAt} {
			if t.After(latest) {
				latest = t
			}
		}
	}
	switch task := c.rows.Plan.Task; {
	case got > want && c.rows.Spec.From == snowflake.FromFiles && c.u.RejectedByUnpack > 0:
		f.Kind, f.Detail = Unread, f.Detail+"; Snowflake reads the file itself, and may accept rows that are in quarantine"
	case got > want:
		f.Detail += ": were rows inserted in Snowflake, or records deleted from the table?"
	case task != nil && latest.After(c.rows.succeeded):
		c.task(&f, latest)
	case c.now().Sub(latest) < c.GracePeriod:
		f.Kind, f.Detail = Waiting, f.Detail+"; the last part was written less than "+c.GracePeriod.String()+" ago"
	case task != nil:
		f.Remedy = c.query(task.Execute())
	case c.rows.Plan.Pipe != nil:
		c.pipe(&f)
	case c.rows.Plan.ExternalTable != nil:
		f.Remedy = c.query(c.rows.Plan.ExternalTable.Refresh())
	}
	if f.Kind == NoRows && c.rows.Spec.From == snowflake.FromFiles && c.u.RejectedByUnpack > 0 {
		f.Detail += "; it loads no file with records that it cannot read, and this file has some"
		f.Remedy = ""
	}
	if f.Kind == NoRows && c.rows.Spec.From == snowflake.FromParts {
		return c.rowsByPart(f, strings.TrimPrefix(f.Detail, counts), parts)
	}
	c.add(f)
	return nil
}

// unconverted reports values that the view has as NULL because the type of their column
// cannot hold them.
func (c *check) unconverted() {
	n := c.rows.unconverted[c.rows.key(c.u)]
	if n == 0 {
		return
	}
	column, view := snowflake.Identifier(c.rows.Spec.ConversionErrors()), c.rows.Plan.View
	c.add(Finding{
		Kind: Unconverted, Count: n,
		Detail: fmt.Sprintf("%d records have values that the type of their column in %s cannot hold: these are NULL there, and in DATA as they were", n, view.StoredName()),
		Remedy: c.query("SELECT " + column + ", COUNT(*) FROM " + view.Name() + " WHERE " + column + " IS NOT NULL GROUP BY 1"),
	})
}

func (c *check) query(statement string) string {
	return c.command("query", quoted(statement))
}

// task completes a finding about rows that were written to the landing bucket after the
// last successful run of the task: they wait for its next run, unless it is suspended
// or has failed.
func (c *check) task(f *Finding, landed time.Time) {
	task := c.rows.Plan.Task
	grace := c.now().Sub(landed) < c.GracePeriod
	switch {
	case c.rows.suspended && !grace:
		f.Detail += "; the task is suspended"
		f.Remedy = c.query(task.Resume())
	case c.rows.failed.After(landed) && !grace:
		f.Detail += "; the task has failed since they were written"
		f.Remedy = c.command("doctor", "")
	default:
		f.Kind, f.Detail = Waiting, f.Detail+fmt.Sprintf("; the task runs on a schedule (%s) and has not run since they were written", task.Schedule)
	}
}

// copyFile is the command that loads a file, also one on which the pipe has failed, and
// one that is older than the seven days of a refresh. The view has each record once if
// the pipe loads the file as well.
func (c *check) copyFile(key string) string {
	return c.query(c.rows.Plan.Pipe.Copy.Files(key))
}

// pipe completes a finding about rows that a pipe has not loaded. A paused pipe loads
// nothing. A running one has not received the notification, or has failed on the file,
// which a refresh then skips: where the file is known, COPY INTO loads it in both cases.
func (c *check) pipe(f *Finding) {
	pipe := c.rows.Plan.Pipe
	c.rows.stateMutex.Lock()
	defer c.rows.stateMutex.Unlock()
	if c.rows.state == "" {
		c.rows.state = "RUNNING" // assumed without the privilege to query it
		if answer, err := c.rows.Query(c.ctx, pipe.Status()); err == nil && len(answer) == 1 {
			for column := range answer[0] {
				var s struct {
					State string `json:"executionState"`
				}
				if json.Unmarshal([]byte(answer[0].Text(column)), &s) == nil && s.State != "" {
					c.rows.state = s.State
				}
			}
		}
	}
	switch c.rows.state {
	case "RUNNING":
		f.Remedy = c.query(pipe.Refresh(time.Time{}))
		if c.rows.Spec.From == snowflake.FromFiles {
			f.Remedy = c.copyFile(c.u.Key)
		}
		return
	case "PAUSED":
		f.Remedy = c.query(pipe.Resume())
	default:
		f.Remedy = c.command("doctor", "")
	}
	f.Detail += "; the pipe is " + c.rows.state
}

// rowsByPart reports the parts with too few rows. The row of a record that a replay has
// written again belongs to the later part.
func (c *check) rowsByPart(f Finding, reason string, parts []ledger.Part) error {
	column := snowflake.Identifier("_FILE_NAME")
	rows, err := c.rows.Query(c.ctx, "SELECT "+column+" AS K0, COUNT(*) AS N FROM "+c.rows.Plan.View.Name()+
		" WHERE "+snowflake.Identifier(c.rows.columns()[0])+"="+snowflake.Literal(c.u.ID)+" GROUP BY 1")
	if err != nil {
		return fmt.Errorf("count the rows by part: %w", err)
	}
	by := map[string]string{}
	for _, row := range rows {
		by[row.Text("k0")] = row.Text("n")
	}
	reported, total := false, int64(0)
	for _, p := range parts {
		n, err := strconv.ParseInt("0"+by[p.Key], 10, 64)
		total += n
		if err != nil || n >= p.Records-p.Replayed {
			continue
		}
		reported = true
		finding := f
		finding.Part, finding.Count = p.Name, p.Records-p.Replayed-n
		finding.Detail = fmt.Sprintf("Snowflake has %d rows of the part's %d", n, p.Records-p.Replayed) + reason
		if slices.Contains(c.deleted, p.Name) {
			finding.Remedy = "" // the part was deleted
		} else if pipe := c.rows.Plan.Pipe; pipe != nil && f.Remedy == c.query(pipe.Refresh(time.Time{})) {
			finding.Remedy = c.copyFile(p.Key)
		}
		c.add(finding)
	}
	if !reported && total == c.rows.expected(c.u) { // loaded in the meantime
		c.result.InSnowflake = &total
		return nil
	}
	if !reported {
		c.add(f)
	}
	return nil
}
