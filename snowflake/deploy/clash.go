package deploy

import (
	"fmt"

	"example.com/ingestion/snowflake"
)

// clash refuses a table whose rows would be lost, or mixed with others.
func (c catalog) clash(spec snowflake.Spec, plan snowflake.Plan) error {
	table, ok := c[snowflake.KindTable]
	if !ok {
		return nil
	}
	name := place(spec, "").Name()
	if plan.ExternalTable != nil {
		return fmt.Errorf("table %s exists and has rows, an external table cannot take its name; choose another Snowflake.Table, or rename the one there: ALTER TABLE %s RENAME TO …", name, name)
	}
	// Rows of another kind have NULL where the view looks for their keys, so that
	// it would show all of them as one record, or none.
	if from, known := snowflake.RowsFrom(table.mark); known && from != spec.From {
		return fmt.Errorf("table %s has the rows of From %q, those of %q cannot go with them; choose another Snowflake.Table, or rename the one there: ALTER TABLE %s RENAME TO …", name, from, spec.From, name)
	}
	return nil
}
