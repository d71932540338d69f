package snowflake

import (
	"strings"
	"time"
)

// Copy is a COPY INTO a table, the statement of pipes and tasks.
type Copy struct {
	// Table is the name of the target, quoted.
	Table string
	Stage Stage
	// Columns and Select have the same length: each expression over the file is
	// loaded into the column at the same index. If both are empty, columns are
	// matched by name, see Metadata.
	Columns, Select []string
	// Metadata are the columns that a COPY by name fills with metadata of the file.
	// Other columns are matched with the header, case-insensitively.
	Metadata []MetadataColumn
	// Pattern is a regular expression for the whole path; empty for every file.
	Pattern string
}

// MetadataColumn is a column that holds a METADATA$ column.
type MetadataColumn struct {
	Name, Metadata string
}

// String returns the statement without a semicolon, which would become part of
// a pipe's definition.
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

// maxFiles is the maximum number of names in FILES.
// https://docs.snowflake.com/en/sql-reference/sql/copy-into-table#optional-parameters
const maxFiles = 1000

// Files returns the statement for some files of the stage, on one line, whatever PATTERN
// the COPY has. The keys are those of at most 1000 objects of the stage. It is the only
// statement that loads a file on which a pipe has failed: the pipe's load history has the
// file, so that neither a notification nor REFRESH loads it again.
// https://docs.snowflake.com/en/user-guide/data-load-snowpipe-ts
func (c Copy) Files(keys ...string) string {
	_, path, _ := strings.Cut(c.Stage.URL, "://")
	_, prefix, _ := strings.Cut(path, "/")
	names := make([]string, 0, len(keys))
	for _, key := range keys[:min(len(keys), maxFiles)] {
		names = append(names, strings.TrimPrefix(key, prefix)) // relative to the stage's URL
	}
	c.Pattern = ""
	text := strings.NewReplacer("\n    ", " ", "\n  ", " ").Replace(c.String())
	before, after, _ := strings.Cut(text, " FILE_FORMAT=")
	// Without the option, COPY skips a file of more than 64 days whose load it does not know any more.
	// https://docs.snowflake.com/en/user-guide/data-load-considerations-load#load-metadata
	return before + " FILES=" + literals(names) + " FILE_FORMAT=" + after + " LOAD_UNCERTAIN_FILES=TRUE"
}

// Pipe is a Snowpipe. It loads each file once, about a minute after the
// notification. Neither its COPY nor its topic can be altered, and a replaced
// pipe has no load history: package deploy replaces one without losing files.
type Pipe struct {
	ObjectName
	Copy Copy
	// TopicARN is the ARN of the topic that publishes notifications of new files.
	TopicARN string
	Owner    string
}

// Kind returns KindPipe.
func (p Pipe) Kind() Kind { return KindPipe }

// Create creates the pipe if it does not exist.
func (p Pipe) Create() []string {
	return []string{"CREATE PIPE IF NOT EXISTS " + p.Name() + p.definition(p.Comment().clause())}
}

// Alter returns nothing: pipes are replaced, see Replace.
func (p Pipe) Alter() []string { return nil }

// Replace replaces the pipe by a running one without a load history. Before it,
// pause the old pipe and wait until no file is pending; after it, Refresh with
// the time of the pause.
func (p Pipe) Replace() string {
	return "CREATE OR REPLACE PIPE " + p.Name() + p.definition(p.Comment().clause())
}

// Pause stops the pipe from starting to load further files.
func (p Pipe) Pause() string {
	return "ALTER PIPE " + p.Name() + " SET PIPE_EXECUTION_PAUSED=TRUE"
}

// Resume resumes a paused pipe.
func (p Pipe) Resume() string {
	return "ALTER PIPE " + p.Name() + " SET PIPE_EXECUTION_PAUSED=FALSE"
}

// ForceResume resumes a pipe that was paused for more than 14 days, which Resume does not.
// Snowflake may have dropped notifications meanwhile, so that Refresh has to follow.
// https://docs.snowflake.com/en/sql-reference/functions/system_pipe_force_resume
func (p Pipe) ForceResume() string {
	return "SELECT SYSTEM$PIPE_FORCE_RESUME(" + Literal(p.Name()) + ",'staleness_check_override')"
}

// Refresh loads existing files of at most the last seven days that were modified
// after modifiedAfter. The zero time sets no such limit.
func (p Pipe) Refresh(modifiedAfter time.Time) string {
	refresh := "ALTER PIPE " + p.Name() + " REFRESH"
	if modifiedAfter.IsZero() {
		return refresh
	}
	return refresh + " MODIFIED_AFTER=" + Literal(modifiedAfter.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// Status returns a JSON document with executionState, pendingFileCount, error and more.
// https://docs.snowflake.com/en/sql-reference/functions/system_pipe_status
func (p Pipe) Status() string { return "SELECT SYSTEM$PIPE_STATUS(" + Literal(p.Name()) + ")" }

// Grants lists the privileges on the pipe, which Replace does not keep: columns
// privilege, granted_to and grantee_name.
func (p Pipe) Grants() string { return "SHOW GRANTS ON PIPE " + p.Name() }

// Grant grants a privilege on the pipe to a role, whose name is that of the catalog.
func (p Pipe) Grant(privilege, role string) string {
	return "GRANT " + privilege + " ON PIPE " + p.Name() + " TO ROLE " + quoted(role)
}

// Describe lists the pipe. Column notification_channel has the ARN of the queue
// that receives its notifications.
func (p Pipe) Describe() string { return p.show(p.Kind()) }

// Drop drops the pipe.
func (p Pipe) Drop() string { return drop(p.Kind(), p.Name()) }

// Comment returns the pipe's comment. The hash includes the stage's URL and
// integration: a pipe has to be replaced when they change.
func (p Pipe) Comment() Comment { return newComment(p.Owner, p.definition(""), p.Copy.Stage.options()) }

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

// Task runs a COPY on a schedule, as a serverless task.
type Task struct {
	ObjectName
	// Schedule is a cron expression of five fields, evaluated in TimeZone.
	Schedule, TimeZone string
	Copy               Copy
	Owner              string
}

// Kind returns KindTask.
func (t Task) Kind() Kind { return KindTask }

// Create creates the task if it does not exist, and resumes it: tasks are
// created suspended.
func (t Task) Create() []string {
	return []string{"CREATE TASK IF NOT EXISTS " + t.Name() + t.definition(t.Comment().clause()), t.Resume()}
}

// Alter suspends the task, changes it to this definition, and resumes it.
func (t Task) Alter() []string {
	return []string{t.Suspend(), "CREATE OR ALTER TASK " + t.Name() + t.definition(t.Comment().clause()), t.Resume()}
}

// Suspend stops the schedule. A run in progress continues.
func (t Task) Suspend() string { return "ALTER TASK " + t.Name() + " SUSPEND" }

// Resume starts the schedule.
func (t Task) Resume() string { return "ALTER TASK " + t.Name() + " RESUME" }

// Execute runs the task once, immediately, even if it is suspended.
func (t Task) Execute() string { return "EXECUTE TASK " + t.Name() }

// History returns the latest runs, the last one first. It needs a warehouse, as
// every query of INFORMATION_SCHEMA does. The limit is high because it applies
// before WHERE, so that it includes tasks of the same name in other schemas.
func (t Task) History() string {
	return "SELECT QUERY_ID, STATE, ERROR_CODE, ERROR_MESSAGE, SCHEDULED_TIME, COMPLETED_TIME" +
		"\n  FROM TABLE(" + Identifier(t.Database) + ".INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME=>" + Literal(t.StoredName()) + ",RESULT_LIMIT=>1000))" +
		"\n  WHERE DATABASE_NAME=" + Literal(stored(t.Database)) + " AND SCHEMA_NAME=" + Literal(stored(t.Schema)) +
		"\n  ORDER BY SCHEDULED_TIME DESC"
}

// Describe lists the task. Column state is started or suspended.
func (t Task) Describe() string { return t.show(t.Kind()) }

// Drop drops the task.
func (t Task) Drop() string { return drop(t.Kind(), t.Name()) }

// Comment returns the task's comment.
func (t Task) Comment() Comment { return newComment(t.Owner, t.definition("")) }

// definition has no WAREHOUSE, which makes the task serverless. By default a run is
// cancelled after an hour and all that it loaded is rolled back, so that a backlog which
// takes longer would never be loaded, and the task is suspended after ten failures.
// https://docs.snowflake.com/en/sql-reference/sql/create-task
func (t Task) definition(comment string) string {
	b := "\n  USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE='XSMALL'" +
		"\n  SCHEDULE=" + Literal("USING CRON "+t.Schedule+" "+t.TimeZone) +
		"\n  USER_TASK_TIMEOUT_MS=86400000 SUSPEND_TASK_AFTER_NUM_FAILURES=0"
	if comment != "" {
		b += "\n  " + comment
	}
	return b + "\n  AS " + t.Copy.String()
}
