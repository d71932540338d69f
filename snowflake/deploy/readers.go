package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// grantReaders grants the readers what they lack. The role of the deployment owns the views,
// but seldom the database and the schema: a privilege on these that the reader has already
// is not granted again.
func grantReaders(ctx context.Context, db DB, spec snowflake.Spec) error {
	var errs []error
	shown := map[string][]client.Row{}
	for _, g := range spec.ReadGrants() {
		rows, known := shown[g.On]
		if !known {
			rows, _ = db.Query(ctx, g.Show()) // what may not be shown is granted
			shown[g.On] = rows
		}
		if holds(rows, g) {
			continue
		}
		if err := db.Exec(ctx, g.Grant()); err != nil {
			errs = append(errs, fmt.Errorf("reader %s: if the role of the deployment may not do this, ask an administrator to run: %s: %w", g.Role, g.Grant(), err))
		}
	}
	return errors.Join(errs...)
}

func holds(rows []client.Row, g snowflake.ReadGrant) bool {
	return slices.ContainsFunc(rows, func(row client.Row) bool {
		return row.Text("granted_to") == "ROLE" && row.Text("grantee_name") == g.Grantee() &&
			(row.Text("privilege") == g.Privilege || row.Text("privilege") == "OWNERSHIP")
	})
}

// RevokeReaders takes SELECT on the views back from the readers that only the old spec has.
// They keep USAGE on the database and the schema, which they may need for other objects.
func RevokeReaders(ctx context.Context, db DB, old, spec snowflake.Spec) error {
	kept := spec.Readers
	spec.Readers = slices.DeleteFunc(slices.Clone(old.Readers), func(role string) bool {
		return slices.ContainsFunc(kept, func(other string) bool { return snowflake.Identifier(other) == snowflake.Identifier(role) })
	})
	var errs []error
	for _, g := range spec.ReadGrants() {
		if g.Shared {
			continue
		}
		if err := db.Exec(ctx, g.Revoke()); err != nil {
			errs = append(errs, fmt.Errorf("reader %s: %w", g.Role, err))
		}
	}
	return errors.Join(errs...)
}
