package record_test

import (
	"strings"
	"testing"

	"example.com/ingestion/internal/files/record"
)

func TestCheckerCompact(t *testing.T) {
	c := record.NewChecker()
	for in, want := range map[string]string{
		"7": "7", " -1.50e3\n": "-1.50e3", `{ "a" : [ 1 , "x  y" ] }`: `{"a":[1,"x  y"]}`, `"é"`: `"é"`, "null": "null",
		"":              "error: invalid_json: the text ends",
		"  ":            "error: invalid_json: the text ends",
		`{"a":`:         "error: invalid_json: the text ends",
		`"a`:            "error: invalid_json: the text ends",
		"1 2":           "error: invalid_json: byte 2: found",
		"7x":            "error: invalid_json: byte 1",
		"7\x00":         "error: invalid_json: byte 1",
		`"\ud800"`:      "error: invalid_utf8: byte",
		`{"a":1,"a":2}`: "error: duplicate_key: byte",
		"NaN":           "error: invalid_json: byte 0",
		"nul":           "error: invalid_json: ",
	} {
		got, err := c.Compact([]byte(in))
		if message, failed := strings.CutPrefix(want, "error: "); failed {
			if err == nil || !strings.HasPrefix(err.Error(), message) {
				t.Errorf("%q: %s, error %v, want %s", in, got, err, message)
			}
		} else if err != nil || string(got) != want {
			t.Errorf("%q: %s, error %v, want %s", in, got, err, want)
		}
	}
}
