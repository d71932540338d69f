package snowflake

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"example.com/ingestion/internal/sqltext"
)

// bind is the value of a bind variable, in the driver's text format.
type bind struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

// bindAll replaces the question marks by the values of bind variables.
func bindAll(sql string, binds map[string]bind) (string, error) {
	if len(binds) == 0 {
		return sql, nil
	}
	tokens, err := sqltext.Tokens(sql)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	at, n := 0, 0
	for _, t := range tokens {
		if !t.Is("?") {
			continue
		}
		n++
		value, found := binds[strconv.Itoa(n)]
		if !found {
			return "", errorf("100059", "02000", "SQL compilation error:\nBind variable for parameter ?%d not set.", n)
		}
		text, err := value.literal()
		if err != nil {
			return "", err
		}
		b.WriteString(sql[at:t.Start])
		b.WriteString(text)
		at = t.Stop
	}
	b.WriteString(sql[at:])
	return b.String(), nil
}

// literal returns the value as a constant of Snowflake.
func (v bind) literal() (string, error) {
	if len(v.Value) == 0 || string(v.Value) == "null" {
		return "NULL", nil
	}
	var text string
	if err := json.Unmarshal(v.Value, &text); err != nil {
		return "", errUnsupported("arrays as bind variables")
	}
	switch v.Type {
	case "TEXT":
		return escape(text), nil
	case "FIXED", "REAL":
		if _, ok := new(big.Float).SetString(text); !ok {
			return "", errorf("100038", "22018", "Numeric value '%s' is not recognized", text)
		}
		return text, nil
	case "BOOLEAN":
		return strconv.FormatBool(text == "true" || text == "1"), nil
	case "DATE": // milliseconds
		t, err := fraction(text, time.Millisecond)
		return escape(t.Format(time.DateOnly)) + "::DATE", err
	case "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ": // nanoseconds
		text, _, _ = strings.Cut(text, " ")
		t, err := fraction(text, time.Nanosecond)
		if v.Type == "TIMESTAMP_NTZ" {
			return escape(t.Format("2006-01-02 15:04:05.000000")) + "::TIMESTAMP_NTZ", err
		}
		return escape(t.Format("2006-01-02 15:04:05.000000Z")) + "::TIMESTAMP_LTZ", err
	}
	return "", errUnsupported("bind variables of type " + v.Type)
}

func fraction(text string, unit time.Duration) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("bind variable %q: %w", text, err)
	}
	if unit == time.Millisecond {
		return time.UnixMilli(n).UTC(), nil
	}
	return time.Unix(0, n).UTC(), nil
}

// escape returns text as a constant of Snowflake, where a backslash is an escape
// character.
func escape(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(text) + "'"
}
