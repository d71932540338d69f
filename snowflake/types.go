package snowflake

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// columnType is what is known of a data type.
type columnType struct {
	// maximum of each parameter, in their order; a type is as well written without them.
	maximum []int
	// view types are those that a view's column may have: TRY_CAST takes them, it
	// cuts nothing off, and they mean the same in every session.
	view bool
}

var (
	numeric   = columnType{maximum: []int{38, 37}, view: true}
	plain     = columnType{view: true}
	temporal  = columnType{maximum: []int{9}, view: true}
	character = columnType{maximum: []int{134_217_728}}
)

// columnTypes are Snowflake's data types (documentation: "Summary of data types").
var columnTypes = map[string]columnType{
	"VARCHAR": {maximum: character.maximum, view: true}, "STRING": {maximum: character.maximum, view: true}, "TEXT": {maximum: character.maximum, view: true},
	"CHAR": character, "CHARACTER": character, "NCHAR": character, "NVARCHAR": character,
	"NUMBER": numeric, "DECIMAL": numeric, "NUMERIC": numeric,
	"INT": plain, "INTEGER": plain, "BIGINT": plain, "SMALLINT": plain, "TINYINT": plain, "BYTEINT": plain,
	"FLOAT": plain, "FLOAT4": plain, "FLOAT8": plain, "DOUBLE": plain, "DOUBLE PRECISION": plain, "REAL": plain,
	"BOOLEAN": plain, "DATE": plain, "TIME": temporal,
	"DATETIME": temporal, "TIMESTAMP_NTZ": temporal, "TIMESTAMP_LTZ": temporal, "TIMESTAMP_TZ": temporal, "TIMESTAMP": {maximum: temporal.maximum},
	"VARIANT": plain, "OBJECT": {}, "ARRAY": {},
	"BINARY": {maximum: []int{67_108_864}}, "VARBINARY": {maximum: []int{67_108_864}}, "GEOGRAPHY": {}, "GEOMETRY": {},
}

// parseType takes a type apart; the error says what is wrong with it.
func parseType(text string) (name string, parameters []int, err error) {
	name, rest, found := strings.Cut(text, "(")
	name = strings.ToUpper(strings.Join(strings.Fields(name), " "))
	known, ok := columnTypes[name]
	if !ok {
		return name, nil, fmt.Errorf("%q is no data type of Snowflake", text)
	}
	if !found {
		return name, nil, nil
	}
	inner, ok := strings.CutSuffix(strings.TrimSpace(rest), ")")
	values := strings.Split(inner, ",")
	if !ok || len(values) > len(known.maximum) {
		return name, nil, fmt.Errorf("%q: %s takes %d parameters in brackets at most", text, name, len(known.maximum))
	}
	for i, v := range values {
		n, err := strconv.Atoi(strings.TrimSpace(v))
		// A length, and the precision of a number, is at least 1.
		low := 0
		if known.maximum[i] > 37 {
			low = 1
		}
		if err != nil || n < low || n > known.maximum[i] {
			return name, nil, fmt.Errorf("%q: parameter %d is outside %d to %d", text, i+1, low, known.maximum[i])
		}
		parameters = append(parameters, n)
	}
	if len(parameters) == 2 && parameters[1] > parameters[0] {
		return name, nil, fmt.Errorf("%q: the scale %d is more than the precision %d", text, parameters[1], parameters[0])
	}
	return name, parameters, nil
}

// checkViewType says why a view's column cannot be of that type.
func checkViewType(text string) error {
	name, parameters, err := parseType(text)
	switch {
	case err != nil:
		return err
	case isText(name) && len(parameters) > 0:
		return fmt.Errorf("%q has a length, and longer text would be lost: leave the length out, it costs nothing", text)
	case !columnTypes[name].view:
		return fmt.Errorf("%q is no type for a view, which casts text and must mean the same in every session: use one of %s", text, strings.Join(viewTypes(), ", "))
	}
	return nil
}

func isText(name string) bool { return slices.Contains([]string{"VARCHAR", "STRING", "TEXT"}, name) }

func viewTypes() []string {
	var names []string
	for name, t := range columnTypes {
		if t.view {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// normalType is the one spelling of a valid type, which statements have.
func normalType(text string) string {
	name, parameters, err := parseType(text)
	if err != nil || len(parameters) == 0 {
		return name
	}
	values := make([]string, len(parameters))
	for i, p := range parameters {
		values[i] = strconv.Itoa(p)
	}
	return name + "(" + strings.Join(values, ",") + ")"
}
