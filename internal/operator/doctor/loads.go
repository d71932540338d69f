package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// pipeStatus is what SYSTEM$PIPE_STATUS and SYSTEM$EXTERNAL_TABLE_PIPE_STATUS
// answer (documentation of either).
type pipeStatus struct {
	State     string `json:"executionState"`
	Pending   int    `json:"pendingFileCount"`
	Oldest    string `json:"oldestFileTimestamp"`
	Error     any    `json:"error"`
	Fault     any    `json:"fault"`
	Channel   string `json:"notificationChannelName"`
	Received  string `json:"lastReceivedMessageTimestamp"`
	Forwarded string `json:"lastForwardedMessageTimestamp"`
}

func (s pipeStatus) reason() string {
	var said []string
	for _, v := range []any{s.Error, s.Fault} {
		if v != nil && v != "" {
			said = append(said, fmt.Sprint(v))
		}
	}
	return strings.Join(said, " ")
}

func (x *exam) pipeStatus(ctx context.Context, statement string) (pipeStatus, error) {
	var s pipeStatus
	text, err := x.scalar(ctx, statement)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("answer %q: %w", text, err)
	}
	return s, nil
}

// pipe looks at a Snowpipe: whether it runs, what waits for it, and whether the
// topic tells it of new objects.
func pipe(ctx context.Context, x *exam) {
	const name = "pipe: runs"
	if x.plan.Pipe == nil {
		return
	}
	p := *x.plan.Pipe
	s, err := x.pipeStatus(ctx, p.Status())
	if err != nil {
		x.snowflakeFailed(name, err)
		return
	}
	x.runs(name, s, x.query(p.Resume())+" (after more than 14 days: SYSTEM$PIPE_FORCE_RESUME)")
	if row, ok, err := x.show(ctx, p); err == nil && ok {
		x.hears(ctx, "pipe: hears", p.TopicARN, row.Text("notification_channel"))
	}
}

// query is the command that runs a statement.
func (x *exam) query(statement string) string {
	return "ingest query " + x.Live.Name + " '" + strings.ReplaceAll(statement, "'", `'\''`) + "'"
}

// runs judges a status.
func (x *exam) runs(name string, s pipeStatus, resume string) {
	waiting := fmt.Sprintf("%s, %d files waiting", s.State, s.Pending)
	if s.Pending == 1 {
		waiting = s.State + ", 1 file waiting"
	}
	switch {
	case s.State == "PAUSED":
		x.fail(name, resume, "%s", waiting)
	case strings.HasPrefix(s.State, "STOPPED_"):
		x.fail(name, "drop it, and "+x.remake(), "%s: %s", waiting, s.reason())
	case s.State != "RUNNING":
		x.fail(name, "mend what the message says; it then goes on by itself", "%s: %s", waiting, s.reason())
	case s.reason() != "":
		x.warn(name, "see COPY_HISTORY below; an error of a file that is gone stays here until the next file", "%s: %s", waiting, s.reason())
	case stale(s):
		x.warn(name, "compare the stage's URL with the keys of the objects that arrive: messages come and none is for it", "%s; the last message came %s, the last for this pipe %s", waiting, s.Received, s.Forwarded)
	default:
		seen := waiting
		if s.Received != "" {
			seen += ", last told of an object " + moment(s.Received)
		}
		x.pass(name, "%s", seen)
	}
}

// stale reports whether messages come, and for long none was for the pipe. Where
// feeds share a topic a day of that is nothing unusual.
func stale(s pipeStatus) bool {
	received, err := time.Parse(time.RFC3339, s.Received)
	if err != nil {
		return false
	}
	forwarded, err := time.Parse(time.RFC3339, s.Forwarded)
	return err != nil || received.Sub(forwarded) > 7*24*time.Hour
}

// hears looks whether the queue of Snowflake's is subscribed to the topic.
func (x *exam) hears(ctx context.Context, name, topic, channel string) {
	all, err := x.subscriptions(ctx, topic)
	switch {
	case err != nil:
		x.failed(name, err, "sns:ListSubscriptionsByTopic")
	case !slices.ContainsFunc(all, func(s subscription) bool { return s.endpoint == channel && s.confirmed }):
		x.fail(name, "drop the pipe or external table, and "+x.remake()+"; if the subscription was deleted by hand, Snowflake makes it anew only after 72 hours, or for another topic",
			"its queue %s is not subscribed to %s: it is told of no new object", channel, topic)
	default:
		x.pass(name, "its queue is subscribed to %s", lastPart(topic))
	}
}

// task looks at the task of a Bulk feed and how its last run went.
func task(ctx context.Context, x *exam) {
	const name = "task"
	if x.plan.Task == nil {
		return
	}
	t := *x.plan.Task
	row, ok, err := x.show(ctx, t)
	if err != nil || !ok {
		return // told with the objects
	}
	if state := row.Text("state"); !strings.EqualFold(state, "started") {
		x.fail(name+": on", x.query(t.Resume()), "%s is %s", t.Name(), state)
	} else {
		x.pass(name+": on", "%s %s", t.Schedule, t.TimeZone)
	}
	rows, err := x.session.Query(ctx, t.History())
	if err != nil {
		x.snowflakeFailed(name+": runs", err)
		return
	}
	rows = slices.DeleteFunc(rows, func(r client.Row) bool { return r.Text("state") == "SCHEDULED" })
	if len(rows) == 0 {
		x.pass(name+": runs", "none in the last seven days")
		return
	}
	last := rows[0]
	seen := fmt.Sprintf("the last, of %s, %s %s", moment(last.Text("scheduled_time")), last.Text("state"), last.Text("error_message"))
	if strings.HasPrefix(last.Text("state"), "FAILED") || last.Text("state") == "CANCELLED" {
		x.fail(name+": runs", "mend what the message says, then: "+x.query(t.Execute()), "%s", seen)
		return
	}
	x.pass(name+": runs", "%s", seen)
}

// externalTable looks whether an external table is told of new objects.
func externalTable(ctx context.Context, x *exam) {
	const name = "external table"
	if x.plan.ExternalTable == nil {
		return
	}
	e := *x.plan.ExternalTable
	row, ok, err := x.show(ctx, e)
	if err != nil || !ok {
		return // told with the objects
	}
	if strings.EqualFold(row.Text("invalid"), "true") || strings.EqualFold(row.Text("invalid"), "Y") {
		x.fail(name+": valid", "drop it, and "+x.remake(), "%s is invalid: %s", e.Name(), row.Text("invalid_reason"))
	} else {
		x.pass(name+": valid", "%s", e.Name())
	}
	x.hears(ctx, name+": hears", e.TopicARN, row.Text("notification_channel"))
	s, err := x.pipeStatus(ctx, "SELECT SYSTEM$EXTERNAL_TABLE_PIPE_STATUS("+snowflake.Literal(e.Name())+")")
	if err != nil {
		x.snowflakeFailed(name+": refresh", err)
		return
	}
	x.runs(name+": refresh", s, x.query(e.Refresh()))
}

// copies looks for files that COPY refused in the last 14 days, which is as far
// back as COPY_HISTORY goes.
func copies(ctx context.Context, x *exam) {
	const name = "files refused"
	if x.plan.Table == nil {
		return
	}
	t := x.plan.Table
	rows, err := x.session.Query(ctx, "SELECT FILE_NAME, STATUS, FIRST_ERROR_MESSAGE, LAST_LOAD_TIME"+
		"\n  FROM TABLE("+snowflake.Identifier(t.Database)+".INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME=>"+snowflake.Literal(t.Name())+
		",START_TIME=>DATEADD(day,-14,CURRENT_TIMESTAMP())))"+
		"\n  WHERE ERROR_COUNT>0 OR STATUS='Load failed'\n  ORDER BY LAST_LOAD_TIME DESC")
	if err != nil {
		x.snowflakeFailed(name, err)
		return
	}
	if len(rows) == 0 {
		x.pass(name, "none in the last 14 days")
		return
	}
	last := rows[0]
	x.fail(name, "mend the file and put it again under another key, or take the records from the table: `ingest reconcile "+x.Live.Name+"` names the uploads",
		"%d in the last 14 days, the last %s: %s", len(rows), last.Text("file_name"), last.Text("first_error_message"))
}
