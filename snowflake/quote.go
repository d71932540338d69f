package snowflake

import (
	"regexp"
	"strings"
)

// simpleRE matches identifiers that need no quotes; Snowflake converts them to
// upper case. https://docs.snowflake.com/en/sql-reference/identifiers-syntax
var simpleRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*$`)

// stored returns the name as Snowflake's catalog has it.
func stored(name string) string {
	if simpleRE.MatchString(name) {
		return strings.ToUpper(name)
	}
	return name
}

// Identifier returns name in double quotes. A simple name is converted to upper
// case first, so that queries may use it without quotes in any case. The name
// must be valid, as Spec.Validate checks: without NUL, at most 255 characters.
func Identifier(name string) string {
	return quoted(stored(name))
}

// quoted returns a name of the catalog in double quotes.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Qualified returns the identifiers of parts, separated by dots.
func Qualified(parts ...string) string {
	quoted := make([]string, len(parts))
	for i, part := range parts {
		quoted[i] = Identifier(part)
	}
	return strings.Join(quoted, ".")
}

// Literal returns s as a string constant. Backslashes are doubled as well as
// quotes: unlike in standard SQL they start an escape sequence.
// https://docs.snowflake.com/en/sql-reference/data-types-text#escape-sequences-in-single-quoted-string-constants
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
