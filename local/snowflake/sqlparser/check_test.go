package sqlparser_test

import (
	"strings"
	"testing"

	"example.com/ingestion/local/snowflake/sqlparser"
)

func TestCheckErrors(t *testing.T) {
	const (
		integration = `CREATE STORAGE INTEGRATION I TYPE=EXTERNAL_STAGE STORAGE_PROVIDER='S3' STORAGE_AWS_ROLE_ARN='r' STORAGE_ALLOWED_LOCATIONS=('s3://b/') `
		pipe        = `CREATE PIPE P AUTO_INGEST=TRUE AS COPY INTO T FROM @S `
		external    = `CREATE EXTERNAL TABLE X `
		location    = `LOCATION=@S/ FILE_FORMAT=(TYPE=JSON) `
	)
	for sql, want := range map[string]string{
		// Misspelled, unknown, given twice, in the wrong statement.
		`CREATE PIPE P AUTOINGEST=TRUE AS COPY INTO T FROM @S`:                     `CREATE PIPE: unknown option AUTOINGEST: allowed are AUTO_INGEST, AWS_SNS_TOPIC, COMMENT, ERROR_INTEGRATION, INTEGRATION`,
		integration + `ENABLED=TRUE STORAGE_AWS_EXTERNALID='x'`:                    `unknown option STORAGE_AWS_EXTERNALID`,
		`CREATE FILE FORMAT F TYPE=JSON FIELD_DELIMITER='|'`:                       `CREATE FILE FORMAT: unknown option FIELD_DELIMITER`,
		`CREATE FILE FORMAT F TYPE=CSV STRIP_OUTER_ARRAY=TRUE`:                     `unknown option STRIP_OUTER_ARRAY`,
		`CREATE STAGE S URL='s3://b/' STORAGE_INTEGRATION=I FILEFORMAT=(TYPE=CSV)`: `unknown option FILEFORMAT`,
		`CREATE TABLE T (A VARCHAR) COMENT='x'`:                                    `unknown option COMENT`,
		`COPY INTO T FROM @S ON_EROR=SKIP_FILE`:                                    `COPY INTO: unknown option ON_EROR`,
		`CREATE TASK K SCHEDUL='1 MINUTE' AS SELECT 1`:                             `unknown option SCHEDUL`,
		external + location + `AUTOREFRESH=TRUE`:                                   `unknown option AUTOREFRESH`,
		`CREATE STREAM R ON TABLE T APPENDONLY=TRUE`:                               `unknown option APPENDONLY`,
		`CREATE VIEW V COPY_GRANTS AS SELECT 1`:                                    `unknown option COPY_GRANTS`,
		`COPY INTO T FROM @S FORCE=TRUE FORCE=TRUE`:                                `option FORCE is given twice`,
		`CREATE PIPE P PIPE_EXECUTION_PAUSED=TRUE AS COPY INTO T FROM @S`:          `option PIPE_EXECUTION_PAUSED is only allowed in ALTER`,
		`ALTER PIPE P SET AUTO_INGEST=TRUE`:                                        `ALTER PIPE: option AUTO_INGEST cannot be altered`,
		`ALTER PIPE P SET AWS_SNS_TOPIC='t'`:                                       `option AWS_SNS_TOPIC cannot be altered`,
		`ALTER STORAGE INTEGRATION I SET STORAGE_PROVIDER='S3'`:                    `option STORAGE_PROVIDER cannot be altered`,
		`ALTER FILE FORMAT F SET TYPE=JSON`:                                        `option TYPE cannot be altered`,
		`ALTER STAGE S SET`:                                                        `no option is set`,
		`ALTER TASK K STOP`:                                                        `want one of SET, UNSET, SUSPEND, RESUME, MODIFY, ADD, REMOVE, found STOP`,
		`ALTER PIPE P REFRESH MODIFIED_SINCE='x'`:                                  `unknown option MODIFIED_SINCE: allowed are MODIFIED_AFTER, PREFIX`,
		// Missing.
		integration: `missing option(s): ENABLED`,
		`CREATE STORAGE INTEGRATION I TYPE=EXTERNAL_STAGE ENABLED=TRUE`: `missing option(s): STORAGE_ALLOWED_LOCATIONS, STORAGE_AWS_ROLE_ARN, STORAGE_PROVIDER`,
		external + `FILE_FORMAT=(TYPE=JSON)`:                            `missing option(s): LOCATION`,
		`CREATE STAGE S URL='s3://b/'`:                                  `missing option(s): STORAGE_INTEGRATION`,
		`CREATE STREAM R ON EXTERNAL TABLE X`:                           `a stream on an external table needs INSERT_ONLY=TRUE`,
		`CREATE PIPE P AWS_SNS_TOPIC='t' AS COPY INTO T FROM @S`:        `AWS_SNS_TOPIC needs AUTO_INGEST=TRUE`,
		`CREATE PIPE P AUTO_INGEST=TRUE`:                                `want AS, found the end of the statement`,
		`CREATE TASK K SCHEDULE='1 MINUTE' AS`:                          `want a statement, found the end`,
		`CREATE PIPE AUTO_INGEST=TRUE AS COPY INTO T FROM @S`:           `want an option, found =`,
		`COPY INTO T`: `want FROM, found the end of the statement`,
		// Wrong values.
		integration + `ENABLED='yes'`:                                                                `option ENABLED: want TRUE or FALSE, found 'yes'`,
		strings.Replace(integration, "'S3'", "'S4'", 1) + `ENABLED=TRUE`:                             `option STORAGE_PROVIDER: want one of S3, S3GOV, S3CHINA, found 'S4'`,
		strings.Replace(integration, "('s3://b/')", "()", 1) + `ENABLED=TRUE`:                        `option STORAGE_ALLOWED_LOCATIONS: the list is empty`,
		`CREATE FILE FORMAT F TYPE=CVS`:                                                              `option TYPE: want one of CSV, JSON, found CVS`,
		`CREATE FILE FORMAT F TYPE=CSV COMPRESSION=GZIPPED`:                                          `option COMPRESSION: want one of AUTO, GZIP`,
		`CREATE FILE FORMAT F TYPE=CSV SKIP_HEADER=TRUE`:                                             `option SKIP_HEADER: want a number, found TRUE`,
		`CREATE FILE FORMAT F TYPE=CSV NULL_IF='x'`:                                                  `option NULL_IF: want (, found 'x'`,
		`CREATE FILE FORMAT F TYPE=CSV NULL_IF=(x)`:                                                  `option NULL_IF: want constants in single quotes`,
		`CREATE FILE FORMAT F TYPE=CSV FIELD_DELIMITER="|"`:                                          `option FIELD_DELIMITER: want a constant in single quotes, found "|"`,
		`COPY INTO T FROM @S ON_ERROR=SKIP`:                                                          `option ON_ERROR: want one of CONTINUE`,
		`COPY INTO T FROM @S MATCH_BY_COLUMN_NAME=CASEINSENSITIVE`:                                   `option MATCH_BY_COLUMN_NAME: want one of`,
		`COPY INTO T FROM @S FILE_FORMAT=(FORMAT_NAME='"A')`:                                         `option FILE_FORMAT: FORMAT_NAME: '"A' is not a name`,
		`COPY INTO T FROM @S FILE_FORMAT=(FORMAT_NAME='a b')`:                                        `FORMAT_NAME: 'a b' is not a name`,
		`COPY INTO T FROM @S FILE_FORMAT="F"`:                                                        `option FILE_FORMAT: want (, found "F"`,
		`CREATE TASK K SCHEDULE='USING CRON 61 * * * * UTC' AS SELECT 1`:                             `"61" is neither * nor a value or range of 0 to 59`,
		`CREATE TASK K SCHEDULE='USING CRON 1 * * * * Mars/North' AS SELECT 1`:                       `"Mars/North" is not an IANA time zone`,
		`CREATE TASK K SCHEDULE='hourly' AS SELECT 1`:                                                `neither '<n> MINUTES' nor 'USING CRON`,
		`CREATE TASK K USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE='TINY' AS SELECT 1`:                  `want one of XSMALL, SMALL`,
		`CREATE TABLE T (A VARCHARS)`:                                                                `column A: "VARCHARS" is not a data type of Snowflake`,
		`CREATE TABLE T (A NUMBER(39,0))`:                                                            `column A: "NUMBER(39,0)": parameter 1 is outside 1 to 38`,
		`CREATE TABLE T (A VARCHAR, a NUMBER)`:                                                       `column a is given twice`,
		`CREATE TABLE T (A VARCHAR,)`:                                                                `want a column's name`,
		`ALTER TABLE T ADD COLUMN IF NOT EXISTS A TXT`:                                               `column A: "TXT" is not a data type`,
		external + `("A" VARCHAR) ` + location:                                                       `column "A": want AS and an expression`,
		external + `(A VARCHAR AS (METADATA$START_SCAN_TIME)) ` + location:                           `METADATA$START_SCAN_TIME is not one of METADATA$FILENAME, METADATA$FILE_ROW_NUMBER`,
		external + `PARTITION BY () ` + location:                                                     `option PARTITION BY: the parentheses are empty`,
		`COPY INTO T FROM @S MATCH_BY_COLUMN_NAME=CASE_SENSITIVE INCLUDE_METADATA=(A=METADATA$FILE)`: `option INCLUDE_METADATA: want <column>=METADATA$…`,
		`COPY INTO T FROM (SELECT METADATA$NAME FROM @S)`:                                            `METADATA$NAME is not one of`,
		`COPY INTO T (A,B) FROM (SELECT $1, F($2,$3), $4 FROM @S)`:                                   `the SELECT has 3 expressions for 2 columns`,
		`COPY INTO T FROM (SELECT $1 FROM @S WHERE $1=1)`:                                            `the SELECT of a COPY cannot have WHERE`,
		`COPY INTO T FROM S`:                                                                         `want @, found S`,
		`CREATE VIEW V AS DELETE FROM T`:                                                             `want a query, found DELETE`,
		`CREATE STREAM R ON T`:                                                                       `want ON TABLE, ON EXTERNAL TABLE or ON VIEW`,
		// Exclusive.
		`CREATE FILE FORMAT F TYPE=CSV PARSE_HEADER=TRUE SKIP_HEADER=1`:                           `options PARSE_HEADER and SKIP_HEADER exclude each other`,
		`COPY INTO T FROM @S FILE_FORMAT=(TYPE=CSV PARSE_HEADER=TRUE SKIP_HEADER=1)`:              `option FILE_FORMAT: options PARSE_HEADER and SKIP_HEADER`,
		`COPY INTO T FROM (SELECT $1 FROM @S) MATCH_BY_COLUMN_NAME=CASE_SENSITIVE`:                `MATCH_BY_COLUMN_NAME and a SELECT exclude each other`,
		`COPY INTO T FROM @S INCLUDE_METADATA=(A=METADATA$FILENAME)`:                              `INCLUDE_METADATA needs MATCH_BY_COLUMN_NAME`,
		`COPY INTO T FROM (SELECT $1 FROM @S) VALIDATION_MODE=RETURN_ERRORS`:                      `VALIDATION_MODE and a SELECT exclude each other`,
		`COPY INTO T FROM @S FILES=('a') PATTERN='b'`:                                             `options FILES and PATTERN exclude each other`,
		`CREATE STREAM R ON TABLE T INSERT_ONLY=TRUE`:                                             `INSERT_ONLY is only allowed on external tables: use APPEND_ONLY`,
		`CREATE TASK K WAREHOUSE=W USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE='XSMALL' AS SELECT 1`: `options WAREHOUSE and USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE`,
		`CREATE OR REPLACE STAGE IF NOT EXISTS S URL='u' STORAGE_INTEGRATION=I`:                   `IF NOT EXISTS and OR REPLACE or OR ALTER exclude each other`,
		`CREATE OR ALTER PIPE P AS COPY INTO T FROM @S`:                                           `CREATE OR ALTER does not support it`,
		`CREATE OR ALTER STORAGE INTEGRATION I ENABLED=TRUE`:                                      `CREATE OR ALTER does not support it`,
		// In pipes and tasks.
		pipe + `FORCE=TRUE`:                              `CREATE PIPE: option FORCE is not allowed in a pipe`,
		pipe + `PURGE=FALSE`:                             `option PURGE is not allowed in a pipe`,
		pipe + `FILES=('a')`:                             `option FILES is not allowed in a pipe`,
		pipe + `SIZE_LIMIT=1`:                            `option SIZE_LIMIT is not allowed in a pipe`,
		pipe + `RETURN_FAILED_ONLY=TRUE`:                 `option RETURN_FAILED_ONLY is not allowed in a pipe`,
		pipe + `VALIDATION_MODE=RETURN_ERRORS`:           `option VALIDATION_MODE is not allowed in a pipe`,
		pipe + `ON_ERROR=ABORT_STATEMENT`:                `ON_ERROR=ABORT_STATEMENT is not allowed in a pipe`,
		pipe + `;`:                                       `the semicolon would be part of the definition`,
		`CREATE TASK K AS COPY INTO T FROM @S;`:          `the semicolon would be part of the definition`,
		`CREATE TASK K AS COPY INTO T FROM @S ON_EROR=1`: `unknown option ON_EROR`,
		// Not a statement.
		``:                              `the statement is empty`,
		`-- nothing`:                    `the statement is empty`,
		`CREATE TABLE T (A VARCHAR`:     `want the ) of an open parenthesis, found the end of the statement`,
		`CREATE TABLE T (A VARCHAR))`:   `want the end of the statement, found )`,
		`CREATE TABLE "T (A VARCHAR)`:   `the name is not closed`,
		`COPY INTO T FROM @S; SELECT 1`: `want the end of the statement, found SELECT`,
	} {
		if err := sqlparser.Check(sql); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got  %v\n want %s", sql, err, want)
		}
	}
}

func TestCheckAccepts(t *testing.T) {
	for _, sql := range []string{
		`SELECT 1`, `SHOW PIPES`, `GRANT USAGE ON DATABASE D TO ROLE R`, `CREATE WAREHOUSE W ANYTHING=1`,
		`create or replace file format db.s.f type=csv skip_header=1 parse_header=false;`,
		`CREATE FILE FORMAT F FIELD_DELIMITER=NONE`,
		`ALTER FILE FORMAT F SET STRIP_OUTER_ARRAY=TRUE, COMMENT='c'`,
		`CREATE TABLE T (A NUMBER(38, 0) NOT NULL DEFAULT 1, B DOUBLE PRECISION, C TIMESTAMP_NTZ(9), PRIMARY KEY (A)) ENABLE_SCHEMA_EVOLUTION=TRUE`,
		`CREATE TRANSIENT TABLE T (A VARCHAR(10)) CLUSTER BY (A) AS SELECT 1`,
		`CREATE TABLE T AS SELECT 1`, `CREATE TABLE T CLONE U`,
		`ALTER TABLE T ADD COLUMN A VARCHAR, B NUMBER;`, `ALTER TABLE IF EXISTS T DROP COLUMN A`,
		`CREATE STAGE S URL='s3://b/' STORAGE_INTEGRATION=I DIRECTORY=(ENABLE=TRUE AUTO_REFRESH=FALSE) ENCRYPTION=(TYPE='AWS_SSE_KMS' KMS_KEY_ID='k')`,
		`CREATE EXTERNAL TABLE X WITH LOCATION=@S/a/b FILE_FORMAT=(FORMAT_NAME=D.S.F)`,
		`CREATE TASK K WAREHOUSE=W SCHEDULE='5 MINUTES' WHEN SYSTEM$STREAM_HAS_DATA('R') AS INSERT INTO T SELECT 1`,
		`CREATE TASK K AFTER A, B AS CALL P()`,
		`CREATE OR REPLACE STREAM R COPY GRANTS ON VIEW V SHOW_INITIAL_ROWS=TRUE`,
		`COPY INTO T FROM @%T/a/b.csv FILES=('a','b') ON_ERROR='SKIP_FILE_10%' FORCE=TRUE`,
		`COPY INTO T (A) FROM (SELECT t.$1:a::VARCHAR FROM @D.S.ST/p/ t)`,
		`CREATE SECURE VIEW V (A, B) COMMENT='c' AS WITH X AS (SELECT 1) SELECT * FROM X`,
		`ALTER STORAGE INTEGRATION I UNSET COMMENT`, `ALTER TASK K RESUME;`,
		`ALTER EXTERNAL TABLE X REFRESH 'a/b'`, `ALTER PIPE P REFRESH PREFIX='a/' MODIFIED_AFTER='2026-01-01'`,
	} {
		if err := sqlparser.Check(sql); err != nil {
			t.Errorf("%s\n%v", sql, err)
		}
	}
}
