package snowflake

import "strings"

// quote returns a quoted identifier, for DuckDB and Snowflake.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoteAll(parts ...string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = quote(p)
	}
	return strings.Join(out, ".")
}

// literal returns a constant for DuckDB, where a backslash is not an escape character.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
