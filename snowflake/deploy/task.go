package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/ingestion/snowflake"
)

// runOnce runs the task and waits for the end of the run.
func runOnce(ctx context.Context, db DB, task snowflake.Task) error {
	previous, err := runs(ctx, db, task)
	if err != nil {
		return err
	}
	if err := db.Exec(ctx, task.Execute()); err != nil {
		return err
	}
	err = poll(ctx, runWait, func(ctx context.Context) (bool, error) {
		now, err := runs(ctx, db, task)
		if err != nil {
			return false, err
		}
		for id, run := range now {
			if _, old := previous[id]; old {
				continue
			}
			switch {
			case run.state == "SUCCEEDED":
				return true, nil
			case strings.HasPrefix(run.state, "FAILED"), run.state == "CANCELLED":
				return false, fmt.Errorf("its run %s ended with state %s: %s", id, run.state, run.message)
			}
		}
		return false, nil
	})
	if errors.Is(err, errTimeout) {
		err = fmt.Errorf("its run has not ended after %s", runWait)
	}
	if err != nil {
		return fmt.Errorf("task %s: %w; nothing was changed: fix the task, or drop it without loading its remaining files: %s", task.Name(), err, task.Drop())
	}
	return nil
}

type taskRun struct{ state, message string }

// runs returns the latest runs by the ID of their query. Runs that have not started
// have no ID and are omitted.
func runs(ctx context.Context, db DB, task snowflake.Task) (map[string]taskRun, error) {
	rows, err := db.Query(ctx, task.History())
	if err != nil {
		return nil, err
	}
	all := make(map[string]taskRun, len(rows))
	for _, row := range rows {
		if id := row.Text("query_id"); id != "" {
			all[id] = taskRun{state: row.Text("state"), message: row.Text("error_message")}
		}
	}
	return all, nil
}
