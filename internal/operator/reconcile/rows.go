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

// Rows answers queries: a session of package client does.
type Rows interface {
	Query(ctx context.Context, statement string) ([]client.Row, error)
}

// Snowflake is a session with the feed's Snowflake, and what the feed has there.
type Snowflake struct {
	Rows
	Spec snowflake.Spec
	Plan snowflake.Plan
}

// counted are the rows of the feed's view by upload, or by the name and the
// content key of the file.
type counted struct {
	*Snowflake
	by map[string]int64
	// loaded is when the last run of a Bulk task that succeeded was due; zero
	// where there was none.
	loaded time.Time
	// failed is when the last that failed was due, off says that it is suspended.
	failed time.Time
	off    bool
	// state is that of the pipe, empty while nobody has asked.
	state string
	asks  sync.Mutex // held for state

	one sync.Mutex // a session answers one statement after another
}

// Query implements Rows for several goroutines.
func (c *counted) Query(ctx context.Context, statement string) ([]client.Row, error) {
	c.one.Lock()
	defer c.one.Unlock()
	return c.Snowflake.Query(ctx, statement)
}

func (r *Reconcile) countRows(ctx context.Context, uploads []ledger.Upload) (*counted, error) {
	s := r.Snowflake
	c := &counted{Snowflake: s, by: map[string]int64{}}
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
	rows, err := s.Query(ctx, c.group(columns, where))
	if err != nil {
		return nil, fmt.Errorf("count the rows of %s: %w", s.Plan.View.Name(), err)
	}
	for _, row := range rows {
		n, err := strconv.ParseInt(row.Text("n"), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("count the rows of %s: %q is no number", s.Plan.View.Name(), row.Text("n"))
		}
		c.by[row.Text("k0")+"\x00"+row.Text("k1")] += n
	}
	if s.Plan.Task != nil {
		err = c.runs(ctx)
	}
	return c, err
}

// columns are those of the view that say what a row came from.
func (c *counted) columns() []string {
	var columns []string
	switch {
	case c.Spec.From != snowflake.FromFiles:
		columns = []string{"UPLOAD"}
	case c.Spec.Load == snowflake.ExternalTable:
		columns = []string{"_FILE_NAME"} // it knows no content key
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

func (c *counted) group(columns []string, where string) string {
	var names, keys []string
	for i, name := range columns {
		names = append(names, fmt.Sprintf("%s AS K%d", snowflake.Identifier(name), i))
		keys = append(keys, strconv.Itoa(i+1))
	}
	return "SELECT " + strings.Join(names, ", ") + ", COUNT(*) AS N FROM " + c.Plan.View.Name() + where + " GROUP BY " + strings.Join(keys, ", ")
}

// runs asks for the history of the task, and whether it is on.
func (c *counted) runs(ctx context.Context) error {
	rows, err := c.Query(ctx, c.Plan.Task.History())
	if err != nil {
		return fmt.Errorf("when the task last ran: %w", err)
	}
	for _, row := range rows {
		last := &c.loaded
		if strings.HasPrefix(row.Text("state"), "FAILED") {
			last = &c.failed
		} else if row.Text("state") != "SUCCEEDED" {
			continue
		}
		if t, err := time.Parse(time.RFC3339Nano, row.Text("scheduled_time")); err == nil && t.After(*last) {
			*last = t
		}
	}
	rows, _ = c.Query(ctx, c.Plan.Task.Describe()) // taken for on where the role may not ask
	for _, row := range rows {
		if row.Text("name") == c.Plan.Task.StoredName() {
			c.off = !strings.EqualFold(row.Text("state"), "started")
		}
	}
	return nil
}

// of is how many rows there are of an upload.
func (c *counted) of(u ledger.Upload) int64 {
	switch {
	case c.Spec.From != snowflake.FromFiles:
		return c.by[u.ID+"\x00"]
	case c.Spec.Load == snowflake.ExternalTable:
		return c.by[u.Key+"\x00"]
	}
	return c.by[u.Key+"\x00"+u.ETag]
}

// expected is how many rows an upload should have: with FromTable those that are
// stored, with FromParts all that were landed, with FromFiles all but those
// that no reader could decode.
func (c *counted) expected(u ledger.Upload) int64 {
	if c.Spec.From == snowflake.FromTable {
		return u.Stored
	}
	return u.Records - u.RejectedByUnpack
}

// snowflake compares the rows of the upload with what should be there.
func (c *check) snowflake(parts []ledger.Part) error {
	if c.Snowflake == nil || c.u.State == ledger.Unpacking {
		return nil
	}
	got, want := c.rows.of(c.u), c.rows.expected(c.u)
	if c.rows.Spec.From == snowflake.FromTable && c.u.State == ledger.Loaded {
		want = *c.told.InTable // what the table has not is told already, and not to be had from there
	}
	c.told.InSnowflake = &got
	if got == want {
		return nil
	}
	told := fmt.Sprintf("Snowflake has %d rows of the upload's %d", got, want)
	f := Finding{Kind: NoRows, Count: want - got, Detail: told}
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
		f.Kind, f.Detail = Unread, f.Detail+"; it reads the file by itself, and may take rows that are in quarantine"
	case got > want:
		f.Detail += ": were rows added there by hand, or records deleted from the table?"
	case task != nil && latest.After(c.rows.loaded):
		c.task(&f, latest)
	case c.now().Sub(latest) < c.Patience:
		f.Kind, f.Detail = Waiting, f.Detail+"; the last were landed less than "+c.Patience.String()+" ago"
	case task != nil:
		f.Mend = c.query(task.Execute())
	case c.rows.Plan.Pipe != nil:
		c.pipe(&f)
	case c.rows.Plan.ExternalTable != nil:
		f.Mend = c.query(c.rows.Plan.ExternalTable.Refresh())
	}
	if f.Kind == NoRows && c.rows.Spec.From == snowflake.FromFiles && c.u.RejectedByUnpack > 0 {
		f.Detail += "; it loads no file that has records it cannot read, and this one has"
		f.Mend = ""
	}
	if f.Kind == NoRows && c.rows.Spec.From == snowflake.FromParts {
		return c.rowsByPart(f, strings.TrimPrefix(f.Detail, told), parts)
	}
	c.find(f)
	return nil
}

func (c *check) query(statement string) string {
	return c.command("query", quoted(statement))
}

// task says what becomes of rows that were landed after the last run of a task
// that succeeded: they wait for the next one, if there is to be one.
func (c *check) task(f *Finding, landed time.Time) {
	task := c.rows.Plan.Task
	patient := c.now().Sub(landed) < c.Patience
	switch {
	case c.rows.off && !patient:
		f.Detail += "; its task is suspended"
		f.Mend = c.query(task.Resume())
	case c.rows.failed.After(landed) && !patient:
		f.Detail += "; its task has run since they were landed, and failed"
		f.Mend = c.command("doctor", "")
	default:
		f.Kind, f.Detail = Waiting, f.Detail+fmt.Sprintf("; its task loads on a schedule (%s) and has not run since they were landed", task.Schedule)
	}
}

// pipe says how to load what a pipe has not: a refresh looks at the objects of
// the last seven days, but a pipe that is paused or stands still loads nothing.
func (c *check) pipe(f *Finding) {
	pipe := c.rows.Plan.Pipe
	c.rows.asks.Lock()
	defer c.rows.asks.Unlock()
	if c.rows.state == "" {
		c.rows.state = "RUNNING" // where the role may not ask
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
		f.Mend = c.query(pipe.Refresh(time.Time{}))
		return
	case "PAUSED":
		f.Mend = c.query(pipe.Resume())
	default:
		f.Mend = c.command("doctor", "")
	}
	f.Detail += "; the pipe is " + c.rows.state
}

// rowsByPart says which parts have no rows, or too few. A record that a replay
// has landed again has its row under the later part.
func (c *check) rowsByPart(f Finding, why string, parts []ledger.Part) error {
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
	named, all := false, int64(0)
	for _, p := range parts {
		n, err := strconv.ParseInt("0"+by[p.Key], 10, 64)
		all += n
		if err != nil || n >= p.Records-p.Replayed {
			continue
		}
		named = true
		one := f
		one.Part, one.Count = p.Name, p.Records-p.Replayed-n
		one.Detail = fmt.Sprintf("Snowflake has %d rows of the part's %d", n, p.Records-p.Replayed) + why
		if slices.Contains(c.gone, p.Name) {
			one.Mend = "" // nothing there to load
		}
		c.find(one)
	}
	if !named && all == c.rows.expected(c.u) { // they have come in the meantime
		c.told.InSnowflake = &all
		return nil
	}
	if !named {
		c.find(f)
	}
	return nil
}
