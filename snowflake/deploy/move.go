package deploy

import (
	"context"
	"fmt"
	"time"

	"example.com/ingestion/snowflake"
)

// loadRemaining loads the files that are not loaded yet from the URL of the feed's
// stage, if the stage is about to get another URL.
func loadRemaining(ctx context.Context, db DB, spec snowflake.Spec, owner, url string) error {
	spec = spec.WithDefaults()
	stage, pipe, task := snowflake.Stage{ObjectName: objectName(spec, "_STAGE")}, pipeOf(spec), taskOf(spec)
	c, err := lookup(ctx, db, stage, pipe, task)
	if err != nil {
		return err
	}
	if !c.owned(snowflake.KindStage, owner) || c[snowflake.KindStage].row.Text("url") == url {
		return nil
	}
	if c.owned(snowflake.KindPipe, owner) {
		// The pipe's load history prevents that a refresh with all files loads one twice.
		if err := drain(ctx, db, pipe, time.Time{}); err != nil {
			return fmt.Errorf("load the remaining files of %s: %w", c[snowflake.KindStage].row.Text("url"), err)
		}
		return db.Exec(ctx, pipe.Resume())
	}
	if c.owned(snowflake.KindTask, owner) {
		return runOnce(ctx, db, task)
	}
	return nil
}
