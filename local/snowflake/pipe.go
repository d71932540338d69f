package snowflake

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"example.com/ingestion/local/snowflake/awsaccess"
	"example.com/ingestion/local/snowflake/sqlparser"
)

// refreshWindow is the maximum age of files that ALTER PIPE … REFRESH loads.
// https://docs.snowflake.com/en/sql-reference/sql/alter-pipe
const refreshWindow = 7 * 24 * time.Hour

// pipe loads each file once. Its load history is by path, so that a newer version of
// a file is not loaded.
// https://docs.snowflake.com/en/user-guide/data-load-snowpipe-intro
type pipe struct {
	definition string
	topic      string
	channel    string
	stage      *object // at the creation of the pipe
	url        string  // of the stage, at the creation of the pipe
	table      *object
	paused     bool
	pausedAt   time.Time
	pending    []awsaccess.Event
	loaded     map[string]*fileLoad // by bucket and key
	failure    error                // the error of the last attempt to load
	received   time.Time            // time of the last event
	forwarded  time.Time            // time of the last event for a file of this pipe
}

func createPipe(st *statement, ctx context.Context, o, _ *object) (func() error, error) {
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	if err := st.Expect("AS"); err != nil {
		return nil, err
	}
	d := &pipe{topic: options.Text("AWS_SNS_TOPIC"), loaded: map[string]*fileLoad{}}
	o.detail, o.comment = d, options.Text("COMMENT")
	plan, err := st.planCopy("SKIP_FILE")
	if err != nil {
		return nil, err
	}
	if !plan.skip {
		return nil, errInvalid("ON_ERROR=ABORT_STATEMENT is not allowed in a pipe.")
	}
	d.definition, d.stage, d.table = plan.text, plan.stage, plan.target
	d.url = plan.stage.detail.(*stage).url
	if options.True("AUTO_INGEST") && d.topic == "" {
		return nil, errUnsupported("AUTO_INGEST without AWS_SNS_TOPIC")
	}
	if d.topic == "" || st.describe {
		return nil, nil
	}
	return func() (err error) {
		d.channel, err = st.storage.Subscribe(ctx, d.topic)
		return err
	}, nil
}

// preparePipe parses the pipe's COPY as its owner, and assumes the role of the stage.
func (e *engine) preparePipe(ctx context.Context, o *object) (*statement, *copyPlan, bucketReader, error) {
	d := o.detail.(*pipe)
	p, err := sqlparser.New(d.definition)
	if err != nil {
		return nil, nil, nil, err
	}
	owner := &session{user: "SYSTEM", conn: e.conn, sessionState: sessionState{role: o.owner, database: o.database, schema: o.schema}}
	st := &statement{engine: e, Parser: p, session: owner, sql: d.definition}
	plan, err := st.planCopy("SKIP_FILE")
	if err != nil {
		return nil, nil, nil, err
	}
	if plan.stage != d.stage {
		return nil, nil, nil, errorf("002003", "02000", "Stage '%s' was dropped or replaced", d.stage.label())
	}
	reader, err := e.open(ctx, d.stage.detail.(*stage))
	return st, plan, reader, err
}

// ingest loads the pending files, unless the pipe is paused. While the role cannot be
// assumed files stay pending. The error of a file, also that of an access that S3 or KMS
// denies, is in COPY_HISTORY, and the pipe never loads the file again.
// https://docs.snowflake.com/en/user-guide/data-load-snowpipe-ts
func (e *engine) ingest(ctx context.Context, o *object) {
	d := o.detail.(*pipe)
	if d.paused || len(d.pending) == 0 || e.stopped(d) != "" {
		return
	}
	st, plan, reader, err := e.preparePipe(ctx, o)
	if d.failure = err; err != nil {
		e.log("pipe %s: %v", o.label(), e.snowflakeError(err))
		return
	}
	for len(d.pending) > 0 {
		event := d.pending[0]
		name := event.Bucket + "/" + event.Key
		if d.loaded[name] == nil && plan.matches(event.Key) {
			load := st.load(ctx, plan, reader, awsaccess.Object{Bucket: event.Bucket, Key: event.Key, ETag: event.ETag, Size: event.Size}, o)
			if ctx.Err() != nil {
				return
			}
			load.received = event.Time
			d.loaded[name] = load
			e.copyLog = append(e.copyLog, load)
		}
		d.pending = d.pending[1:]
	}
}

// alterPipe runs what follows ALTER PIPE name.
func (st *statement) alterPipe(ctx context.Context, o *object) (*result, error) {
	d := o.detail.(*pipe)
	if st.Accept("REFRESH") {
		return st.refreshPipe(ctx, o, d)
	}
	if err := st.Expect("SET"); err != nil {
		return nil, err
	}
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	if err := st.ExpectEnd(); err != nil {
		return nil, err
	}
	if options.Has("COMMENT") {
		o.comment = options.Text("COMMENT")
	}
	if options.Has("PIPE_EXECUTION_PAUSED") {
		paused := options.True("PIPE_EXECUTION_PAUSED")
		switch {
		case !paused && d.stale():
			return nil, errInvalid("Pipe %s is stale: it was paused for more than 14 days. Resume it with SYSTEM$PIPE_FORCE_RESUME and staleness_check_override.", o.label())
		case paused && !d.paused:
			d.pausedAt = time.Now()
		}
		d.paused = paused
		st.ingest(ctx, o)
	}
	return done("Statement executed successfully."), nil
}

// staleAfter is how long a pipe with notifications may be paused before it is stale.
// https://docs.snowflake.com/en/sql-reference/functions/system_pipe_force_resume
const staleAfter = 14 * 24 * time.Hour

func (d *pipe) stale() bool { return d.paused && d.topic != "" && time.Since(d.pausedAt) > staleAfter }

// refreshPipe adds the stage's files of the last seven days to the pending files, which
// are loaded in the background.
// https://docs.snowflake.com/en/sql-reference/sql/alter-pipe
func (st *statement) refreshPipe(ctx context.Context, o *object, d *pipe) (*result, error) {
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	if err := st.ExpectEnd(); err != nil {
		return nil, err
	}
	since := time.Now().Add(-refreshWindow)
	if after := options.Text("MODIFIED_AFTER"); after != "" {
		t, err := time.Parse(time.RFC3339, after)
		if err != nil {
			return nil, errInvalid("invalid value [%s] for parameter 'MODIFIED_AFTER'", after)
		}
		if t.After(since) {
			since = t
		}
	}
	_, plan, reader, err := st.preparePipe(ctx, o)
	if err != nil {
		return nil, err
	}
	r := textResult("file", "status")
	for object, err := range reader.List(ctx, d.stage.detail.(*stage).pathURL(plan.path+options.Text("PREFIX"))) {
		if err != nil {
			return nil, err
		}
		name := object.Bucket + "/" + object.Key
		copied := plan.table.loaded[name] // by a COPY outside of the pipe
		if !plan.matches(object.Key) || object.Modified.Before(since) || d.loaded[name] != nil || copied != nil && copied.etag == object.ETag {
			continue
		}
		d.pending = append(d.pending, awsaccess.Event{Bucket: object.Bucket, Key: object.Key, ETag: object.ETag, Size: object.Size, Time: time.Now()})
		r.addText(object.Key, "SENT")
	}
	return r, nil
}

// stopped returns the state of a pipe that has stopped because its stage was dropped
// or altered, and "" for other pipes. Such a pipe has to be created again.
// https://docs.snowflake.com/en/user-guide/data-load-snowpipe-manage
func (e *engine) stopped(d *pipe) string {
	switch {
	case e.catalog.objects[d.stage.key()] != d.stage:
		return "STOPPED_STAGE_DROPPED"
	case d.stage.detail.(*stage).url != d.url:
		return "STOPPED_STAGE_ALTERED"
	}
	return ""
}

// pipeStatus returns the result of SYSTEM$PIPE_STATUS.
func (e *engine) pipeStatus(ctx context.Context, o *object) (string, error) {
	d := o.detail.(*pipe)
	status := map[string]any{"executionState": "RUNNING", "pendingFileCount": len(d.pending)}
	if d.channel != "" {
		status["notificationChannelName"] = d.channel
		n, err := e.storage.Pending(ctx)
		if err != nil {
			return "", err
		}
		status["numOutstandingMessagesOnChannel"] = n
	}
	for key, t := range map[string]time.Time{"lastReceivedMessageTimestamp": d.received, "lastForwardedMessageTimestamp": d.forwarded} {
		if !t.IsZero() {
			status[key] = t.UTC().Format("2006-01-02T15:04:05.000Z")
		}
	}
	if len(d.pending) > 0 {
		status["oldestPendingFilePath"] = d.pending[0].Key
		status["oldestFileTimestamp"] = d.pending[0].Time.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	switch stopped := e.stopped(d); {
	case stopped != "":
		status["executionState"] = stopped
	case e.catalog.objects[d.table.key()] != d.table:
		status["executionState"], status["error"] = "STALLED_COMPILATION_ERROR", "Table '"+d.table.label()+"' does not exist or not authorized."
	case d.paused:
		status["executionState"] = "PAUSED"
	case d.failure != nil:
		status["executionState"], status["error"] = "STALLED_STAGE_PERMISSION_ERROR", strings.TrimSpace(e.snowflakeError(d.failure).Error())
	}
	text, err := json.Marshal(status)
	return string(text), err
}
