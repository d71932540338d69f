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

// DropIntegration drops the integration if the feed owns it.
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
	if comment, ok := snowflake.ParseComment(properties["COMMENT"]); !ok || comment.Owner != names.Owner {
		return nil
	}
	if err := db.Exec(ctx, integration.Drop()); err != nil {
		return fmt.Errorf("storage integration %s: %w", integration.Name(), err)
	}
	return nil
}

// DropObjects drops the objects that Objects created with the spec and that the
// feed owns, in reverse order. The table is kept unless the spec has DropTables. A
// view whose query uses another table is kept as well: it belongs to the feed's
// new table.
func DropObjects(ctx context.Context, db DB, spec snowflake.Spec, names snowflake.Names) error {
	spec = spec.WithDefaults()
	objects := possibleObjects(spec)
	existing, err := lookup(ctx, db, objects...)
	if errors.Is(err, client.ErrNotFound) {
		// The schema with its objects was dropped, or the role is not authorized to
		// see it: Snowflake does not distinguish the two.
		slog.WarnContext(ctx, "nothing dropped", "error", err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, o := range slices.Backward(objects) {
		if !existing.owned(keyOf(o), names.Owner) || o.Kind() == snowflake.KindTable && !spec.DropTables {
			continue
		}
		if o.Kind() == snowflake.KindView && !uses(existing[keyOf(o)].row, objectName(spec, "").Name()) {
			continue
		}
		if err := db.Exec(ctx, o.Drop()); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", describeKind(o), o.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// DropRenamed drops the view of the old spec if the new one names it differently.
func DropRenamed(ctx context.Context, db DB, old, spec snowflake.Spec, names snowflake.Names) error {
	old, spec = old.WithDefaults(), spec.WithDefaults()
	view := viewOf(old)
	if view.Name() == viewOf(spec).Name() || view.Name() == latestOf(spec).Name() {
		return nil // the view of the newest records is replaced or dropped by Objects
	}
	existing, err := lookup(ctx, db, view)
	if err != nil || !existing.owned(view.Kind(), names.Owner) || !uses(existing[view.Kind()].row, objectName(old, "").Name()) {
		return err
	}
	return db.Exec(ctx, view.Drop())
}

// uses reports whether the view's query contains the table. The query is empty if
// the role may not see it; the result is then true.
func uses(view client.Row, table string) bool {
	text := view.Text("text")
	return text == "" || strings.Contains(text, table)
}
