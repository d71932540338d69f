package deploy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"example.com/ingestion/snowflake"
)

const (
	// recentError is the maximum age of an error to report. It is a little more than
	// the four hours between two checks, so that none is missed.
	recentError = 4*time.Hour + 5*time.Minute
	// maxPending is how long a file may be pending. A pipe that works needs about a minute.
	maxPending = time.Hour
)

// PipeProblem returns in one line what is wrong with a pipe at the time now, or ""
// if nothing is. It needs no warehouse. It does not find files that a running pipe
// skipped because of their content: those are in COPY_HISTORY, which needs a
// warehouse. The error is a client.ErrNotFound if the pipe does not exist.
func PipeProblem(ctx context.Context, db DB, pipe snowflake.Pipe, now time.Time) (string, error) {
	s, err := statusOf(ctx, db, pipe)
	if err != nil {
		return "", err
	}
	var problems []string
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if s.State != "RUNNING" {
		add("it is %s instead of RUNNING", s.State)
	}
	if what := strings.TrimSpace(s.Error + " " + text(s.Fault)); what != "" {
		add("its error is: %s", what)
	}
	for _, last := range []struct {
		kind string
		at   timestamp
	}{{"error", s.LastError}, {"fault", s.LastFault}} {
		if now.Sub(last.at.Time) < recentError {
			add("its last %s was at %s", last.kind, last.at.UTC().Format(time.RFC3339))
		}
	}
	if s.Pending > 0 && !s.OldestFile.IsZero() && now.Sub(s.OldestFile.Time) > maxPending {
		add("%d files are pending, the oldest, %s, since %s", s.Pending, s.OldestPath, s.OldestFile.UTC().Format(time.RFC3339))
	}
	return strings.Join(problems, "; "), nil
}
