package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// unfinished ends the owner in the comment of a pipe that was made but has not
// been told yet of the files that are there. A run that was cut off in between
// is so found by the next one.
const unfinished = "#unfinished"

// found is an object that exists.
type found struct {
	row  client.Row
	mark snowflake.Mark // zero without one
}

func (f found) unfinished() bool { return strings.HasSuffix(f.mark.Owner, unfinished) }

func (f found) owner() string { return strings.TrimSuffix(f.mark.Owner, unfinished) }

// catalog is what exists of a feed's objects.
type catalog map[snowflake.Kind]found

// ours tells whether the object exists and is this owner's.
func (c catalog) ours(kind snowflake.Kind, owner string) bool {
	f, ok := c[kind]
	return ok && f.owner() == owner
}

// inventory has every object of a schema that the feed could have, whatever its
// way to load is now, in the order of Plan.Objects. They are good for
// Describe, Drop and what else needs no more than a name.
func inventory(spec snowflake.Spec) []snowflake.Object {
	return []snowflake.Object{
		snowflake.FileFormat{Place: place(spec, "_FORMAT")},
		snowflake.Stage{Place: place(spec, "_STAGE")},
		snowflake.Table{Place: place(spec, "")},
		snowflake.External{Place: place(spec, "")},
		snowflake.Stream{Place: place(spec, "_STREAM")},
		viewOf(spec),
		pipeOf(spec),
		taskOf(spec),
	}
}

func place(spec snowflake.Spec, ending string) snowflake.Place {
	return snowflake.Place{Database: spec.Database, Schema: spec.Schema, Object: spec.Table + ending}
}

func pipeOf(spec snowflake.Spec) snowflake.Pipe {
	return snowflake.Pipe{Place: place(spec, "_PIPE")}
}

func taskOf(spec snowflake.Spec) snowflake.Task {
	return snowflake.Task{Place: place(spec, "_TASK")}
}

func viewOf(spec snowflake.Spec) snowflake.View {
	return snowflake.View{Place: snowflake.Place{Database: spec.Database, Schema: spec.Schema, Object: spec.View}}
}

// look finds which of the objects exist.
func look(ctx context.Context, db DB, objects ...snowflake.Object) (catalog, error) {
	c := make(catalog)
	for _, o := range objects {
		rows, err := db.Query(ctx, o.Describe())
		if err != nil {
			return nil, fmt.Errorf("look for %s %s: %w", describeKind(o), o.Name(), err)
		}
		for _, row := range rows {
			// External tables are tables to SHOW TABLES.
			external := o.Kind() == snowflake.KindTable && strings.HasPrefix(strings.ToUpper(row.Text("is_external")), "Y")
			if row.Text("name") == o.StoredName() && !external {
				mark, _ := snowflake.ParseMark(row.Text("comment"))
				c[o.Kind()] = found{row: row, mark: mark}
			}
		}
	}
	return c, nil
}

// guard refuses everything that is not the owner's to change, all at once. A
// table without a mark is taken as it is: somebody made it for the feed.
func (c catalog) guard(owner string, objects []snowflake.Object) error {
	var errs []error
	for _, o := range objects {
		f, exists := c[o.Kind()]
		adopted := o.Kind() == snowflake.KindTable && f.mark == (snowflake.Mark{})
		if exists && !adopted && f.owner() != owner {
			errs = append(errs, foreign(o, f.owner()))
		}
	}
	return errors.Join(errs...)
}

// foreign says that an object is somebody else's; owner is empty if it has no mark.
func foreign(o snowflake.Object, owner string) error {
	of := "has no mark of this project"
	if owner != "" {
		of = "belongs to " + owner
	}
	field := "Table"
	switch o.Kind() {
	case snowflake.KindView:
		field = "View"
	case snowflake.KindStorageIntegration:
		field = "Integration"
	}
	out := "drop it: " + o.Drop()
	if o.Kind() == snowflake.KindTable {
		// A table without a mark is taken as it is, see guard.
		out = "take it over with its rows: ALTER TABLE " + o.Name() + " UNSET COMMENT"
	}
	return fmt.Errorf("%s %s exists and %s, so it is left alone; choose another Snowflake.%s, or %s", describeKind(o), o.Name(), of, field, out)
}

func describeKind(o snowflake.Object) string { return strings.ToLower(string(o.Kind())) }
