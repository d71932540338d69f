package snowflake

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// connectionSettings make DuckDB sort and handle time as Snowflake does.
var connectionSettings = []string{
	"SET TimeZone='UTC'",
	"SET default_null_order='nulls_last_on_asc_first_on_desc'",
}

// macros are functions of Snowflake that DuckDB lacks. They are created in database
// memory, where every connection finds them.
//
// sf_get returns numbers as they are written. DuckDB's json_extract converts them to
// double and back, even inside objects.
var macros = []string{
	`sf_get(j, p) AS CASE WHEN json_type(j, p) IN ('DOUBLE', 'OBJECT', 'ARRAY') THEN sf_raw(j::VARCHAR, p)::JSON ELSE json_extract(j, p) END`,
	`sf_text(j) AS CASE json_type(j) WHEN 'NULL' THEN NULL WHEN 'VARCHAR' THEN json_extract_string(j, '$') ELSE j::VARCHAR END`,
	`sf_plain(x) AS CASE WHEN typeof(x) IN ('TIMESTAMP', 'TIMESTAMP WITH TIME ZONE')
		THEN strftime(TRY_CAST(x AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g') || CASE WHEN typeof(x) = 'TIMESTAMP' THEN '' ELSE ' Z' END
		ELSE CAST(x AS VARCHAR) END`,
	`sf_varchar(x) AS CASE WHEN typeof(x) = 'JSON' THEN sf_text(TRY_CAST(x AS JSON)) ELSE sf_plain(x) END`,
	`sf_seconds(us) AS (us // 1000000 - CASE WHEN us % 1000000 < 0 THEN 1 ELSE 0 END)::VARCHAR || '.' ||
		lpad(((us % 1000000 + 1000000) % 1000000)::VARCHAR, 6, '0') || '000'`,
	`sf_iff(c, a, b) AS CASE WHEN c THEN a ELSE b END`,
	`sf_zeroifnull(x) AS coalesce(x, 0)`,
	`sf_isnull(j) AS json_type(j) = 'NULL'`,
	`sf_json(x) AS CAST(x AS JSON)`,
	`sf_try_json(x) AS TRY_CAST(x AS JSON)`,
	`sf_date(x) AS CAST(x AS DATE), (x, f) AS CASE WHEN f = 'YYYY-MM-DD' THEN CAST(strptime(x, '%Y-%m-%d') AS DATE)
		ELSE error('the local Snowflake does not support date format ' || f) END`,
	`sf_timestamp(x) AS CAST(x AS TIMESTAMP)`,
	`sf_timestamptz(x) AS CAST(x AS TIMESTAMPTZ)`,
	`sf_size(j) AS CASE WHEN json_type(j) = 'ARRAY' THEN json_array_length(j) END`,
	`sf_utc() AS now() AT TIME ZONE 'UTC'`,
}

// rawJSON implements sf_raw: it returns the text at a path unchanged.
type rawJSON struct{ text duckdb.TypeInfo }

func (f rawJSON) Config() duckdb.ScalarFuncConfig {
	return duckdb.ScalarFuncConfig{InputTypeInfos: []duckdb.TypeInfo{f.text, f.text}, ResultTypeInfo: f.text}
}

func (f rawJSON) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{RowExecutor: func(values []driver.Value) (any, error) {
		document, _ := values[0].(string)
		path, _ := values[1].(string)
		steps, err := parsePath(path)
		if err != nil {
			return nil, err
		}
		raw, found := extract(document, steps)
		if !found {
			return nil, nil
		}
		return raw, nil
	}}
}

func (e *engine) prepareDatabase(ctx context.Context) error {
	text, err := duckdb.NewTypeInfo(duckdb.TYPE_VARCHAR)
	if err != nil {
		return err
	}
	if err := duckdb.RegisterScalarUDF(e.conn, "sf_raw", rawJSON{text}); err != nil {
		return fmt.Errorf("register sf_raw: %w", err)
	}
	statements := connectionSettings
	for _, m := range macros {
		statements = append(statements, "CREATE MACRO "+m)
	}
	for _, unit := range dateUnits {
		statements = append(statements,
			"CREATE MACRO sf_add_"+unit+"(n, t) AS t + to_"+unit+"s(CAST(n AS INTEGER))")
	}
	return e.exec(ctx, e.conn, statements...)
}

// dateUnits has the units that DATEADD supports.
var dateUnits = []string{"year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond"}

// functions has the supported functions of Snowflake, with the name of the function
// or macro in DuckDB if it differs.
var functions = map[string]string{
	"ABS": "", "ANY_VALUE": "", "ARRAY_AGG": "json_group_array", "ARRAY_SIZE": "sf_size", "AVG": "", "CEIL": "",
	"COALESCE": "", "CONCAT": "", "CONTAINS": "", "COUNT": "", "COUNT_IF": "", "DATE_TRUNC": "", "DENSE_RANK": "",
	"ENDSWITH": "ends_with", "FIRST_VALUE": "", "FLOOR": "", "GREATEST": "", "IFF": "sf_iff", "IFNULL": "",
	"IS_NULL_VALUE": "sf_isnull", "LAG": "", "LAST_VALUE": "", "LEAD": "", "LEAST": "", "LEFT": "", "LEN": "length",
	"LENGTH": "", "LISTAGG": "string_agg", "LOWER": "", "LPAD": "", "LTRIM": "", "MAX": "", "MAX_BY": "", "MEDIAN": "", "MIN": "",
	"MIN_BY": "", "MOD": "", "OBJECT_CONSTRUCT_KEEP_NULL": "json_object", "NULLIF": "", "NVL": "coalesce", "PARSE_JSON": "sf_json", "RANK": "",
	"REGEXP_LIKE": "regexp_full_match", "REPLACE": "", "REVERSE": "", "RIGHT": "", "ROUND": "", "ROW_NUMBER": "", "RPAD": "",
	"RTRIM": "", "SPLIT_PART": "", "STARTSWITH": "starts_with", "STDDEV": "", "SUBSTR": "", "SUBSTRING": "", "SUM": "",
	"TO_CHAR": "sf_varchar", "TO_DATE": "sf_date", "TO_TIMESTAMP": "sf_timestamp",
	"TO_TIMESTAMP_LTZ": "sf_timestamptz", "TO_TIMESTAMP_NTZ": "sf_timestamp",
	"TO_TIMESTAMP_TZ": "sf_timestamptz", "TO_VARCHAR": "sf_varchar", "TRIM": "",
	"TRY_PARSE_JSON": "sf_try_json", "UPPER": "", "YEAR": "", "MONTH": "", "DAY": "", "HOUR": "", "MINUTE": "",
	"ZEROIFNULL": "sf_zeroifnull", "TO_JSON": "sf_varchar", "TYPEOF": "json_type", "EXTRACT": "",
}

// pathStep is a step of a path in JSON: a key, or an index if key is nil.
type pathStep struct {
	key   *string
	index int
}

// jsonPath returns a path in DuckDB's syntax: $."a"[0].
func jsonPath(steps []pathStep) string {
	var path strings.Builder
	path.WriteByte('$')
	for _, s := range steps {
		if s.key != nil {
			path.WriteString("." + strconv.Quote(*s.key))
		} else {
			path.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	return path.String()
}
