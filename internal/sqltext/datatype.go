package sqltext

import (
	"fmt"
	"strconv"
	"strings"
)

// DataType is a data type with its parameters, such as NUMBER(12,2).
type DataType struct {
	// Name is in upper case and as it was written: DECIMAL stays DECIMAL.
	Name string
	// Parameters are the length, precision or scale; nil if none is given.
	Parameters []int
}

// maxParameters is the greatest value of each parameter of a data type. Every
// type may be written without parameters.
// https://docs.snowflake.com/en/sql-reference/intro-summary-data-types
var maxParameters = map[string][]int{
	"VARCHAR": text, "STRING": text, "TEXT": text,
	"CHAR": text, "CHARACTER": text, "NCHAR": text, "NVARCHAR": text,
	"NUMBER": numeric, "DECIMAL": numeric, "NUMERIC": numeric,
	"INT": nil, "INTEGER": nil, "BIGINT": nil, "SMALLINT": nil, "TINYINT": nil, "BYTEINT": nil,
	"FLOAT": nil, "FLOAT4": nil, "FLOAT8": nil, "DOUBLE": nil, "DOUBLE PRECISION": nil, "REAL": nil,
	"BOOLEAN": nil, "DATE": nil, "TIME": temporal,
	"DATETIME": temporal, "TIMESTAMP": temporal, "TIMESTAMP_NTZ": temporal, "TIMESTAMP_LTZ": temporal, "TIMESTAMP_TZ": temporal,
	"VARIANT": nil, "OBJECT": nil, "ARRAY": nil,
	"BINARY": binary, "VARBINARY": binary, "GEOGRAPHY": nil, "GEOMETRY": nil,
}

var (
	text     = []int{134_217_728} // bytes
	numeric  = []int{38, 37}      // precision, scale
	temporal = []int{9}           // digits of the second
	binary   = []int{67_108_864}  // bytes
)

// ParseDataType reads a data type. The error quotes the text and names the
// limit that a parameter exceeds.
func ParseDataType(text string) (DataType, error) {
	name, rest, found := strings.Cut(text, "(")
	t := DataType{Name: strings.ToUpper(strings.Join(strings.Fields(name), " "))}
	maximum, ok := maxParameters[t.Name]
	if !ok {
		return t, fmt.Errorf("%q is not a data type of Snowflake", text)
	}
	if !found {
		return t, nil
	}
	inner, ok := strings.CutSuffix(strings.TrimSpace(rest), ")")
	values := strings.Split(inner, ",")
	if !ok || len(values) > len(maximum) {
		return t, fmt.Errorf("%q: %s takes at most %d parameters in parentheses", text, t.Name, len(maximum))
	}
	for i, v := range values {
		n, err := strconv.Atoi(strings.TrimSpace(v))
		// A length and the precision of a number are at least 1.
		low := 0
		if maximum[i] > 37 {
			low = 1
		}
		if err != nil || n < low || n > maximum[i] {
			return t, fmt.Errorf("%q: parameter %d is outside %d to %d", text, i+1, low, maximum[i])
		}
		t.Parameters = append(t.Parameters, n)
	}
	if len(t.Parameters) == 2 && t.Parameters[1] > t.Parameters[0] {
		return t, fmt.Errorf("%q: the scale %d is more than the precision %d", text, t.Parameters[1], t.Parameters[0])
	}
	return t, nil
}

// String returns the type without spaces: NUMBER(12,2).
func (t DataType) String() string {
	if len(t.Parameters) == 0 {
		return t.Name
	}
	values := make([]string, len(t.Parameters))
	for i, p := range t.Parameters {
		values[i] = strconv.Itoa(p)
	}
	return t.Name + "(" + strings.Join(values, ",") + ")"
}
