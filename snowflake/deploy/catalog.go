package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// unfinished is appended to the owner in the comment of a pipe that was created
// but not refreshed yet, so that the next run continues after an interruption.
const unfinished = "#unfinished"

// found is an object that exists.
type found struct {
	row     client.Row
	comment snowflake.Comment // zero if this project did not write the comment
}

func (f found) unfinished() bool { return strings.HasSuffix(f.comment.Owner, unfinished) }

func (f found) owner() string { return strings.TrimSuffix(f.comment.Owner, unfinished) }

// catalog has the existing objects of a feed, of which each but the view of the newest
// records is the only one of its kind: see keyOf.
type catalog map[snowflake.Kind]found

// kindLatest is the key of the view with the newest record of each key.
const kindLatest = snowflake.KindView + " of the newest records"

// latestView is the view with the newest record of each key.
type latestView struct{ snowflake.View }

// keyOf returns an object's key in a catalog.
func keyOf(o snowflake.Object) snowflake.Kind {
	if _, latest := o.(latestView); latest {
		return kindLatest
	}
	return o.Kind()
}

// owned reports whether the object exists and belongs to the owner.
func (c catalog) owned(kind snowflake.Kind, owner string) bool {
	f, ok := c[kind]
	return ok && f.owner() == owner
}

// possibleObjects returns every object that a feed may have in its schema,
// whatever its Load, in the order of Plan.Objects. Only methods that need nothing
// but the name may be called, such as Describe and Drop.
func possibleObjects(spec snowflake.Spec) []snowflake.Object {
	return []snowflake.Object{
		snowflake.FileFormat{ObjectName: objectName(spec, "_FORMAT")},
		snowflake.Stage{ObjectName: objectName(spec, "_STAGE")},
		snowflake.Table{ObjectName: objectName(spec, "")},
		snowflake.External{ObjectName: objectName(spec, "")},
		snowflake.Stream{ObjectName: objectName(spec, "_STREAM")},
		viewOf(spec),
		latestOf(spec),
		pipeOf(spec),
		taskOf(spec),
	}
}

func objectName(spec snowflake.Spec, ending string) snowflake.ObjectName {
	return snowflake.ObjectName{Database: spec.Database, Schema: spec.Schema, Object: spec.Table + ending}
}

func pipeOf(spec snowflake.Spec) snowflake.Pipe {
	return snowflake.Pipe{ObjectName: objectName(spec, "_PIPE")}
}

func taskOf(spec snowflake.Spec) snowflake.Task {
	return snowflake.Task{ObjectName: objectName(spec, "_TASK")}
}

func viewOf(spec snowflake.Spec) snowflake.View {
	return snowflake.View{ObjectName: snowflake.ObjectName{Database: spec.Database, Schema: spec.Schema, Object: spec.View}}
}

func latestOf(spec snowflake.Spec) latestView {
	return latestView{snowflake.View{ObjectName: spec.LatestName()}}
}

// hasLatest reports whether the view <Table>_LATEST, which may belong to an earlier
// definition of the feed, is another one than the view of each record.
func hasLatest(spec snowflake.Spec) bool {
	return latestOf(spec).Name() != viewOf(spec).Name()
}

// lookup finds which of the objects exist.
func lookup(ctx context.Context, db DB, objects ...snowflake.Object) (catalog, error) {
	c := make(catalog)
	for _, o := range objects {
		rows, err := db.Query(ctx, o.Describe())
		if err != nil {
			return nil, fmt.Errorf("describe %s %s: %w", describeKind(o), o.Name(), err)
		}
		for _, row := range rows {
			// SHOW TABLES also lists external tables.
			external := o.Kind() == snowflake.KindTable && strings.HasPrefix(strings.ToUpper(row.Text("is_external")), "Y")
			if row.Text("name") == o.StoredName() && !external {
				comment, _ := snowflake.ParseComment(row.Text("comment"))
				c[keyOf(o)] = found{row: row, comment: comment}
			}
		}
	}
	return c, nil
}

// checkOwner returns an error for each object that belongs to another owner. A
// table that this project did not create is used as it is: a user created it for
// the feed.
func (c catalog) checkOwner(owner string, plan snowflake.Plan, objects []snowflake.Object) error {
	var errs []error
	for _, o := range objects {
		if keyOf(o) == kindLatest && plan.Latest == nil {
			continue // not needed: it stays whoever's it is
		}
		f, exists := c[keyOf(o)]
		adopted := o.Kind() == snowflake.KindTable && f.comment == (snowflake.Comment{})
		if exists && !adopted && f.owner() != owner {
			errs = append(errs, ownerError(o, f.owner()))
		}
	}
	return errors.Join(errs...)
}

// ownerError is the error that an object belongs to another owner; owner is empty
// if this project did not create the object.
func ownerError(o snowflake.Object, owner string) error {
	reason := "was not created by this project"
	if owner != "" {
		reason = "belongs to " + owner
	}
	field := "Table"
	switch o.Kind() {
	case snowflake.KindView:
		field = "View"
		if keyOf(o) == kindLatest {
			field = "Table"
		}
	case snowflake.KindStorageIntegration:
		field = "Integration"
	}
	remedy := "drop it: " + o.Drop()
	if o.Kind() == snowflake.KindTable {
		// Without the comment the table is used as it is, see checkOwner.
		remedy = "take it over with its rows: ALTER TABLE " + o.Name() + " UNSET COMMENT"
	}
	return fmt.Errorf("%s %s exists and %s, so it is not changed; choose another Snowflake.%s, or %s", describeKind(o), o.Name(), reason, field, remedy)
}

func describeKind(o snowflake.Object) string { return strings.ToLower(string(o.Kind())) }
