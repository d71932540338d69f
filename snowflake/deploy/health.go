package deploy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"example.com/ingestion/snowflake"
)

const (
	// recentError is how long an error of a pipe is told. It is a little over the
	// four hours that lie between two looks, so that none falls between them.
	recentError = 4*time.Hour + 5*time.Minute
	// longWait is what a file takes when something is wrong; a pipe is about a minute behind.
	longWait = time.Hour
)

// PipeTrouble says in one line what is wrong with a pipe at a time, empty for
// nothing. It needs no warehouse, so it costs next to nothing, and it cannot
// see files that a running pipe passed over for their content: these are in
// COPY_HISTORY, which needs one. A pipe that is not there is an error.
func PipeTrouble(ctx context.Context, db DB, pipe snowflake.Pipe, now time.Time) (string, error) {
	s, err := statusOf(ctx, db, pipe)
	if err != nil {
		return "", err
	}
	var trouble []string
	add := func(format string, args ...any) { trouble = append(trouble, fmt.Sprintf(format, args...)) }
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
	if s.Pending > 0 && !s.OldestFile.IsZero() && now.Sub(s.OldestFile.Time) > longWait {
		add("%d files wait, the oldest, %s, since %s", s.Pending, s.OldestPath, s.OldestFile.UTC().Format(time.RFC3339))
	}
	return strings.Join(trouble, "; "), nil
}
