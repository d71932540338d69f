package deploy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// DropIntegration drops the integration, if it is the feed's own.
func DropIntegration(ctx context.Context, db DB, spec snowflake.Spec, names snowflake.Names) error {
	spec = spec.WithDefaults()
	if spec.ExistingIntegration {
		return nil
	}
	integration := snowflake.StorageIntegration{Integration: spec.Integration}
	properties, err := describe(ctx, db, integration)
	if errors.Is(err, client.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("storage integration %s: %w", integration.Name(), err)
	}
	if mark, ok := snowflake.ParseMark(properties["COMMENT"]); !ok || mark.Owner != names.Owner {
		return nil
	}
	if err := db.Exec(ctx, integration.Drop()); err != nil {
		return fmt.Errorf("storage integration %s: %w", integration.Name(), err)
	}
	return nil
}

// DropObjects drops what Objects made with that spec, in reverse, as far as it
// is the feed's own. The table stays unless the spec has DropTables. It leaves
// a view alone that shows another table by now: the feed's next table took it over.
func DropObjects(ctx context.Context, db DB, spec snowflake.Spec, names snowflake.Names) error {
	spec = spec.WithDefaults()
	objects := inventory(spec)
	exist, err := look(ctx, db, objects...)
	if errors.Is(err, client.ErrNotFound) {
		// Somebody dropped the schema, and all that was in it; or took the role's
		// right to see it, which Snowflake does not tell apart.
		slog.WarnContext(ctx, "nothing dropped", "error", err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, o := range slices.Backward(objects) {
		if !exist.ours(o.Kind(), names.Owner) || o.Kind() == snowflake.KindTable && !spec.DropTables {
			continue
		}
		if o.Kind() == snowflake.KindView && !shows(exist[o.Kind()].row, place(spec, "").Name()) {
			continue
		}
		if err := db.Exec(ctx, o.Drop()); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", describeKind(o), o.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// DropRenamed drops the view of the old spec where the new one has another name
// for it.
func DropRenamed(ctx context.Context, db DB, old, spec snowflake.Spec, names snowflake.Names) error {
	old, spec = old.WithDefaults(), spec.WithDefaults()
	view := viewOf(old)
	if view.Name() == viewOf(spec).Name() {
		return nil
	}
	exist, err := look(ctx, db, view)
	if err != nil || !exist.ours(view.Kind(), names.Owner) || !shows(exist[view.Kind()].row, place(old, "").Name()) {
		return err
	}
	return db.Exec(ctx, view.Drop())
}

// shows tells whether the view's text, as far as the role may see it, has the table.
func shows(view client.Row, table string) bool {
	text := view.Text("text")
	return text == "" || strings.Contains(text, table)
}
