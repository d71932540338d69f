package snowflake

import (
	"testing"
	"time"

	"github.com/snowflakedb/gosnowflake/v2"
)

func TestExpressions(t *testing.T) {
	f := start(t)
	f.exec(t,
		`CREATE TABLE RAW.PUBLIC.T ("DATA" VARIANT, N NUMBER, NAME VARCHAR)`,
		`INSERT INTO RAW.PUBLIC.T SELECT PARSE_JSON('{"a":{"B":[1.50,{"c":"x"}],"n":null,"big":12345678901234567890.10,"t":"2026-01-02T03:04:05Z"},"q\\"k":true}'), 1, 'one'`,
		`INSERT INTO RAW.PUBLIC.T (N, NAME) VALUES (2, 'it''s'), (3, 'back\\slash')`,
	)
	for query, want := range map[string][]string{
		`SELECT 1`: {"1"},
		// Numbers keep their text, also inside objects.
		`SELECT "DATA":a:big FROM RAW.PUBLIC.T WHERE N = 1`:               {"12345678901234567890.10"},
		`SELECT DATA:a.B[0], DATA:a.B FROM RAW.PUBLIC.T WHERE N = 1`:      {`1.50|[1.50,{"c":"x"}]`},
		`SELECT T.DATA:"a"."B"[1].c::VARCHAR FROM RAW.PUBLIC.T WHERE N=1`: {"x"},
		`SELECT DATA:a.b FROM RAW.PUBLIC.T WHERE N = 1`:                   {"NULL"}, // keys are case-sensitive
		`SELECT DATA:a['B'][0]::NUMBER(5,2) FROM RAW.PUBLIC.T WHERE N=1`:  {"1.50"},
		`SELECT DATA:"q""k"::BOOLEAN FROM RAW.PUBLIC.T WHERE N = 1`:       {"1"},
		// JSON null is a value of a VARIANT, and NULL as text.
		`SELECT DATA:a.n IS NULL, DATA:a.n::VARCHAR IS NULL, DATA:x IS NULL FROM RAW.PUBLIC.T WHERE N = 1`:                       {"0|1|1"},
		`SELECT IS_NULL_VALUE(DATA:a.n) FROM RAW.PUBLIC.T WHERE N = 1`:                                                           {"1"},
		`SELECT COUNT(*) FROM RAW.PUBLIC.T WHERE DATA:a.B[1].c = 'x'`:                                                            {"1"},
		`SELECT COUNT(*) FROM RAW.PUBLIC.T WHERE DATA:a.B[0] > 1.4`:                                                              {"1"},
		`SELECT TRY_CAST('x' AS NUMBER), TRY_CAST('1.5' AS NUMBER(3,1)), CAST('7' AS NUMBER)`:                                    {"NULL|1.5|7"},
		`SELECT TRY_CAST(DATA:a.t::VARCHAR AS TIMESTAMP_NTZ) FROM RAW.PUBLIC.T WHERE N = 1`:                                      {"2026-01-02T03:04:05Z"},
		`SELECT NAME FROM RAW.PUBLIC.T QUALIFY ROW_NUMBER() OVER (ORDER BY N DESC) = 1`:                                          {`back\slash`},
		`WITH x AS (SELECT N FROM RAW.PUBLIC.T), y AS (SELECT 2 AS m) SELECT x.N FROM x JOIN y ON x.N = y.m`:                     {"2"},
		`SELECT a.N, b.NAME FROM RAW.PUBLIC.T a, RAW.PUBLIC.T b WHERE a.N = b.N AND a.N = 2`:                                     {"2|it's"},
		`SELECT NVL(NULL, 'x'), IFF(1 > 2, 'a', 'b'), SPLIT_PART('a/b/c', '/', 2), DATEADD(day, 1, '2026-01-01'::TIMESTAMP_NTZ)`: {"x|b|b|2026-01-02T00:00:00Z"},
		`SELECT NAME FROM RAW.PUBLIC.T ORDER BY DATA:a NULLS LAST, N DESC LIMIT 1`:                                               {"one"},
		`SELECT CASE WHEN N = 1 THEN 'a' ELSE 'b' END::VARCHAR FROM RAW.PUBLIC.T WHERE N = 1`:                                    {"a"},
		`SELECT '2026-01-02'::DATE, -1.5::FLOAT, TRUE`:                                                                           {"2026-01-02T00:00:00Z|-1.5|1"},
		`SELECT '1969-12-31 23:59:59.25'::TIMESTAMP_NTZ`:                                                                         {"1969-12-31T23:59:59.25Z"},
		`SELECT 'x' -- a comment`: {"x"},
	} {
		f.want(t, query, want...)
	}
}

func TestErrors(t *testing.T) {
	f := start(t)
	f.exec(t, `CREATE TABLE RAW.PUBLIC.T (A VARCHAR, D VARIANT)`)
	for _, c := range []struct {
		query  string
		number int
		text   string
	}{
		{`SELEC 1`, 1003, "SELEC"},
		{`SELECT 1 FROM`, 1003, "the end of the statement"},
		{`SELECT 'x`, 1003, ""},
		{`SELECT 1; SELECT 2`, 8, "statement count"},
		{`SELECT * FROM RAW.PUBLIC.NOTHING`, 2003, "RAW.PUBLIC.NOTHING"},
		{`SELECT * FROM NOWHERE.PUBLIC.T`, 2003, "Database 'NOWHERE'"},
		{`SELECT * FROM RAW.NOTHING.T`, 2003, "Schema 'RAW.NOTHING'"},
		{`SELECT NOTHING FROM RAW.PUBLIC.T`, 904, "NOTHING"},
		{`SELECT NOFUNCTION(1)`, 2140, "NOFUNCTION"},
		{`SELECT * FROM T`, 90105, "current database"},
		{`SELECT TRY_CAST(D:a AS NUMBER) FROM RAW.PUBLIC.T`, 1065, "VARIANT"},
		{`SELECT * FROM RAW.PUBLIC.T, LATERAL FLATTEN(D)`, 2, "LATERAL"},
		{`SELECT 'x'::NUMBER`, 100038, "x"},
		{`CREATE TABLE RAW.PUBLIC.T (A VARCHAR)`, 2002, "already exists"},
		{`CREATE TABLE RAW.PUBLIC.U (A MONEY)`, 1003, "MONEY"},
		{`CREATE STAGE RAW.PUBLIC.S URI='s3://x/'`, 1003, "URI"},
		{`CREATE STORAGE INTEGRATION I TYPE=EXTERNAL_STAGE STORAGE_PROVIDER='S3' STORAGE_AWS_ROLE_ARN='arn:aws:iam::1:role/r' STORAGE_ALLOWED_LOCATIONS=('*')`, 2029, "ENABLED"},
		{`CREATE STAGE RAW.PUBLIC.S URL='s3://x/' STORAGE_INTEGRATION=I`, 2003, "Integration 'I'"},
		{`CREATE MASKING POLICY P AS (V VARCHAR) RETURNS VARCHAR -> V`, 1003, "MASKING"},
		{`DROP PIPE RAW.PUBLIC.P`, 2003, "Pipe 'RAW.PUBLIC.P'"},
		{`DROP VIEW RAW.PUBLIC.T`, 2203, "VIEW"},
		{`ALTER TABLE RAW.PUBLIC.T ADD COLUMN A VARCHAR`, 1430, "A"},
		{`USE ROLE ACCOUNTADMIN`, 3013, "ACCOUNTADMIN"},
		{`CALL SOMETHING()`, 1003, "CALL"},
	} {
		f.wantError(t, c.query, c.number, c.text)
	}
}

func TestBinds(t *testing.T) {
	f := start(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var (
		text  string
		n     int64
		real  float64
		b     bool
		null  *string
		stamp time.Time
	)
	err := f.db.QueryRowContext(t.Context(), "SELECT ?, ?, ?, ?, ?, ?", `it's a "\ `, 42, 1.5, true, nil, gosnowflake.DataTypeTimestampNtz, at).
		Scan(&text, &n, &real, &b, &null, &stamp)
	if err != nil {
		t.Fatal(err)
	}
	if text != `it's a "\ ` || n != 42 || real != 1.5 || !b || null != nil || !stamp.Equal(at) {
		t.Error(text, n, real, b, null, stamp)
	}
}

func TestDML(t *testing.T) {
	f := start(t)
	f.exec(t, `CREATE TABLE RAW.PUBLIC.T (K NUMBER, V VARCHAR)`, `CREATE TABLE RAW.PUBLIC.S (K NUMBER, V VARCHAR)`)
	for _, c := range []struct {
		statement string
		rows      int64
	}{
		{`INSERT INTO RAW.PUBLIC.T VALUES (1,'a'),(2,'b'),(3,'c')`, 3},
		{`INSERT INTO RAW.PUBLIC.S SELECT K + 1, 'new' FROM RAW.PUBLIC.T WHERE K >= 2`, 2},
		{`UPDATE RAW.PUBLIC.T SET V = 'z' WHERE K = 1`, 1},
		{`DELETE FROM RAW.PUBLIC.T WHERE K = 2`, 1},
		{`MERGE INTO RAW.PUBLIC.T t USING (SELECT K, V FROM RAW.PUBLIC.S) s ON t.K = s.K WHEN MATCHED THEN UPDATE SET V = s.V WHEN NOT MATCHED THEN INSERT (K, V) VALUES (s.K, s.V)`, 2},
	} {
		done, err := f.db.ExecContext(t.Context(), c.statement)
		if err != nil {
			t.Fatalf("%s\n%v", c.statement, err)
		}
		if n, err := done.RowsAffected(); n != c.rows || err != nil {
			t.Errorf("%s\n%d rows, %v; want %d", c.statement, n, err, c.rows)
		}
	}
	f.want(t, `SELECT * FROM RAW.PUBLIC.T ORDER BY K`, "1|z", "3|new", "4|new")
	tx, err := f.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), `DELETE FROM RAW.PUBLIC.T`); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	f.want(t, `SELECT COUNT(*) FROM RAW.PUBLIC.T`, "3")
}

func TestInformationSchema(t *testing.T) {
	f := start(t)
	f.exec(t, `CREATE TABLE RAW.PUBLIC.T (K NUMBER, V VARCHAR(10)) COMMENT='it''s a comment'`, `INSERT INTO RAW.PUBLIC.T VALUES (1,'a')`,
		`CREATE VIEW RAW.PUBLIC.V AS SELECT K FROM RAW.PUBLIC.T`)
	f.want(t, `SELECT TABLE_NAME, TABLE_TYPE, ROW_COUNT, BYTES > 0, COMMENT FROM RAW.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'PUBLIC' ORDER BY 1`,
		"T|BASE TABLE|1|1|it's a comment", "V|VIEW|NULL|NULL|NULL")
	f.want(t, `SELECT COLUMN_NAME, DATA_TYPE FROM "RAW".INFORMATION_SCHEMA.COLUMNS c WHERE c.TABLE_NAME = 'T' ORDER BY ORDINAL_POSITION`, "K|NUMBER", "V|TEXT")
	f.wantError(t, `SELECT * FROM RAW.INFORMATION_SCHEMA.POLICIES`, 2, "POLICIES")
}

func TestStream(t *testing.T) {
	f := start(t)
	f.exec(t, `CREATE TABLE RAW.PUBLIC.T (K NUMBER)`, `CREATE TABLE RAW.PUBLIC.S (K NUMBER)`, `INSERT INTO RAW.PUBLIC.T VALUES (1)`,
		`CREATE STREAM RAW.PUBLIC.N ON TABLE RAW.PUBLIC.T APPEND_ONLY=TRUE`)
	has := `SELECT SYSTEM$STREAM_HAS_DATA('RAW.PUBLIC.N')`
	f.want(t, has, "false")
	f.exec(t, `INSERT INTO RAW.PUBLIC.T VALUES (2),(3)`)
	f.want(t, `SELECT K, METADATA$ACTION FROM RAW.PUBLIC.N ORDER BY K`, "2|INSERT", "3|INSERT")
	f.want(t, has, "true") // a query does not consume
	f.exec(t, `INSERT INTO RAW.PUBLIC.S SELECT K FROM RAW.PUBLIC.N`)
	f.want(t, has, "false")
	f.want(t, `SELECT SUM(K) FROM RAW.PUBLIC.S`, "5")
}
