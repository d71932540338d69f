package snowflake

import (
	"strings"
	"time"
)

// Copy is a COPY INTO, the statement of pipes and tasks.
type Copy struct {
	// Table is the name of the target, quoted.
	Table string
	Stage Stage
	// Columns and Select belong together: each expression over the file goes into
	// the column of the same place. Both empty: by name, see Metadata.
	Columns, Select []string
	// Metadata are the columns that a COPY by name fills with facts of the file;
	// the others are found by the header's names, in any case.
	Metadata []MetadataColumn
	// Pattern is a regular expression over the whole path; empty: every file.
	Pattern string
}

// MetadataColumn is a column that holds a METADATA$ column.
type MetadataColumn struct {
	Name, Metadata string
}

// String returns the statement, without a semicolon: in a pipe's definition one
// would be taken for part of it.
func (c Copy) String() string {
	var b strings.Builder
	b.WriteString("COPY INTO " + c.Table)
	if len(c.Select) > 0 {
		columns := make([]string, len(c.Columns))
		for i, name := range c.Columns {
			columns[i] = Identifier(name)
		}
		b.WriteString(" (" + strings.Join(columns, ",") + ")\n  FROM (SELECT " + strings.Join(c.Select, ",") + "\n    FROM @" + c.Stage.Name() + ")")
	} else {
		b.WriteString("\n  FROM @" + c.Stage.Name())
	}
	if c.Pattern != "" {
		b.WriteString("\n  PATTERN=" + Literal(c.Pattern))
	}
	b.WriteString("\n  " + c.Stage.Format.reference())
	if len(c.Select) == 0 {
		metadata := make([]string, len(c.Metadata))
		for i, m := range c.Metadata {
			metadata[i] = Identifier(m.Name) + "=" + m.Metadata
		}
		b.WriteString("\n  MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE INCLUDE_METADATA=(" + strings.Join(metadata, ",") + ")")
	}
	b.WriteString("\n  ON_ERROR=SKIP_FILE")
	return b.String()
}

// Pipe loads each announced file once, within about a minute. Neither its COPY
// nor its topic can be altered, and a new pipe knows nothing of what the old
// one loaded: see package deploy for how one is exchanged.
type Pipe struct {
	Place
	Copy Copy
	// TopicARN is of the topic that announces the files.
	TopicARN string
	Owner    string
}

// Kind is KindPipe.
func (p Pipe) Kind() Kind { return KindPipe }

// Create makes the pipe if it is missing.
func (p Pipe) Create() []string {
	return []string{"CREATE PIPE IF NOT EXISTS " + p.Name() + p.definition(p.Mark().clause())}
}

// Alter is empty: see Replace.
func (p Pipe) Alter() []string { return nil }

// Replace makes the pipe anew, running and without a history. Pause the old one
// and wait until nothing is pending before; Refresh with the time of the pause after.
func (p Pipe) Replace() string {
	return "CREATE OR REPLACE PIPE " + p.Name() + p.definition(p.Mark().clause())
}

// Pause keeps the pipe from starting further files.
func (p Pipe) Pause() string {
	return "ALTER PIPE " + p.Name() + " SET PIPE_EXECUTION_PAUSED=TRUE"
}

// Resume undoes Pause.
func (p Pipe) Resume() string {
	return "ALTER PIPE " + p.Name() + " SET PIPE_EXECUTION_PAUSED=FALSE"
}

// Refresh loads files that are there already, of the last seven days at most
// and not modified before modifiedAfter. The zero time sets no such bound.
func (p Pipe) Refresh(modifiedAfter time.Time) string {
	refresh := "ALTER PIPE " + p.Name() + " REFRESH"
	if modifiedAfter.IsZero() {
		return refresh
	}
	return refresh + " MODIFIED_AFTER=" + Literal(modifiedAfter.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// Status answers with one JSON document: executionState, pendingFileCount, error ….
func (p Pipe) Status() string { return "SELECT SYSTEM$PIPE_STATUS(" + Literal(p.Name()) + ")" }

// Describe lists the pipe; column notification_channel has the ARN of the queue
// that it hears from.
func (p Pipe) Describe() string { return p.show(p.Kind()) }

// Drop drops the pipe.
func (p Pipe) Drop() string { return drop(p.Kind(), p.Name()) }

// Mark is the pipe's comment. The stage's URL and integration are part of it:
// a pipe does not notice when they change.
func (p Pipe) Mark() Mark { return mark(p.Owner, p.definition(""), p.Copy.Stage.options()) }

func (p Pipe) definition(comment string) string {
	b := "\n  AUTO_INGEST=TRUE"
	if p.TopicARN != "" {
		b += " AWS_SNS_TOPIC=" + Literal(p.TopicARN)
	}
	if comment != "" {
		b += "\n  " + comment
	}
	return b + "\n  AS " + p.Copy.String()
}

// Task runs a COPY on a schedule, on a serverless warehouse.
type Task struct {
	Place
	// Schedule is a cron expression of five fields, in TimeZone.
	Schedule, TimeZone string
	Copy               Copy
	Owner              string
}

// Kind is KindTask.
func (t Task) Kind() Kind { return KindTask }

// Create makes the task if it is missing, and starts its schedule: tasks are
// made suspended.
func (t Task) Create() []string {
	return []string{"CREATE TASK IF NOT EXISTS " + t.Name() + t.definition(t.Mark().clause()), t.Resume()}
}

// Alter brings the task to this definition; it has to be suspended for that.
func (t Task) Alter() []string {
	return []string{t.Suspend(), "CREATE OR ALTER TASK " + t.Name() + t.definition(t.Mark().clause()), t.Resume()}
}

// Suspend stops the schedule; a run that has started goes on.
func (t Task) Suspend() string { return "ALTER TASK " + t.Name() + " SUSPEND" }

// Resume starts the schedule.
func (t Task) Resume() string { return "ALTER TASK " + t.Name() + " RESUME" }

// Execute runs the task once, now, suspended or not.
func (t Task) Execute() string { return "EXECUTE TASK " + t.Name() }

// History answers with the latest runs, the last first. It needs a warehouse, as
// every query of INFORMATION_SCHEMA does. The limit is generous because it comes
// before WHERE: tasks of that name in other schemas count too.
func (t Task) History() string {
	return "SELECT QUERY_ID, STATE, ERROR_CODE, ERROR_MESSAGE, SCHEDULED_TIME, COMPLETED_TIME" +
		"\n  FROM TABLE(" + Identifier(t.Database) + ".INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME=>" + Literal(t.StoredName()) + ",RESULT_LIMIT=>1000))" +
		"\n  WHERE DATABASE_NAME=" + Literal(stored(t.Database)) + " AND SCHEMA_NAME=" + Literal(stored(t.Schema)) +
		"\n  ORDER BY SCHEDULED_TIME DESC"
}

// Describe lists the task; column state says started or suspended.
func (t Task) Describe() string { return t.show(t.Kind()) }

// Drop drops the task.
func (t Task) Drop() string { return drop(t.Kind(), t.Name()) }

// Mark is the task's comment.
func (t Task) Mark() Mark { return mark(t.Owner, t.definition("")) }

// definition leaves out WAREHOUSE, which makes the task serverless. A task that
// failed ten times would stop for good if the last option were left out too.
func (t Task) definition(comment string) string {
	b := "\n  USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE='XSMALL'" +
		"\n  SCHEDULE=" + Literal("USING CRON "+t.Schedule+" "+t.TimeZone) +
		"\n  SUSPEND_TASK_AFTER_NUM_FAILURES=0"
	if comment != "" {
		b += "\n  " + comment
	}
	return b + "\n  AS " + t.Copy.String()
}
