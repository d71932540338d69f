package live

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"
)

// firstChecks are the checks that only an account can show and that take seconds. The
// test ends at the first one that fails, before anything is deployed. meaning says what a
// failure means.
var firstChecks = []struct {
	name, meaning string
	// accountOnly is set if the local Snowflake does not support the statements.
	accountOnly bool
	check       func(ctx context.Context, to target, name string) error
}{
	{
		"warehouse", "the warehouse does not exist, or the role has no USAGE on it", false,
		func(ctx context.Context, to target, _ string) error { return wantNumber(ctx, to.db, "SELECT 1", 1) },
	},
	{
		"subscription", "Snowflake does not name the user that subscribes to topics", false,
		func(ctx context.Context, to target, _ string) error {
			var policy string
			err := to.db.QueryRowContext(ctx, "SELECT SYSTEM$GET_AWS_SNS_IAM_POLICY('arn:aws:sns:us-east-1:111122223333:any')").Scan(&policy)
			if err == nil && !strings.Contains(policy, "Principal") {
				err = fmt.Errorf("no principal in %s", policy)
			}
			return err
		},
	},
	{
		"integration", "the role has no CREATE INTEGRATION on the account", false,
		func(ctx context.Context, to target, name string) (err error) {
			integration := `"` + strings.ToUpper(name) + `_CHECK"`
			defer func() {
				if _, dropped := to.db.ExecContext(context.WithoutCancel(ctx), "DROP STORAGE INTEGRATION IF EXISTS "+integration); err == nil {
					err = dropped
				}
			}()
			_, err = to.db.ExecContext(ctx, "CREATE STORAGE INTEGRATION "+integration+" TYPE=EXTERNAL_STAGE STORAGE_PROVIDER='S3' STORAGE_AWS_ROLE_ARN='arn:aws:iam::111122223333:role/none'"+
				" STORAGE_AWS_EXTERNAL_ID='"+name+"' ENABLED=TRUE STORAGE_ALLOWED_LOCATIONS=('s3://none-"+name+"/')")
			return err
		},
	},
	{
		"rows of an outer array", "METADATA$FILE_ROW_NUMBER is the same for all elements of an array: the view of FromFiles() with JSON() would return one row per file", true,
		func(ctx context.Context, to target, _ string) error {
			stage := to.schema + `."CHECK"`
			for _, statement := range []string{
				"CREATE STAGE " + stage + " FILE_FORMAT=(TYPE=JSON STRIP_OUTER_ARRAY=TRUE)",
				"COPY INTO @" + stage + "/array.json FROM (SELECT PARSE_JSON('[1,2,3]')) FILE_FORMAT=(TYPE=JSON COMPRESSION=NONE) SINGLE=TRUE",
			} {
				if _, err := to.db.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			return wantNumber(ctx, to.db, "SELECT COUNT(DISTINCT METADATA$FILE_ROW_NUMBER) FROM @"+stage+"/array.json", 3)
		},
	},
}

func wantNumber(ctx context.Context, db *sql.DB, query string, want int) error {
	var got int
	if err := db.QueryRowContext(ctx, query).Scan(&got); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%s returns %d, not %d", query, got, want)
	}
	return nil
}

// runFirstChecks runs the first checks, for at most a minute in all.
func runFirstChecks(t *testing.T, to target, mode, environment string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, c := range firstChecks {
		if c.accountOnly && mode != "1" {
			continue
		}
		if err := c.check(ctx, to, environment); err != nil {
			t.Fatalf("%s: %v\nit means: %s", c.name, err, c.meaning)
		}
	}
}
