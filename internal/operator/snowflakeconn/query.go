package snowflakeconn

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"example.com/ingestion/internal/sqltext"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// Statement returns the single statement of a text without its semicolon. A text
// with several is an error: only one result can be printed, and if one statement
// failed, it would be unknown which of them had an effect.
func Statement(text string) (string, error) {
	statements, err := sqltext.Statements(text)
	switch {
	case err != nil:
		return "", err
	case len(statements) == 0:
		return "", errors.New("no statement in the SQL")
	case len(statements) > 1:
		return "", fmt.Errorf("%d statements, but only the result of one can be printed: run them one by one, or as a block: EXECUTE IMMEDIATE $$ BEGIN …; RETURN …; END $$", len(statements))
	}
	return statements[0], nil
}

// Use sets the database and schema of the session to those of the feed, so that names
// need no qualification, and its warehouse, unless warehouse is empty.
func (c *Conn) Use(ctx context.Context, warehouse string) error {
	if err := c.Exec(ctx, "USE SCHEMA "+snowflake.Qualified(c.Spec.Database, c.Spec.Schema)); err != nil {
		return err
	}
	if warehouse == "" {
		return nil
	}
	return c.Exec(ctx, "USE WAREHOUSE "+snowflake.Identifier(warehouse))
}

// Value converts a value of a result to a JSON value: numbers with all their digits,
// VARIANT, OBJECT and ARRAY as JSON, times as text, NULL as nil.
func Value(c client.Column, v any) any {
	switch v := v.(type) {
	case string:
		switch c.Type {
		case "FIXED", "REAL", "DECFLOAT":
			if json.Valid([]byte(v)) {
				return json.Number(v)
			}
		case "VARIANT", "OBJECT", "ARRAY":
			var compact bytes.Buffer
			if json.Compact(&compact, []byte(v)) == nil {
				return json.RawMessage(compact.Bytes())
			}
		}
		return v
	case []byte:
		return hex.EncodeToString(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v) // not a JSON number
		}
		return v
	case time.Time:
		return v.Format(layout(c.Type))
	}
	return v
}

// layout is the layout of times in a column of that type.
func layout(kind string) string {
	switch kind {
	case "DATE":
		return time.DateOnly
	case "TIME":
		return "15:04:05.999999999"
	case "TIMESTAMP_NTZ":
		return "2006-01-02T15:04:05.999999999"
	}
	return time.RFC3339Nano
}

// Text converts a value of a result to text, NULL to null.
func Text(c client.Column, v any, null string) string {
	switch v := Value(c, v).(type) {
	case nil:
		return null
	case string:
		return v
	case json.RawMessage:
		return string(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// Numeric reports whether the type of a column is numeric.
func Numeric(c client.Column) bool {
	return c.Type == "FIXED" || c.Type == "REAL" || c.Type == "DECFLOAT"
}
