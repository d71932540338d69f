package snowflake

import (
	"strconv"
	"strings"

	"example.com/ingestion/internal/sqltext"
	"example.com/ingestion/local/snowflake/sqlparser"
)

// sqlType is a data type of Snowflake and the corresponding one of DuckDB.
type sqlType struct {
	name string // as DESC returns it: NUMBER(38,0)
	duck string
}

func (t sqlType) variant() bool { return t.duck == "JSON" }

// localTypes has for each data type the name that Snowflake describes it with,
// its default parameters, and its type in DuckDB.
var localTypes = map[string]struct{ name, parameters, duck string }{
	"NUMBER": {"NUMBER", "38,0", "DECIMAL"}, "DECIMAL": {"NUMBER", "38,0", "DECIMAL"}, "NUMERIC": {"NUMBER", "38,0", "DECIMAL"},
	"INT": {"NUMBER", "38,0", "DECIMAL"}, "INTEGER": {"NUMBER", "38,0", "DECIMAL"}, "BIGINT": {"NUMBER", "38,0", "DECIMAL"},
	"SMALLINT": {"NUMBER", "38,0", "DECIMAL"}, "TINYINT": {"NUMBER", "38,0", "DECIMAL"}, "BYTEINT": {"NUMBER", "38,0", "DECIMAL"},
	"FLOAT": {"FLOAT", "", "DOUBLE"}, "FLOAT4": {"FLOAT", "", "DOUBLE"}, "FLOAT8": {"FLOAT", "", "DOUBLE"},
	"DOUBLE": {"FLOAT", "", "DOUBLE"}, "DOUBLE PRECISION": {"FLOAT", "", "DOUBLE"}, "REAL": {"FLOAT", "", "DOUBLE"},
	"BOOLEAN": {"BOOLEAN", "", "BOOLEAN"}, "DATE": {"DATE", "", "DATE"}, "TIME": {"TIME", "9", "TIME"},
	"VARIANT": {"VARIANT", "", "JSON"}, "OBJECT": {"OBJECT", "", "JSON"}, "ARRAY": {"ARRAY", "", "JSON"},
	"VARCHAR": {"VARCHAR", "16777216", "VARCHAR"}, "STRING": {"VARCHAR", "16777216", "VARCHAR"},
	"TEXT": {"VARCHAR", "16777216", "VARCHAR"}, "CHAR": {"VARCHAR", "1", "VARCHAR"},
	"BINARY":    {"BINARY", "8388608", "BLOB"},
	"TIMESTAMP": {"TIMESTAMP_NTZ", "9", "TIMESTAMP"}, "DATETIME": {"TIMESTAMP_NTZ", "9", "TIMESTAMP"},
	"TIMESTAMP_NTZ": {"TIMESTAMP_NTZ", "9", "TIMESTAMP"},
	"TIMESTAMP_LTZ": {"TIMESTAMP_LTZ", "9", "TIMESTAMPTZ"}, "TIMESTAMP_TZ": {"TIMESTAMP_TZ", "9", "TIMESTAMPTZ"},
}

// readType reads a data type such as NUMBER(12,2).
func readType(p *sqlparser.Parser) (sqlType, error) {
	kind, err := p.DataType()
	if err != nil {
		return sqlType{}, err
	}
	return localType(kind)
}

func localType(kind sqltext.DataType) (sqlType, error) {
	known, ok := localTypes[kind.Name]
	if !ok {
		return sqlType{}, errorf("002040", "42601", "SQL compilation error:\nUnsupported data type '%s'.", kind.Name)
	}
	parameters := known.parameters
	if len(kind.Parameters) > 0 {
		_, parameters, _ = strings.Cut(strings.TrimSuffix(kind.String(), ")"), "(")
	}
	if known.duck == "DECIMAL" && len(kind.Parameters) == 1 {
		parameters += ",0"
	}
	if parameters == "" {
		return sqlType{known.name, known.duck}, nil
	}
	t := sqlType{known.name + "(" + parameters + ")", known.duck}
	if known.duck == "DECIMAL" {
		t.duck += "(" + parameters + ")"
	}
	return t, nil
}

// describeType converts a data type of DuckDB to the description of a column in results.
func describeType(duck string) column {
	c := column{Nullable: true}
	switch {
	case strings.HasPrefix(duck, "DECIMAL("):
		precision, scale, _ := strings.Cut(strings.TrimSuffix(duck[len("DECIMAL("):], ")"), ",")
		c.Type = "fixed"
		c.Precision, _ = strconv.ParseInt(precision, 10, 64) // written by DuckDB
		c.Scale, _ = strconv.ParseInt(scale, 10, 64)
	case duck == "HUGEINT", duck == "UHUGEINT":
		c.Type, c.Precision = "fixed", 38
	case duck == "BIGINT", duck == "UBIGINT": // usually a count
		c.Type, c.Precision = "fixed", 18
	case duck == "INTEGER", duck == "SMALLINT", duck == "TINYINT", duck == "UINTEGER":
		c.Type, c.Precision = "fixed", 10
	case duck == "DOUBLE", duck == "FLOAT":
		c.Type = "real"
	case duck == "BOOLEAN":
		c.Type = "boolean"
	case duck == "DATE":
		c.Type = "date"
	case duck == "TIME":
		c.Type, c.Scale = "time", 9
	case duck == "TIMESTAMP":
		c.Type, c.Scale = "timestamp_ntz", 9
	case duck == "TIMESTAMP WITH TIME ZONE":
		c.Type, c.Scale = "timestamp_ltz", 9
	case duck == "BLOB":
		c.Type, c.Length, c.ByteLength = "binary", 8388608, 8388608
	case duck == "JSON":
		c.Type = "variant"
	default:
		c.Type, c.Length, c.ByteLength = "text", 16777216, 16777216
	}
	return c
}

// wire returns the expression of DuckDB for the text format of a column's values in
// the driver's protocol.
func wire(column, duck string) string {
	switch duck {
	case "DATE":
		return "(" + column + " - DATE '1970-01-01')::VARCHAR"
	case "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE":
		return "sf_seconds(epoch_us(" + column + "))"
	case "BOOLEAN":
		return "(" + column + ")::INTEGER::VARCHAR"
	case "BLOB":
		return "hex(" + column + ")"
	}
	return column + "::VARCHAR"
}
