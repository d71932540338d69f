package snowflake

import (
	"fmt"
	"slices"
	"strings"

	"example.com/ingestion/internal/sqltext"
)

// viewTypes are the data types that a view's column may have: TRY_CAST converts
// text to them without cutting anything off, and they mean the same in every
// session.
var viewTypes = []string{
	"BIGINT", "BOOLEAN", "BYTEINT", "DATE", "DATETIME", "DECIMAL", "DOUBLE", "DOUBLE PRECISION",
	"FLOAT", "FLOAT4", "FLOAT8", "INT", "INTEGER", "NUMBER", "NUMERIC", "REAL", "SMALLINT", "STRING",
	"TEXT", "TIME", "TIMESTAMP_LTZ", "TIMESTAMP_NTZ", "TIMESTAMP_TZ", "TINYINT", "VARCHAR", "VARIANT",
}

// checkViewType returns an error if a view's column cannot have the data type.
func checkViewType(text string) error {
	kind, err := sqltext.ParseDataType(text)
	switch {
	case err != nil:
		return err
	case isText(kind.Name) && len(kind.Parameters) > 0:
		return fmt.Errorf("%q has a length, and longer text would be lost: leave the length out, it costs nothing", text)
	case !slices.Contains(viewTypes, kind.Name):
		return fmt.Errorf("%q cannot be the type of a view's column, which is converted from text and must mean the same in every session: use one of %s", text, strings.Join(viewTypes, ", "))
	}
	return nil
}

func isText(name string) bool { return slices.Contains([]string{"VARCHAR", "STRING", "TEXT"}, name) }

// normalType returns the spelling of a valid type that statements use.
func normalType(text string) string {
	kind, err := sqltext.ParseDataType(text)
	if err != nil {
		return text
	}
	return kind.String()
}
