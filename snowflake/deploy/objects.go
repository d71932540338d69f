package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// Objects creates or alters all objects of the feed except the integration, which
// must exist. It waits up to two minutes until the integration's role works. An
// unchanged object gets no statement. Where Load, prefix or definition of the
// pipe changes, the files that are not loaded yet are loaded first.
func Objects(ctx context.Context, db DB, spec snowflake.Spec, names snowflake.Names) (Result, error) {
	plan, err := spec.Plan(names)
	if err != nil {
		return Result{}, err
	}
	spec = spec.WithDefaults()
	objects := possibleObjects(spec)
	existing, err := lookup(ctx, db, objects...)
	if err != nil {
		return Result{}, err
	}
	if err := errors.Join(existing.checkOwner(names.Owner, plan, objects), existing.checkTable(spec, plan)); err != nil {
		return Result{}, err
	}
	if err := waitForAccess(ctx, db, spec, names, plan.StageURL()); err != nil {
		return Result{}, err
	}
	a := apply{db: db, spec: spec, names: names, plan: plan, existing: existing, started: time.Now()}
	if stage, ok := existing[snowflake.KindStage]; ok {
		a.moved = stage.row.Text("url") != plan.StageURL()
	}
	if err := a.dropObsolete(ctx); err != nil {
		return Result{}, err
	}
	for _, o := range plan.Objects() {
		if view, ok := o.(snowflake.View); ok && plan.Latest != nil && view.Name() == plan.Latest.Name() {
			o = latestView{view}
		}
		if err := a.object(ctx, o); err != nil {
			return Result{}, fmt.Errorf("%s %s: %w", describeKind(o), o.Name(), err)
		}
	}
	if err := a.dropLatest(ctx); err != nil {
		return Result{}, err
	}
	if err := grantReaders(ctx, db, spec); err != nil {
		return Result{}, err
	}
	return a.result(ctx)
}

// apply is one run of Objects.
type apply struct {
	db       DB
	spec     snowflake.Spec
	names    snowflake.Names
	plan     snowflake.Plan
	existing catalog
	started  time.Time
	// moved is set if the stage had another URL. Integration has loaded the files
	// of that URL.
	moved bool
	// loadedByTask is set if a task that this run drops has loaded all files that
	// existed at started.
	loadedByTask bool
	// newStreamTable is set if the table of the stream was replaced.
	newStreamTable bool
}

// dropObsolete drops the pipe, task, external table and stream that are not part of
// the plan, after the pipe or task has loaded the remaining files.
func (a *apply) dropObsolete(ctx context.Context) error {
	if _, ok := a.existing[snowflake.KindPipe]; ok && a.plan.Pipe == nil {
		pipe := pipeOf(a.spec)
		if !a.moved {
			if err := drain(ctx, a.db, pipe, time.Now().Add(-lookBack)); err != nil {
				return err
			}
		}
		if err := a.drop(ctx, pipe); err != nil {
			return err
		}
	}
	if _, ok := a.existing[snowflake.KindTask]; ok && a.plan.Task == nil {
		task := taskOf(a.spec)
		if !a.moved {
			if err := runOnce(ctx, a.db, task); err != nil {
				return err
			}
			a.loadedByTask = true
		}
		if err := a.drop(ctx, task); err != nil {
			return err
		}
	}
	if _, ok := a.existing[snowflake.KindExternalTable]; ok && a.plan.ExternalTable == nil {
		a.newStreamTable = true
		if err := a.drop(ctx, snowflake.External{ObjectName: objectName(a.spec, "")}); err != nil {
			return err
		}
	}
	if _, ok := a.existing[snowflake.KindStream]; ok && a.plan.Stream == nil {
		return a.drop(ctx, snowflake.Stream{ObjectName: objectName(a.spec, "_STREAM")})
	}
	return nil
}

// dropLatest drops the view of the newest records if the feed has no key any more, or if
// it is of a version of this project that gave this name to the view of each record. The
// other view exists by then.
func (a *apply) dropLatest(ctx context.Context) error {
	view := latestOf(a.spec)
	if a.plan.Latest != nil || !hasLatest(a.spec) || !a.existing.owned(kindLatest, a.names.Owner) || !uses(a.existing[kindLatest].row, objectName(a.spec, "").Name()) {
		return nil
	}
	if err := a.db.Exec(ctx, view.Drop()); err != nil {
		return fmt.Errorf("view %s: %w", view.Name(), err)
	}
	return nil
}

func (a *apply) drop(ctx context.Context, o snowflake.Object) error {
	delete(a.existing, o.Kind())
	return a.db.Exec(ctx, o.Drop())
}

// object creates or alters one object.
func (a *apply) object(ctx context.Context, o snowflake.Object) error {
	f, exists := a.existing[keyOf(o)]
	same := exists && f.comment == o.Comment()
	switch o := o.(type) {
	case snowflake.StorageIntegration:
		return nil // created by Integration, before the role
	case snowflake.Table:
		if exists && !same {
			return a.table(ctx, o, f)
		}
	case snowflake.Stage:
		if exists && a.moved {
			if err := a.markUnfinished(ctx); err != nil {
				return err
			}
		}
	case snowflake.Pipe:
		return a.pipe(ctx, o, f, exists)
	case snowflake.Task:
		// A run was interrupted after it created the task and before it resumed it.
		if same && f.row.Text("state") == "suspended" {
			return a.db.Exec(ctx, o.Resume())
		}
	case snowflake.External:
		// After an interrupted change of the prefix and a rollback, the comment has
		// the current definition, but the stage had the other prefix meanwhile.
		return a.externalTable(ctx, o, exists, same && !a.moved)
	case snowflake.Stream:
		if exists && (!same || a.newStreamTable) {
			// The stream refers to a dropped table. Its rows are in the new table.
			return execAll(ctx, a.db, append([]string{o.Drop()}, o.Create()...))
		}
	case snowflake.FileFormat:
		if exists && !same && f.row.Text("type") != o.Type {
			// The type cannot be altered. Other objects refer to the format by name.
			return execAll(ctx, a.db, append([]string{o.Drop()}, o.Create()...))
		}
	}
	switch {
	case same:
		return nil
	case exists:
		return execAll(ctx, a.db, o.Alter())
	default:
		return execAll(ctx, a.db, o.Create())
	}
}

// table adds missing columns. A table that this project did not create keeps its
// comment, so that it is never dropped with the feed.
func (a *apply) table(ctx context.Context, t snowflake.Table, f found) error {
	rows, err := a.db.Query(ctx, t.DescribeColumns())
	if err != nil {
		return err
	}
	var missing []snowflake.TableColumn
	for _, column := range t.Columns {
		exists := func(r client.Row) bool {
			return snowflake.Identifier(r.Text("name")) == snowflake.Identifier(column.Name)
		}
		if !slices.ContainsFunc(rows, exists) {
			missing = append(missing, column)
		}
	}
	statements := t.AddColumns(missing...)
	if f.comment != (snowflake.Comment{}) {
		statements = append(statements, setComment(t))
	}
	return execAll(ctx, a.db, statements)
}

// setComment returns the statement that sets an object's comment to that of the plan.
func setComment(o snowflake.Object) string {
	return "ALTER " + string(o.Kind()) + " " + o.Name() + " SET COMMENT=" + snowflake.Literal(o.Comment().String())
}

// markUnfinished sets the comment of the pipe to unfinished before the URL of its
// stage changes. If the run is interrupted afterwards, the next one cannot see the
// change from the stage, and has to refresh the pipe with all files.
func (a *apply) markUnfinished(ctx context.Context) error {
	f, exists := a.existing[snowflake.KindPipe]
	if !exists || a.plan.Pipe == nil || f.unfinished() {
		return nil
	}
	pipe := *a.plan.Pipe
	pipe.Owner += unfinished
	return a.db.Exec(ctx, setComment(pipe))
}

func (a *apply) pipe(ctx context.Context, pipe snowflake.Pipe, f found, exists bool) error {
	if !exists {
		if err := checkRead(ctx, a.db, a.spec, a.names, a.plan.Stage); err != nil {
			return err
		}
		var since time.Time
		if a.loadedByTask && !a.moved {
			since = a.started.Add(-lookBack)
		}
		return createPipe(ctx, a.db, pipe, false, since)
	}
	s, err := statusOf(ctx, a.db, pipe)
	if err != nil {
		return err
	}
	if f.comment == pipe.Comment() && !s.stopped() {
		return ensureRunning(ctx, a.db, pipe)
	}
	if err := checkRead(ctx, a.db, a.spec, a.names, a.plan.Stage); err != nil {
		return err
	}
	return replacePipe(ctx, a.db, pipe, a.moved || f.unfinished())
}

func (a *apply) externalTable(ctx context.Context, e snowflake.External, exists, same bool) error {
	if same {
		return nil
	}
	statements := e.Create()
	if exists {
		statements = []string{e.Replace()}
	}
	a.newStreamTable = exists
	// Files that arrive after CREATE listed the bucket and before the subscription
	// works are only found by a refresh afterwards.
	return retryAccess(ctx, a.db, append(statements, e.Refresh())...)
}

// result returns the names of the feed's objects and the notification channel.
func (a *apply) result(ctx context.Context) (Result, error) {
	r := Result{Table: objectName(a.spec, "").Name(), View: a.plan.View.Name()}
	var subscriber snowflake.Object
	switch {
	case a.plan.Pipe != nil:
		subscriber = *a.plan.Pipe
	case a.plan.ExternalTable != nil:
		subscriber = *a.plan.ExternalTable
	default:
		return r, nil
	}
	c, err := lookup(ctx, a.db, subscriber)
	if err != nil {
		return r, err
	}
	r.NotificationChannel = c[subscriber.Kind()].row.Text("notification_channel")
	return r, nil
}
