package client

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"example.com/ingestion/snowflake"
)

var (
	// withoutWarehouseRE matches statements that Snowflake runs without a warehouse.
	withoutWarehouseRE = regexp.MustCompile(`(?i)^\s*(?:SHOW|DESC|DESCRIBE|USE|GRANT|REVOKE|CREATE|ALTER|DROP|EXECUTE\s+TASK|` +
		`SELECT\s+SYSTEM\$(?:PIPE_STATUS|PIPE_FORCE_RESUME|VALIDATE_STORAGE_INTEGRATION|GET_AWS_SNS_IAM_POLICY)\()`)
	// createTableAsRE matches a CREATE TABLE that runs a query.
	createTableAsRE = regexp.MustCompile(`(?is)^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:\w+\s+)?TABLE\s.*\sAS\s+(?:SELECT|WITH|\()`)
	useWarehouseRE  = regexp.MustCompile(`(?i)^\s*USE\s+WAREHOUSE\s`)
)

func needsWarehouse(statement string) bool {
	return createTableAsRE.MatchString(statement) || !withoutWarehouseRE.MatchString(statement)
}

// prepare runs USE WAREHOUSE before the first statement that needs a warehouse. A login
// with a warehouse that does not exist, or that the role may not use, would fail, also
// for statements that need none, such as those that drop a feed's objects.
func (c *Client) prepare(ctx context.Context, statement string) error {
	switch {
	case useWarehouseRE.MatchString(statement):
		c.warehouse = "" // the statement replaces it
		return nil
	case c.warehouse == "" || !needsWarehouse(statement):
		return nil
	}
	use := "USE WAREHOUSE " + snowflake.Identifier(c.warehouse)
	if _, err := c.conn.ExecContext(ctx, use); err != nil {
		err = c.statementError(ctx, err, use)
		var failed *Error
		if errors.As(err, &failed) {
			failed.Class = ErrNotFound
			failed.Remedy = fmt.Sprintf("check Warehouse of the connection; if it exists, authorize the role: GRANT USAGE ON WAREHOUSE %s TO ROLE %s",
				snowflake.Identifier(c.warehouse), snowflake.Identifier(c.role))
		}
		return err
	}
	c.warehouse = ""
	return nil
}
