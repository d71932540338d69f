package snowflake

import (
	"strings"

	sf "example.com/ingestion/snowflake"
)

// checkOptions holds CREATE and ALTER against the one table of options that
// package snowflake writes its statements by.
func checkOptions(text, first string) error {
	if first != "CREATE" && first != "ALTER" && first != "COPY" {
		return nil
	}
	err := sf.Check(text)
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "issing option"):
		return errorf("002029", "42601", "SQL compilation error:\n%s", err)
	}
	return errSyntax("%s", err)
}
