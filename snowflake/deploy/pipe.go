package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"example.com/ingestion/snowflake"
)

// lookBack is how far back files are announced again when a pipe is exchanged.
// A new pipe knows nothing of what the old one loaded, so that those of this
// time are in the raw table twice; the view keeps each record once. It is not
// smaller because S3 dates an object that is uploaded in parts by when that
// began: one that was an hour on its way is still found.
const lookBack = time.Hour

// status is what SYSTEM$PIPE_STATUS answers. Pending says how many files the
// pipe has still to load, also while it is paused (documentation:
// "SYSTEM$PIPE_STATUS").
type status struct {
	State   string `json:"executionState"`
	Pending int    `json:"pendingFileCount"`
	Error   string `json:"error"`
	Fault   any    `json:"fault"`
	// LastError and LastFault are when loading last met one; OldestFile is when the
	// file that has waited longest was announced.
	LastError  timestamp `json:"lastPipeErrorTimestamp"`
	LastFault  timestamp `json:"lastPipeFaultTimestamp"`
	OldestFile timestamp `json:"oldestFileTimestamp"`
	OldestPath string    `json:"oldestPendingFilePath"`
}

// timestamp is a time that is only told: one in a form that we do not know is
// no reason to fail a deployment, and stays zero.
type timestamp struct{ time.Time }

func (t *timestamp) UnmarshalJSON(b []byte) error {
	if at, err := time.Parse(time.RFC3339, strings.Trim(string(b), `"`)); err == nil {
		t.Time = at
	}
	return nil
}

// works tells whether the pipe loads, or would if it were not paused.
func (s status) works() bool { return s.State == "RUNNING" || s.State == "PAUSED" }

// broken tells a pipe whose stage, format or table was changed under it. Only a
// new one helps.
func (s status) broken() bool { return strings.HasPrefix(s.State, "STOPPED_") }

func statusOf(ctx context.Context, db DB, pipe snowflake.Pipe) (status, error) {
	text, err := scalar(ctx, db, pipe.Status())
	if err != nil {
		return status{}, err
	}
	var s status
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("status of pipe %s: answer %q: %w", pipe.Name(), text, err)
	}
	return s, nil
}

// drain announces the files since then to the pipe, which passes over those it
// has loaded, pauses it and waits until it has loaded the rest.
func drain(ctx context.Context, db DB, pipe snowflake.Pipe, since time.Time) (err error) {
	s, err := statusOf(ctx, db, pipe)
	if err != nil {
		return err
	}
	if !s.works() {
		slog.WarnContext(ctx, "pipe cannot load what is left", "pipe", pipe.Name(), "state", s.State)
		return nil
	}
	if s.State == "PAUSED" {
		// What was announced to a paused pipe would stay pending for ever.
		if err := db.Exec(ctx, pipe.Resume()); err != nil {
			return err
		}
	}
	if err := db.Exec(ctx, pipe.Refresh(since)); err != nil {
		return err
	}
	if err := db.Exec(ctx, pipe.Pause()); err != nil {
		return err
	}
	err = poll(ctx, drainWait, func(ctx context.Context) (bool, error) {
		now, err := statusOf(ctx, db, pipe)
		if err == nil {
			s = now
		}
		return err == nil && s.State == "PAUSED" && s.Pending == 0, err
	})
	if err == nil {
		return nil
	}
	// Leave it as it was, also when the time is up.
	err = fmt.Errorf("pipe %s: %w before its files were loaded: %s with %d pending; nothing was changed, deploy again when fewer files arrive", pipe.Name(), err, s.State, s.Pending)
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, db.Exec(undo, pipe.Resume()))
}

// startPipe makes a pipe or replaces one, announces the files since then to it
// and marks it as finished. A zero time announces all of the last seven days.
func startPipe(ctx context.Context, db DB, pipe snowflake.Pipe, replace bool, since time.Time) error {
	marked := pipe
	marked.Owner += unfinished
	statements := marked.Create()
	if replace {
		statements = []string{marked.Replace()}
	}
	if err := retryAccess(ctx, db, append(statements, pipe.Refresh(since))...); err != nil {
		return err
	}
	if err := db.Exec(ctx, setComment(pipe)); err != nil {
		return err
	}
	return run(ctx, db, pipe)
}

// exchange replaces a pipe by one of another definition. Every file is loaded
// by one of the two: those until the pause by the old one, the time from before
// the pause is announced to the new one. moved says that the new one reads
// another location: then all that is there is new to the table.
func exchange(ctx context.Context, db DB, pipe snowflake.Pipe, moved bool) error {
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
	if err := startPipe(ctx, db, pipe, true, since); err != nil {
		// If it is the old one still, it must not stay paused.
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return errors.Join(err, db.Exec(undo, pipe.Resume()))
	}
	return nil
}

// run checks that the pipe runs, and resumes a paused one.
func run(ctx context.Context, db DB, pipe snowflake.Pipe) error {
	var s status
	resumed := false
	err := poll(ctx, startWait, func(ctx context.Context) (bool, error) {
		now, err := statusOf(ctx, db, pipe)
		if err != nil {
			return false, err
		}
		s = now // kept when the next look is cut off
		if s.State == "PAUSED" && !resumed {
			resumed = true
			return false, db.Exec(ctx, pipe.Resume())
		}
		return s.State == "RUNNING", nil
	})
	if errors.Is(err, errTimeUp) {
		return fmt.Errorf("pipe %s is %s instead of RUNNING: %s; see %s", pipe.Name(), s.State, strings.TrimSpace(s.Error+" "+text(s.Fault)), pipe.Status())
	}
	return err
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// retryAccess runs statements of which the first to read the bucket may still
// meet a part of AWS that has not heard of the role.
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
		if errors.Is(err, errTimeUp) {
			return errors.Join(err, last)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
