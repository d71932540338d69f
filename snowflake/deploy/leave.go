package deploy

import (
	"context"
	"fmt"
	"time"

	"example.com/ingestion/snowflake"
)

// leaveLocation loads what is left in the location that the feed's stage shows,
// if it is to show another one.
func leaveLocation(ctx context.Context, db DB, spec snowflake.Spec, owner, url string) error {
	spec = spec.WithDefaults()
	stage, pipe, task := snowflake.Stage{Place: place(spec, "_STAGE")}, pipeOf(spec), taskOf(spec)
	c, err := look(ctx, db, stage, pipe, task)
	if err != nil {
		return err
	}
	if !c.ours(snowflake.KindStage, owner) || c[snowflake.KindStage].row.Text("url") == url {
		return nil
	}
	if c.ours(snowflake.KindPipe, owner) {
		// It has a history of all it loaded, so that every file there can be announced.
		if err := drain(ctx, db, pipe, time.Time{}); err != nil {
			return fmt.Errorf("load what is left in %s: %w", c[snowflake.KindStage].row.Text("url"), err)
		}
		return db.Exec(ctx, pipe.Resume())
	}
	if c.ours(snowflake.KindTask, owner) {
		return runOnce(ctx, db, task)
	}
	return nil
}
