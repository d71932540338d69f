package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"example.com/ingestion/snowflake"
)

// lookBack is how far before the replacement of a pipe the files are refreshed. The
// new pipe has no load history, so that files of that time are in the raw table
// twice; the view has each record once. S3 sets the modification time of a
// multipart upload to its start: with an hour, uploads that took up to an hour are found.
const lookBack = time.Hour

// status is the result of SYSTEM$PIPE_STATUS. Pending is the number of files that
// the pipe has still to load, also while it is paused.
// https://docs.snowflake.com/en/sql-reference/functions/system_pipe_status
type status struct {
	State   string `json:"executionState"`
	Pending int    `json:"pendingFileCount"`
	Error   string `json:"error"`
	Fault   any    `json:"fault"`
	// LastError and LastFault are the times of the last error and fault; OldestFile
	// is the time of the notification of the oldest pending file.
	LastError  timestamp `json:"lastPipeErrorTimestamp"`
	LastFault  timestamp `json:"lastPipeFaultTimestamp"`
	OldestFile timestamp `json:"oldestFileTimestamp"`
	OldestPath string    `json:"oldestPendingFilePath"`
	// RefreshJobs is the number of refreshes whose files are not in the queue yet.
	RefreshJobs count `json:"pendingHistoryRefreshJobsCount"`
}

// count is a number that may be quoted. A text that is not a number is no error and
// leaves it 0.
type count int

func (c *count) UnmarshalJSON(b []byte) error {
	if n, err := strconv.Atoi(strings.Trim(string(b), `"`)); err == nil {
		*c = count(n)
	}
	return nil
}

// timestamp is a time that is only reported. A text in another format than RFC 3339
// is no error and leaves it zero.
type timestamp struct{ time.Time }

func (t *timestamp) UnmarshalJSON(b []byte) error {
	if at, err := time.Parse(time.RFC3339, strings.Trim(string(b), `"`)); err == nil {
		t.Time = at
	}
	return nil
}

// works reports whether the pipe is able to load, once it is not paused.
func (s status) works() bool { return s.State == "RUNNING" || s.State == "PAUSED" }

// stopped reports whether the pipe was stopped by a change of its stage, format or
// table. Then it has to be replaced.
func (s status) stopped() bool { return strings.HasPrefix(s.State, "STOPPED_") }

func statusOf(ctx context.Context, db DB, pipe snowflake.Pipe) (status, error) {
	text, err := scalar(ctx, db, pipe.Status())
	if err != nil {
		return status{}, err
	}
	var s status
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("status of pipe %s: result %q: %w", pipe.Name(), text, err)
	}
	return s, nil
}

// drain refreshes the pipe with the files since a time, of which it skips those that
// it has loaded, waits until no file is pending, and pauses it. The order matters: a
// paused pipe does not start to load files, so that the number of pending files might
// never become 0. Files that arrive while it is paused may be pending at the end.
// https://docs.snowflake.com/en/user-guide/data-load-snowpipe-manage
func drain(ctx context.Context, db DB, pipe snowflake.Pipe, since time.Time) (err error) {
	s, err := statusOf(ctx, db, pipe)
	if err != nil {
		return err
	}
	if !s.works() {
		slog.WarnContext(ctx, "pipe cannot load the remaining files", "pipe", pipe.Name(), "state", s.State)
		return nil
	}
	if s.State == "PAUSED" {
		if err := resume(ctx, db, pipe); err != nil {
			return err
		}
	}
	if err := db.Exec(ctx, pipe.Refresh(since)); err != nil {
		return err
	}
	// refreshed is when the files of the refresh were known to be in the queue. Files
	// with a later timestamp have arrived since.
	var refreshed time.Time
	drained := func(state string) func(context.Context) (bool, error) {
		return func(ctx context.Context) (bool, error) {
			now, err := statusOf(ctx, db, pipe)
			if err != nil {
				return false, err
			}
			s = now
			if s.RefreshJobs > 0 || s.State != state {
				return false, nil
			}
			if refreshed.IsZero() {
				refreshed = time.Now()
			}
			return s.Pending == 0 || s.OldestFile.After(refreshed), nil
		}
	}
	paused := false
	if err = poll(ctx, drainWait, drained("RUNNING")); err == nil {
		paused = true
		if err = db.Exec(ctx, pipe.Pause()); err == nil {
			err = poll(ctx, startWait, drained("PAUSED"))
		}
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("pipe %s: %w before its files were loaded: state %s, %d files pending; nothing was changed, deploy again when fewer files arrive", pipe.Name(), err, s.State, s.Pending)
	if !paused {
		return err
	}
	// Resume the pipe, even after ctx has ended.
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, db.Exec(undo, pipe.Resume()))
}

// createPipe creates or replaces a pipe, refreshes it with the files since a time,
// and removes unfinished from its comment. With the zero time it refreshes all files of
// the last seven days.
func createPipe(ctx context.Context, db DB, pipe snowflake.Pipe, replace bool, since time.Time) error {
	unfinishedPipe := pipe
	unfinishedPipe.Owner += unfinished
	statements := unfinishedPipe.Create()
	if replace {
		grants, err := grantsOf(ctx, db, pipe)
		if err != nil {
			return err
		}
		statements = append([]string{unfinishedPipe.Replace()}, grants...)
	}
	if err := retryAccess(ctx, db, append(statements, pipe.Refresh(since))...); err != nil {
		return err
	}
	if err := db.Exec(ctx, setComment(pipe)); err != nil {
		return err
	}
	return ensureRunning(ctx, db, pipe)
}

// grantsOf returns the GRANT statements for the privileges that roles have on a pipe,
// except for its ownership. CREATE OR REPLACE PIPE has no COPY GRANTS.
// https://docs.snowflake.com/en/sql-reference/sql/create-pipe
func grantsOf(ctx context.Context, db DB, pipe snowflake.Pipe) ([]string, error) {
	rows, err := db.Query(ctx, pipe.Grants())
	if err != nil {
		return nil, err
	}
	var statements []string
	for _, row := range rows {
		if privilege := row.Text("privilege"); privilege != "OWNERSHIP" && row.Text("granted_to") == "ROLE" {
			statements = append(statements, pipe.Grant(privilege, row.Text("grantee_name")))
		}
	}
	return statements, nil
}

// replacePipe replaces a pipe by one of another definition. Every file is loaded by
// at least one of the two: by the old one if its notification arrives before the
// pause, and otherwise by the new one, which is refreshed with the files since
// lookBack before the pause. If moved is set, the new pipe reads another prefix, and
// is refreshed with all files.
func replacePipe(ctx context.Context, db DB, pipe snowflake.Pipe, moved bool) error {
	s, err := statusOf(ctx, db, pipe)
	if err != nil {
		return err
	}
	var since time.Time
	if !moved && s.works() {
		since = time.Now().Add(-lookBack)
		if err := drain(ctx, db, pipe, since); err != nil {
			return err
		}
	}
	if err := createPipe(ctx, db, pipe, true, since); err != nil {
		// If the old pipe was not replaced, it must not stay paused.
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return errors.Join(err, db.Exec(undo, pipe.Resume()))
	}
	return nil
}

// ensureRunning resumes a paused pipe, and returns an error unless the pipe runs.
func ensureRunning(ctx context.Context, db DB, pipe snowflake.Pipe) error {
	var s status
	resumed := false
	err := poll(ctx, startWait, func(ctx context.Context) (bool, error) {
		now, err := statusOf(ctx, db, pipe)
		if err != nil {
			return false, err
		}
		s = now // for the error, if the next query fails
		if s.State == "PAUSED" && !resumed {
			resumed = true
			return false, resume(ctx, db, pipe)
		}
		return s.State == "RUNNING", nil
	})
	if errors.Is(err, errTimeout) {
		return fmt.Errorf("pipe %s is %s instead of RUNNING: %s; see %s", pipe.Name(), s.State, strings.TrimSpace(s.Error+" "+text(s.Fault)), pipe.Status())
	}
	return err
}

// resume resumes a paused pipe, also one that was paused for more than 14 days. Snowflake
// may have dropped notifications of the latter, so that it is refreshed.
func resume(ctx context.Context, db DB, pipe snowflake.Pipe) error {
	err := db.Exec(ctx, pipe.Resume())
	if err == nil || permanent(err) || ctx.Err() != nil {
		return err
	}
	if _, forced := db.Query(ctx, pipe.ForceResume()); forced != nil {
		return errors.Join(err, forced)
	}
	slog.WarnContext(ctx, "pipe was paused for more than 14 days: only files of the last 7 days are refreshed", "pipe", pipe.Name())
	return db.Exec(ctx, pipe.Refresh(time.Time{}))
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// retryAccess runs statements and retries those that fail because the role has not
// propagated everywhere in AWS yet.
func retryAccess(ctx context.Context, db DB, statements ...string) error {
	for _, statement := range statements {
		var last error
		err := poll(ctx, accessWait, func(ctx context.Context) (bool, error) {
			last = db.Exec(ctx, statement)
			if last != nil && !strings.Contains(last.Error(), "assuming AWS_ROLE") {
				return false, last
			}
			return last == nil, nil
		})
		if errors.Is(err, errTimeout) {
			return errors.Join(err, last)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
