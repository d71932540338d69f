package snowflake

import "strings"

// quote makes an identifier, for DuckDB and Snowflake alike.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoteAll(parts ...string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = quote(p)
	}
	return strings.Join(out, ".")
}

// literal makes a constant for DuckDB, where a backslash means itself.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
