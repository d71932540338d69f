package snowflake

import (
	"regexp"
	"strings"
)

// simpleRE matches what may stand without quotes; Snowflake folds it to upper case
// (documentation: "Identifier requirements").
var simpleRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*$`)

// stored is the name as Snowflake's catalog keeps it.
func stored(name string) string {
	if simpleRE.MatchString(name) {
		return strings.ToUpper(name)
	}
	return name
}

// Identifier returns name between double quotes. A simple name is upper-cased
// first, so that queries may use it without quotes in any case. The name must
// be one that Spec.Validate lets pass: without NUL, at most 255 characters.
func Identifier(name string) string {
	return `"` + strings.ReplaceAll(stored(name), `"`, `""`) + `"`
}

// Qualified returns the identifiers of parts with dots between them.
func Qualified(parts ...string) string {
	quoted := make([]string, len(parts))
	for i, part := range parts {
		quoted[i] = Identifier(part)
	}
	return strings.Join(quoted, ".")
}

// Literal returns s as a string constant. A backslash starts an escape sequence
// in Snowflake's constants, unlike in standard SQL, so that it is doubled too
// (documentation: "String & binary data types").
func Literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

func literals(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = Literal(v)
	}
	return "(" + strings.Join(quoted, ",") + ")"
}

func boolean(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}
