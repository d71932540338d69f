package client

import "testing"

func TestNeedsWarehouse(t *testing.T) {
	for statement, want := range map[string]bool{
		`SHOW PIPES`: false, ` desc table T`: false, `ALTER PIPE P REFRESH`: false, `EXECUTE TASK K`: false,
		`CREATE STAGE S URL='u'`: false, "CREATE OR REPLACE VIEW V AS SELECT 1": false, `CREATE PIPE P AS COPY INTO T FROM @S`: false,
		`CREATE TABLE T (A VARCHAR)`: false, `SELECT SYSTEM$PIPE_STATUS('P')`: false,
		`SELECT 1`: true, "WITH A AS (SELECT 1) SELECT * FROM A": true, `COPY INTO T FROM @S`: true, `INSERT INTO T SELECT 1`: true,
		"CREATE OR REPLACE TRANSIENT TABLE T AS\nSELECT 1": true, `SELECT SYSTEM$STREAM_HAS_DATA('S')`: true,
	} {
		if got := needsWarehouse(statement); got != want {
			t.Errorf("%s: %v, want %v", statement, got, want)
		}
	}
}
