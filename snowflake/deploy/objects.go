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

// Objects makes or alters everything of the feed but the integration, which has
// to be there with a role that works or will within two minutes. What is as it
// should be gets no statement.
func Objects(ctx context.Context, db DB, spec snowflake.Spec, names snowflake.Names) (Made, error) {
	plan, err := spec.Plan(names)
	if err != nil {
		return Made{}, err
	}
	spec = spec.WithDefaults()
	objects := inventory(spec)
	exist, err := look(ctx, db, objects...)
	if err != nil {
		return Made{}, err
	}
	if err := errors.Join(exist.guard(names.Owner, objects), exist.clash(spec, plan)); err != nil {
		return Made{}, err
	}
	if err := waitForAccess(ctx, db, spec, names, plan.StageURL()); err != nil {
		return Made{}, err
	}
	a := apply{db: db, spec: spec, plan: plan, exist: exist, started: time.Now()}
	if stage, ok := exist[snowflake.KindStage]; ok {
		a.moved = stage.row.Text("url") != plan.StageURL()
	}
	if err := a.retire(ctx); err != nil {
		return Made{}, err
	}
	for _, o := range plan.Objects() {
		if err := a.object(ctx, o); err != nil {
			return Made{}, fmt.Errorf("%s %s: %w", describeKind(o), o.Name(), err)
		}
	}
	return a.made(ctx)
}

// apply is one run of Objects.
type apply struct {
	db      DB
	spec    snowflake.Spec
	plan    snowflake.Plan
	exist   catalog
	started time.Time
	// moved: the stage showed another location before. What is there has been
	// loaded by Integration.
	moved bool
	// covered: until started, a task that this run retires has loaded everything.
	covered bool
	// rebased: the stream's table is another one than before.
	rebased bool
}

// retire drops what loaded before and does not belong to the plan any more,
// after it has loaded what it has still to load.
func (a *apply) retire(ctx context.Context) error {
	if _, ok := a.exist[snowflake.KindPipe]; ok && a.plan.Pipe == nil {
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
	if _, ok := a.exist[snowflake.KindTask]; ok && a.plan.Task == nil {
		task := taskOf(a.spec)
		if !a.moved {
			if err := runOnce(ctx, a.db, task); err != nil {
				return err
			}
			a.covered = true
		}
		if err := a.drop(ctx, task); err != nil {
			return err
		}
	}
	if _, ok := a.exist[snowflake.KindExternalTable]; ok && a.plan.ExternalTable == nil {
		a.rebased = true
		if err := a.drop(ctx, snowflake.External{Place: place(a.spec, "")}); err != nil {
			return err
		}
	}
	if _, ok := a.exist[snowflake.KindStream]; ok && a.plan.Stream == nil {
		return a.drop(ctx, snowflake.Stream{Place: place(a.spec, "_STREAM")})
	}
	return nil
}

func (a *apply) drop(ctx context.Context, o snowflake.Object) error {
	delete(a.exist, o.Kind())
	return a.db.Exec(ctx, o.Drop())
}

// object brings one object to the plan.
func (a *apply) object(ctx context.Context, o snowflake.Object) error {
	f, exists := a.exist[o.Kind()]
	same := exists && f.mark == o.Mark()
	switch o := o.(type) {
	case snowflake.StorageIntegration:
		return nil // made by Integration, before the role
	case snowflake.Table:
		if exists && !same {
			return a.table(ctx, o, f)
		}
	case snowflake.Stage:
		if exists && a.moved {
			if err := a.unsettle(ctx); err != nil {
				return err
			}
		}
	case snowflake.Pipe:
		return a.pipe(ctx, o, f, exists)
	case snowflake.Task:
		// Made but not started: a run was cut off in between.
		if same && f.row.Text("state") == "suspended" {
			return a.db.Exec(ctx, o.Resume())
		}
	case snowflake.External:
		// On the way back from a move that was cut off, the old mark is there still.
		return a.externalTable(ctx, o, exists, same && !a.moved)
	case snowflake.Stream:
		if exists && (!same || a.rebased) {
			// It follows a table that is no more. What it had collected is in the new one.
			return execAll(ctx, a.db, append([]string{o.Drop()}, o.Create()...))
		}
	case snowflake.FileFormat:
		if exists && !same && f.row.Text("type") != o.Type {
			// The type cannot be altered. What refers to the format does so by name.
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

// table adds the columns that are missing. One without a mark keeps its comment,
// so that it never looks like the feed's own and is never dropped with it.
func (a *apply) table(ctx context.Context, t snowflake.Table, f found) error {
	rows, err := a.db.Query(ctx, t.DescribeColumns())
	if err != nil {
		return err
	}
	var missing []snowflake.TableColumn
	for _, column := range t.Columns {
		there := func(r client.Row) bool {
			return snowflake.Identifier(r.Text("name")) == snowflake.Identifier(column.Name)
		}
		if !slices.ContainsFunc(rows, there) {
			missing = append(missing, column)
		}
	}
	statements := t.AddColumns(missing...)
	if f.mark != (snowflake.Mark{}) {
		statements = append(statements, setComment(t))
	}
	return execAll(ctx, a.db, statements)
}

// setComment marks an object as having the plan's definition.
func setComment(o snowflake.Object) string {
	return "ALTER " + string(o.Kind()) + " " + o.Name() + " SET COMMENT=" + snowflake.Literal(o.Mark().String())
}

// unsettle marks the pipe as unfinished before its stage shows another location.
// A run that is cut off after that cannot be told from the stage any more, and
// whoever follows, onwards or back, has to announce all that is there.
func (a *apply) unsettle(ctx context.Context) error {
	f, exists := a.exist[snowflake.KindPipe]
	if !exists || a.plan.Pipe == nil || f.unfinished() {
		return nil
	}
	marked := *a.plan.Pipe
	marked.Owner += unfinished
	return a.db.Exec(ctx, setComment(marked))
}

func (a *apply) pipe(ctx context.Context, pipe snowflake.Pipe, f found, exists bool) error {
	if !exists {
		var since time.Time
		if a.covered && !a.moved {
			since = a.started.Add(-lookBack)
		}
		return startPipe(ctx, a.db, pipe, false, since)
	}
	s, err := statusOf(ctx, a.db, pipe)
	if err != nil {
		return err
	}
	if f.mark == pipe.Mark() && !s.broken() {
		return run(ctx, a.db, pipe)
	}
	return exchange(ctx, a.db, pipe, a.moved || f.unfinished())
}

func (a *apply) externalTable(ctx context.Context, e snowflake.External, exists, same bool) error {
	if same {
		return nil
	}
	statements := e.Create()
	if exists {
		statements = []string{e.Replace()}
	}
	a.rebased = exists
	// Once more after it listens: what came between its list and that is in neither.
	return retryAccess(ctx, a.db, append(statements, e.Refresh())...)
}

// made looks up where the feed's rows are and what announces its files.
func (a *apply) made(ctx context.Context) (Made, error) {
	m := Made{Table: place(a.spec, "").Name(), View: a.plan.View.Name()}
	var listener snowflake.Object
	switch {
	case a.plan.Pipe != nil:
		listener = *a.plan.Pipe
	case a.plan.ExternalTable != nil:
		listener = *a.plan.ExternalTable
	default:
		return m, nil
	}
	c, err := look(ctx, a.db, listener)
	if err != nil {
		return m, err
	}
	m.NotificationChannel = c[listener.Kind()].row.Text("notification_channel")
	return m, nil
}
