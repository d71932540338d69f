package warehouse

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

// Statement returns the one statement of a text, without its semicolon. More
// than one are refused: a session's result is that of one statement, and with
// several nobody could say which of them have had their effect when one fails.
func Statement(text string) (string, error) {
	statements, err := sqltext.Statements(text)
	switch {
	case err != nil:
		return "", err
	case len(statements) == 0:
		return "", errors.New("no statement in the SQL that was given")
	case len(statements) > 1:
		return "", fmt.Errorf("%d statements, and only one has its result shown: run them one by one, or as a block: EXECUTE IMMEDIATE $$ BEGIN …; RETURN …; END $$", len(statements))
	}
	return statements[0], nil
}

// Settle makes unqualified names those of the feed's database and schema. A
// non-empty warehouse takes the place of the connection's.
func (w *Warehouse) Settle(ctx context.Context, warehouse string) error {
	if err := w.Exec(ctx, "USE SCHEMA "+snowflake.Qualified(w.Spec.Database, w.Spec.Schema)); err != nil {
		return err
	}
	if warehouse == "" {
		return nil
	}
	return w.Exec(ctx, "USE WAREHOUSE "+snowflake.Identifier(warehouse))
}

// Value is a value of a result as JSON has it: numbers with all their digits,
// VARIANT, OBJECT and ARRAY as what they are, times as text, NULL as nil.
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
			return fmt.Sprint(v) // JSON has no such number
		}
		return v
	case time.Time:
		return v.Format(layout(c.Type))
	}
	return v
}

// layout is how a column of times is written.
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

// Text is a value of a result as people read it, with NULL as null.
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

// Numeric reports whether a column holds numbers.
func Numeric(c client.Column) bool {
	return c.Type == "FIXED" || c.Type == "REAL" || c.Type == "DECFLOAT"
}
