package deploy

import (
	"fmt"

	"example.com/ingestion/snowflake"
)

// checkTable returns an error if the rows of an existing table would be lost, or
// mixed with rows from another source.
func (c catalog) checkTable(spec snowflake.Spec, plan snowflake.Plan) error {
	table, ok := c[snowflake.KindTable]
	if !ok {
		return nil
	}
	name := objectName(spec, "").Name()
	if plan.ExternalTable != nil {
		return fmt.Errorf("table %s exists and has rows, so an external table cannot have its name; choose another Snowflake.Table, or rename the existing one: ALTER TABLE %s RENAME TO …", name, name)
	}
	// The keys that the view deduplicates by are NULL in rows from another source, so
	// that it would return all of them as one record, or none.
	if from, known := snowflake.RowsFrom(table.comment); known && from != spec.From {
		return fmt.Errorf("table %s has rows of From %q, and rows of %q cannot be loaded into it; choose another Snowflake.Table, or rename the existing one: ALTER TABLE %s RENAME TO …", name, from, spec.From, name)
	}
	return nil
}
