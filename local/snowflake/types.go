package snowflake

import (
	"strconv"
	"strings"
)

// sqlType is a type of Snowflake and what holds it in DuckDB.
type sqlType struct {
	name string // as Snowflake describes it: NUMBER(38,0)
	duck string
}

func (t sqlType) variant() bool { return t.duck == "JSON" }

var plainTypes = map[string]sqlType{
	"FLOAT": {"FLOAT", "DOUBLE"}, "FLOAT4": {"FLOAT", "DOUBLE"}, "FLOAT8": {"FLOAT", "DOUBLE"},
	"DOUBLE": {"FLOAT", "DOUBLE"}, "REAL": {"FLOAT", "DOUBLE"},
	"BOOLEAN": {"BOOLEAN", "BOOLEAN"}, "DATE": {"DATE", "DATE"},
	"VARIANT": {"VARIANT", "JSON"}, "OBJECT": {"OBJECT", "JSON"}, "ARRAY": {"ARRAY", "JSON"},
}

var integerTypes = map[string]bool{"INT": true, "INTEGER": true, "BIGINT": true, "SMALLINT": true, "TINYINT": true, "BYTEINT": true}

// sizedTypes take a length or precision in parentheses; %s stands for it.
var sizedTypes = map[string]struct{ name, size, duck string }{
	"VARCHAR": {"VARCHAR", "16777216", "VARCHAR"}, "STRING": {"VARCHAR", "16777216", "VARCHAR"},
	"TEXT": {"VARCHAR", "16777216", "VARCHAR"}, "CHAR": {"VARCHAR", "1", "VARCHAR"},
	"BINARY": {"BINARY", "8388608", "BLOB"}, "TIME": {"TIME", "9", "TIME"},
	"TIMESTAMP": {"TIMESTAMP_NTZ", "9", "TIMESTAMP"}, "DATETIME": {"TIMESTAMP_NTZ", "9", "TIMESTAMP"},
	"TIMESTAMP_NTZ": {"TIMESTAMP_NTZ", "9", "TIMESTAMP"},
	"TIMESTAMP_LTZ": {"TIMESTAMP_LTZ", "9", "TIMESTAMPTZ"}, "TIMESTAMP_TZ": {"TIMESTAMP_TZ", "9", "TIMESTAMPTZ"},
}

// readType reads a type such as NUMBER(12,2).
func (p *parser) readType() (sqlType, error) {
	t := p.peek()
	if t.kind != tokWord {
		return sqlType{}, p.unexpected()
	}
	p.i++
	if integerTypes[t.val] {
		return sqlType{"NUMBER(38,0)", "DECIMAL(38,0)"}, nil
	}
	if plain, ok := plainTypes[t.val]; ok {
		if t.val == "DOUBLE" {
			p.accept("PRECISION")
		}
		return plain, nil
	}
	number := t.val == "NUMBER" || t.val == "DECIMAL" || t.val == "NUMERIC"
	sized, known := sizedTypes[t.val]
	if !number && !known {
		p.i--
		return sqlType{}, errorf("002040", "42601", "SQL compilation error:\nUnsupported data type '%s'.", t.val)
	}
	sizes, err := p.readSizes()
	if err != nil {
		return sqlType{}, err
	}
	if number {
		precision, scale := "38", "0"
		if len(sizes) > 0 {
			precision = sizes[0]
		}
		if len(sizes) > 1 {
			scale = sizes[1]
		}
		in := "(" + precision + "," + scale + ")"
		return sqlType{"NUMBER" + in, "DECIMAL" + in}, nil
	}
	size := sized.size
	if len(sizes) > 0 {
		size = sizes[0]
	}
	return sqlType{sized.name + "(" + size + ")", sized.duck}, nil
}

func (p *parser) readSizes() ([]string, error) {
	if !p.peek().is("(") {
		return nil, nil
	}
	inner, err := p.group()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, part := range inner.split() {
		t := part.next()
		if _, err := strconv.Atoi(t.val); err != nil || !part.done() {
			return nil, errSyntax("'%s' is not the size of a type.", t.val)
		}
		out = append(out, t.val)
	}
	return out, nil
}

// describeType turns a type of DuckDB into the one that results and
// descriptions show.
func describeType(duck string) column {
	c := column{Nullable: true}
	switch {
	case strings.HasPrefix(duck, "DECIMAL("):
		precision, scale, _ := strings.Cut(strings.TrimSuffix(duck[len("DECIMAL("):], ")"), ",")
		c.Type = "fixed"
		c.Precision, _ = strconv.ParseInt(precision, 10, 64) // DuckDB's own text
		c.Scale, _ = strconv.ParseInt(scale, 10, 64)
	case duck == "HUGEINT", duck == "UHUGEINT":
		c.Type, c.Precision = "fixed", 38
	case duck == "BIGINT", duck == "UBIGINT": // counts, for the most part
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

// wire is DuckDB's expression for the text that the driver expects of a column.
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
