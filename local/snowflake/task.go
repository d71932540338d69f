package snowflake

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the time zones of schedules, also on machines without them

	"github.com/robfig/cron/v3"
)

// task runs a statement on a schedule.
type task struct {
	definition string
	schedule   string
	plan       cron.Schedule // nil: without a schedule
	warehouse  string        // empty: serverless
	size       string
	timeout    time.Duration // of one run
	started    bool
	next       time.Time
	running    bool
}

// The default and the maximum (in milliseconds) of USER_TASK_TIMEOUT_MS.
// https://docs.snowflake.com/en/sql-reference/parameters#user-task-timeout-ms
const (
	defaultTimeout = time.Hour
	maxTimeout     = 604_800_000
)

// taskRun is an entry of the task history.
type taskRun struct {
	id, query            string
	of                   *object
	text                 string
	from                 string // SCHEDULE or EXECUTE TASK
	state                string
	err                  error
	scheduled, begun, at time.Time
}

func createTask(st *statement, _ context.Context, o, existing *object) (func() error, error) {
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	if err := st.Expect("AS"); err != nil {
		return nil, err
	}
	d := &task{definition: st.Rest(), schedule: options.Text("SCHEDULE"), warehouse: options.Text("WAREHOUSE"), size: options.Text("USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE"), timeout: defaultTimeout}
	o.detail, o.comment = d, options.Text("COMMENT")
	if d.schedule != "" {
		if d.plan, err = readSchedule(d.schedule); err != nil {
			return nil, err
		}
	}
	if text := options.Text("USER_TASK_TIMEOUT_MS"); text != "" {
		ms, err := strconv.Atoi(text)
		if err != nil || ms < 0 || ms > maxTimeout {
			return nil, errInvalid("invalid value [%s] for parameter 'USER_TASK_TIMEOUT_MS'", text)
		}
		d.timeout = time.Duration(ms) * time.Millisecond
	}
	if existing != nil && existing.detail.(*task).started {
		return nil, errorf("091089", "55000", "Unable to update task %s: it is not suspended.", o.name)
	}
	if st.Peek().Is("COPY") { // names must exist when the task is created
		if _, err := st.planCopy("ABORT_STATEMENT"); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// readSchedule reads 'USING CRON <five fields> <time zone>' and '<n> MINUTE'.
func readSchedule(text string) (cron.Schedule, error) {
	fields := strings.Fields(text)
	if len(fields) == 8 && strings.EqualFold(fields[0]+" "+fields[1], "USING CRON") {
		plan, err := cron.ParseStandard("CRON_TZ=" + fields[7] + " " + strings.Join(fields[2:7], " "))
		if err == nil {
			return plan, nil
		}
		return nil, errInvalid("Invalid schedule '%s': %s", text, err)
	}
	if len(fields) == 2 && strings.HasPrefix(strings.ToUpper(fields[1]), "MINUTE") {
		if d, err := time.ParseDuration(fields[0] + "m"); err == nil && d >= time.Minute {
			return cron.Every(d), nil
		}
	}
	return nil, errInvalid("Invalid schedule '%s': write 'USING CRON <minute> <hour> <day> <month> <weekday> <time zone>' or '<n> MINUTE'.", text)
}

// alterTask runs what follows ALTER TASK name.
func (st *statement) alterTask(_ context.Context, o *object) (*result, error) {
	d := o.detail.(*task)
	switch {
	case st.Accept("SUSPEND"):
		d.started = false
	case st.Accept("RESUME"):
		if err := st.mayRunTasks(d); err != nil {
			return nil, err
		}
		if d.plan == nil {
			return nil, errInvalid("Task %s has no schedule.", o.label())
		}
		d.started, d.next = true, d.plan.Next(time.Now())
	case d.started:
		return nil, errorf("091089", "55000", "Unable to update task %s: it is not suspended.", o.name)
	case st.Accept("SET"):
		options, err := st.Options()
		if err != nil {
			return nil, err
		}
		if options.Has("COMMENT") {
			o.comment = options.Text("COMMENT")
		}
		if schedule := options.Text("SCHEDULE"); schedule != "" {
			if d.plan, err = readSchedule(schedule); err != nil {
				return nil, err
			}
			d.schedule = schedule
		}
	case st.Accept("MODIFY", "AS"):
		d.definition = st.Rest()
		st.Pos = len(st.Tokens)
	}
	return done("Statement executed successfully."), st.ExpectEnd()
}

// mayRunTasks checks the privileges that the owner of a running task needs.
func (st *statement) mayRunTasks(d *task) error {
	c, role := st.catalog, st.session.role
	if !c.allowed(role, c.account, "EXECUTE TASK") {
		return errorf("091089", "42501", "Cannot execute task, EXECUTE TASK privilege must be granted to owner role")
	}
	if d.warehouse == "" && !c.allowed(role, c.account, "EXECUTE MANAGED TASK") {
		return errorf("091090", "42501", "Cannot execute task, EXECUTE MANAGED TASK privilege must be granted to owner role")
	}
	return nil
}

// executeTask runs EXECUTE TASK, which starts a run and does not wait for it.
func (st *statement) executeTask(context.Context) (*result, error) {
	if err := st.Expect("EXECUTE", "TASK"); err != nil {
		return nil, err
	}
	parts, err := st.Name()
	if err != nil {
		return nil, err
	}
	if err := st.ExpectEnd(); err != nil {
		return nil, err
	}
	o, err := st.find(kindTask, parts, "OPERATE")
	if err != nil {
		return nil, err
	}
	if st.describe {
		return textResult("status"), nil
	}
	st.launch(o, "EXECUTE TASK", time.Now())
	return done(fmt.Sprintf("Task %s is scheduled to run immediately.", o.name)), nil
}

// startDue starts the tasks that are due. The caller holds the mutex.
func (e *engine) startDue(ctx context.Context, now time.Time) {
	if ctx.Err() != nil {
		return
	}
	for _, o := range e.catalog.each(func(o *object) bool { return o.kind == kindTask }) {
		d := o.detail.(*task)
		if !d.started || now.Before(d.next) || d.running { // runs of one task do not overlap
			continue
		}
		e.launch(o, "SCHEDULE", d.next)
		d.next = d.plan.Next(now)
	}
}

// launch starts a run of a task in the background, as its owner. The caller holds the
// mutex.
func (e *engine) launch(o *object, from string, scheduled time.Time) {
	d := o.detail.(*task)
	run := &taskRun{id: newID(), query: newID(), of: o, text: d.definition, from: from, state: "SCHEDULED", scheduled: scheduled}
	e.taskLog = append(e.taskLog, run)
	e.running++
	d.running = true
	e.runs.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), d.timeout) // Close waits for it
		defer cancel()
		s := &session{user: "SYSTEM", conn: e.conn, sessionState: sessionState{role: o.owner, database: o.database, schema: o.schema}}
		e.mu.Lock()
		defer e.mu.Unlock()
		run.state, run.begun = "EXECUTING", time.Now()
		_, run.err = e.execute(ctx, s, run.text, false)
		run.state, run.at = "SUCCEEDED", time.Now()
		if run.err != nil {
			run.state = "FAILED"
			if ctx.Err() != nil {
				run.err = errorf("000630", "57014", "Statement reached its statement or warehouse timeout of %d second(s) and was canceled.", int(d.timeout.Seconds()))
			}
			e.log("task %s: %v", o.label(), run.err)
		}
		d.running = false
		e.running--
	})
}
