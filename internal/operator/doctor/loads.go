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

// pipeStatus is the result of SYSTEM$PIPE_STATUS and SYSTEM$EXTERNAL_TABLE_PIPE_STATUS
// (Snowflake documentation of these functions).
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
	var reasons []string
	for _, v := range []any{s.Error, s.Fault} {
		if v != nil && v != "" {
			reasons = append(reasons, fmt.Sprint(v))
		}
	}
	return strings.Join(reasons, " ")
}

func (d *doctor) pipeStatus(ctx context.Context, statement string) (pipeStatus, error) {
	var s pipeStatus
	text, err := d.scalar(ctx, statement)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("result %q: %w", text, err)
	}
	return s, nil
}

// pipe checks the state of a Snowpipe, its pending files, and its subscription to the
// topic.
func pipe(ctx context.Context, d *doctor) {
	const name = "pipe: status"
	if d.plan.Pipe == nil {
		return
	}
	p := *d.plan.Pipe
	s, err := d.pipeStatus(ctx, p.Status())
	if err != nil {
		d.snowflakeUnknown(name, err)
		return
	}
	d.status(name, s, d.query(p.Resume())+" (after more than 14 days: SYSTEM$PIPE_FORCE_RESUME)")
	if row, ok, err := d.show(ctx, p); err == nil && ok {
		d.subscribedQueue(ctx, "pipe: notifications", p.TopicARN, row.Text("notification_channel"))
	}
}

// query is the command that runs a statement.
func (d *doctor) query(statement string) string {
	return "ingest query " + d.Feed.Name + " '" + strings.ReplaceAll(statement, "'", `'\''`) + "'"
}

// status adds a finding about a status.
func (d *doctor) status(name string, s pipeStatus, resume string) {
	waiting := fmt.Sprintf("%s, %d files waiting", s.State, s.Pending)
	if s.Pending == 1 {
		waiting = s.State + ", 1 file waiting"
	}
	switch {
	case s.State == "PAUSED":
		d.fail(name, resume, "%s", waiting)
	case strings.HasPrefix(s.State, "STOPPED_"):
		d.fail(name, "drop it, and "+d.recreate(), "%s: %s", waiting, s.reason())
	case s.State != "RUNNING":
		d.fail(name, "fix the cause in the message; the pipe then continues by itself", "%s: %s", waiting, s.reason())
	case s.reason() != "":
		d.warn(name, "see COPY_HISTORY below; the error of a deleted file is shown until the next file", "%s: %s", waiting, s.reason())
	case stale(s):
		d.warn(name, "compare the stage's URL with the keys of new objects: notifications arrive, but none for this pipe", "%s; the last notification arrived %s, the last for this pipe %s", waiting, s.Received, s.Forwarded)
	default:
		detail := waiting
		if s.Received != "" {
			detail += ", last notification " + moment(s.Received)
		}
		d.pass(name, "%s", detail)
	}
}

// stale reports whether notifications arrive, but none for the pipe for seven days. With
// a topic that several feeds share, a day without any is normal.
func stale(s pipeStatus) bool {
	received, err := time.Parse(time.RFC3339, s.Received)
	if err != nil {
		return false
	}
	forwarded, err := time.Parse(time.RFC3339, s.Forwarded)
	return err != nil || received.Sub(forwarded) > 7*24*time.Hour
}

// subscribedQueue checks whether the notification queue of Snowflake is subscribed to the
// topic.
func (d *doctor) subscribedQueue(ctx context.Context, name, topic, channel string) {
	all, err := d.subscriptions(ctx, topic)
	switch {
	case err != nil:
		d.unknown(name, err, "sns:ListSubscriptionsByTopic")
	case !slices.ContainsFunc(all, func(s subscription) bool { return s.endpoint == channel && s.confirmed }):
		d.fail(name, "drop the pipe or external table, and "+d.recreate()+"; if the subscription was deleted by hand, Snowflake creates it again only after 72 hours, or for another topic",
			"its queue %s is not subscribed to %s: it receives no notifications", channel, topic)
	default:
		d.pass(name, "its queue is subscribed to %s", lastPart(topic))
	}
}

// task checks the task of a bulk load and its last run.
func task(ctx context.Context, d *doctor) {
	const name = "task"
	if d.plan.Task == nil {
		return
	}
	t := *d.plan.Task
	row, ok, err := d.show(ctx, t)
	if err != nil || !ok {
		return // reported with the objects
	}
	if state := row.Text("state"); !strings.EqualFold(state, "started") {
		d.fail(name+": state", d.query(t.Resume()), "%s is %s", t.Name(), state)
	} else {
		d.pass(name+": state", "%s %s", t.Schedule, t.TimeZone)
	}
	rows, err := d.session.Query(ctx, t.History())
	if err != nil {
		d.snowflakeUnknown(name+": runs", err)
		return
	}
	rows = slices.DeleteFunc(rows, func(r client.Row) bool { return r.Text("state") == "SCHEDULED" })
	if len(rows) == 0 {
		d.pass(name+": runs", "none in the last seven days")
		return
	}
	last := rows[0]
	detail := fmt.Sprintf("the last, of %s, %s %s", moment(last.Text("scheduled_time")), last.Text("state"), last.Text("error_message"))
	if strings.HasPrefix(last.Text("state"), "FAILED") || last.Text("state") == "CANCELLED" {
		d.fail(name+": runs", "fix the cause in the message, then: "+d.query(t.Execute()), "%s", detail)
		return
	}
	d.pass(name+": runs", "%s", detail)
}

// externalTable checks whether an external table is valid and receives notifications.
func externalTable(ctx context.Context, d *doctor) {
	const name = "external table"
	if d.plan.ExternalTable == nil {
		return
	}
	e := *d.plan.ExternalTable
	row, ok, err := d.show(ctx, e)
	if err != nil || !ok {
		return // reported with the objects
	}
	if strings.EqualFold(row.Text("invalid"), "true") || strings.EqualFold(row.Text("invalid"), "Y") {
		d.fail(name+": valid", "drop it, and "+d.recreate(), "%s is invalid: %s", e.Name(), row.Text("invalid_reason"))
	} else {
		d.pass(name+": valid", "%s", e.Name())
	}
	d.subscribedQueue(ctx, name+": notifications", e.TopicARN, row.Text("notification_channel"))
	s, err := d.pipeStatus(ctx, "SELECT SYSTEM$EXTERNAL_TABLE_PIPE_STATUS("+snowflake.Literal(e.Name())+")")
	if err != nil {
		d.snowflakeUnknown(name+": refresh", err)
		return
	}
	d.status(name+": refresh", s, d.query(e.Refresh()))
}

// copies finds files that COPY has rejected in the last 14 days, the period of
// COPY_HISTORY.
func copies(ctx context.Context, d *doctor) {
	const name = "rejected files"
	if d.plan.Table == nil {
		return
	}
	t := d.plan.Table
	rows, err := d.session.Query(ctx, "SELECT FILE_NAME, STATUS, FIRST_ERROR_MESSAGE, LAST_LOAD_TIME"+
		"\n  FROM TABLE("+snowflake.Identifier(t.Database)+".INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME=>"+snowflake.Literal(t.Name())+
		",START_TIME=>DATEADD(day,-14,CURRENT_TIMESTAMP())))"+
		"\n  WHERE ERROR_COUNT>0 OR STATUS='Load failed'\n  ORDER BY LAST_LOAD_TIME DESC")
	if err != nil {
		d.snowflakeUnknown(name, err)
		return
	}
	if len(rows) == 0 {
		d.pass(name, "none in the last 14 days")
		return
	}
	last := rows[0]
	d.fail(name, "correct the file and put it with another key, or copy the records from the table: `ingest reconcile "+d.Feed.Name+"` lists the uploads",
		"%d in the last 14 days, the last %s: %s", len(rows), last.Text("file_name"), last.Text("first_error_message"))
}
