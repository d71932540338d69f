package shape_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/files/shape"
)

var hashKey = []byte("key of the tests")

func newShaper(t testing.TB, operations ...feed.Operation) *shape.Shaper {
	t.Helper()
	spec := feed.Shape{Operations: operations}
	for _, o := range operations {
		if o.Kind == feed.OpHash {
			spec.HashSecret = "secret"
		}
	}
	if err := spec.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := shape.New(spec, shape.Config{HashKey: hashKey})
	if err != nil {
		t.Fatal(err)
	}
	s.StartEntry(shape.Origin{
		Source: "s3://b/in/a b.zip", Key: "in/a b.zip", Entry: `x"1.json`, Upload: "u1",
		Modified: time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600)),
	})
	return s
}

func TestOperations(t *testing.T) {
	sum := func(text string) string {
		mac := hmac.New(sha256.New, hashKey)
		mac.Write([]byte(text))
		return hex.EncodeToString(mac.Sum(nil))
	}
	tests := []struct {
		name       string
		in, want   string // want begins with "error: " for failures; empty: filtered out
		operations []feed.Operation
	}{
		{"none", `{"a":1}`, `{"a":1}`, nil},
		{"rename keeps the position", `{"a":1,"b":2}`, `{"x":1,"b":2}`, []feed.Operation{feed.Rename("a", "x")}},
		{"rename of a missing field", `{"b":2}`, `{"b":2}`, []feed.Operation{feed.Rename("a", "x")}},
		{"rename to itself", `{"a":2}`, `{"a":2}`, []feed.Operation{feed.Rename("a", "a")}},
		{"rename to an existing field", `{"a":1,"x":2}`, `error: operation 1 (rename) of field "a": 1: the record has a field "x" already`, []feed.Operation{feed.Rename("a", "x")}},
		{"move into a nested object", `{"id":1,"c":{"n":"x"}}`, `{"c":{"n":"x","id":1}}`, []feed.Operation{feed.Rename("id", "c.id")}},
		{"move into a new nested object", `{"id":1}`, `{"a":{"b":{"id":1}}}`, []feed.Operation{feed.Rename("id", "a.b.id")}},
		{"move out", `{"c":{"n":"x","id":[1, {"k":2}]}}`, `{"c":{"n":"x"},"id":[1, {"k":2}]}`, []feed.Operation{feed.Rename("c.id", "id")}},
		{"move into itself", `{"c":1}`, `{"c":{"c":1}}`, []feed.Operation{feed.Rename("c", "c.c")}},
		{"move into a number", `{"id":1,"c":5}`, `error: operation 1 (rename) of field "id": 5: "c" is not an object, so it cannot contain fields`, []feed.Operation{feed.Rename("id", "c.id")}},
		{"rename in a nested object", `{"c":{"a":1,"b":2}}`, `{"c":{"z":1,"b":2}}`, []feed.Operation{feed.Rename("c.a", "c.z")}},
		{"key with a dot and with escapes", `{"a.b":1,"c\"\u0064":2}`, `{"x":1,"y":2}`, []feed.Operation{feed.Rename(`a\.b`, "x"), feed.Rename(`c"d`, "y")}},
		{"keep orders", `{"a":1,"b":{"c":2,"d":3},"e":4}`, `{"e":4,"b":{"d":3},"a":1}`, []feed.Operation{feed.Keep("e", "b.d", "a", "missing")}},
		{"drop", `{"a":1,"b":{"c":2,"d":3},"e":4}`, `{"b":{"c":2}}`, []feed.Operation{feed.Drop("a", "e", "b.d", "b.x", "q.r")}},
		{"drop everything", `{"a":1}`, `{}`, []feed.Operation{feed.Drop("a")}},
		{"constant", `{"a":1}`, `{"a":[1,null],"b":{"c":"d"}}`, []feed.Operation{feed.Constant("a", []any{1, nil}), feed.Constant("b.c", "d")}},
		{
			"origin", `{}`, `{"f":"a b.zip","s":"s3://b/in/a b.zip","e":"x\"1.json","m":"2026-03-01T11:00:00Z","u":"u1"}`,
			[]feed.Operation{
				feed.FromOrigin("f", feed.OriginFile), feed.FromOrigin("s", feed.OriginSource), feed.FromOrigin("e", feed.OriginEntry),
				feed.FromOrigin("m", feed.OriginModified), feed.FromOrigin("u", feed.OriginUpload),
			},
		},
		{"default", `{"a":"","b":null,"c":0,"d":{}}`, `{"a":1,"b":1,"c":0,"d":{},"e":1}`, []feed.Operation{
			feed.Default("a", 1), feed.Default("b", 1), feed.Default("c", 1), feed.Default("d", 1), feed.Default("e", 1),
		}},
		{"numbers verbatim", `{"n":1.10000000000000000000000000001e+5,"k":"v"}`, `{"n":1.10000000000000000000000000001e+5,"x":"v"}`, []feed.Operation{feed.Rename("k", "x")}},
		{
			"number", `{"a":" +007.50 ","b":"","c":null,"d":1E5,"e":"-0","f":".5","g":"5.","h":"12345678901234567890123456789012345678901","i":"1e-05"}`,
			`{"a":7.50,"b":null,"c":null,"d":1E5,"e":-0,"f":0.5,"g":5,"h":12345678901234567890123456789012345678901,"i":1e-05}`,
			[]feed.Operation{feed.Number("a", "b", "c", "d", "e", "f", "g", "h", "i", "missing")},
		},
		{"number with separators", `{"a":"1.234.567,80","b":"1234,5","c":"-12"}`, `{"a":1234567.80,"b":1234.5,"c":-12}`, []feed.Operation{feed.NumberWith(",", ".", "a", "b", "c")}},
		{"number in wrong groups", `{"a":"1.23,4"}`, `error: operation 1 (number) of field "a": "1.23,4": is no number with the decimal separator ','`, []feed.Operation{feed.NumberWith(",", ".", "a")}},
		{"number of an object", `{"a":{"b":1}}`, `error: operation 1 (number) of field "a": {"b":1}: is neither a text nor null`, []feed.Operation{feed.Number("a")}},
		{"boolean", `{"a":"YES","b":" n ","c":1,"d":"","e":true}`, `{"a":true,"b":false,"c":true,"d":null,"e":true}`, []feed.Operation{feed.Boolean("a", "b", "c", "d", "e")}},
		{"no boolean", `{"a":"maybe"}`, `error: operation 1 (boolean) of field "a": "maybe": is no boolean`, []feed.Operation{feed.Boolean("a")}},
		{"timestamp", `{"a":"24.12.2025 18:30","b":"","c":"01.07.2025 00:00"}`, `{"a":"2025-12-24T17:30:00Z","b":null,"c":"2025-06-30T22:00:00Z"}`, []feed.Operation{feed.Timestamp("02.01.2006 15:04", "Europe/Berlin", "a", "b", "c")}},
		{"timestamp with a fraction and its own zone", `{"a":"2025-01-02T03:04:05.120-05:00"}`, `{"a":"2025-01-02T08:04:05.12Z"}`, []feed.Operation{feed.Timestamp(time.RFC3339, "Europe/Berlin", "a")}},
		{"the earlier of two times", `{"a":"2025-10-26 02:30"}`, `{"a":"2025-10-26T00:30:00Z"}`, []feed.Operation{feed.Timestamp("2006-01-02 15:04", "Europe/Berlin", "a")}},
		{"the earlier of two times in New York", `{"a":"2025-11-02 01:30"}`, `{"a":"2025-11-02T05:30:00Z"}`, []feed.Operation{feed.Timestamp("2006-01-02 15:04", "America/New_York", "a")}},
		{"a time after both", `{"a":"2025-10-26 03:00"}`, `{"a":"2025-10-26T02:00:00Z"}`, []feed.Operation{feed.Timestamp("2006-01-02 15:04", "Europe/Berlin", "a")}},
		{"a time that clocks skip", `{"a":"2025-03-30 02:30"}`, `error: operation 1 (timestamp) of field "a": "2025-03-30 02:30": does not exist in the zone Europe/Berlin`, []feed.Operation{feed.Timestamp("2006-01-02 15:04", "Europe/Berlin", "a")}},
		{"no timestamp", `{"a":"31.02.2025"}`, `error: operation 1 (timestamp) of field "a": "31.02.2025": does not have the layout "02.01.2006"`, []feed.Operation{feed.Timestamp("02.01.2006", "", "a")}},
		{"unix time", `{"a":0,"b":"1700000000"}`, `{"a":"1970-01-01T00:00:00Z","b":"2023-11-14T22:13:20Z"}`, []feed.Operation{feed.Timestamp(feed.UnixSeconds, "", "a", "b")}},
		{"unix time in milliseconds", `{"a":1700000000123}`, `{"a":"2023-11-14T22:13:20.123Z"}`, []feed.Operation{feed.Timestamp(feed.UnixMilliseconds, "", "a")}},
		{"unix time with a fraction", `{"a":1.5}`, `error: operation 1 (timestamp) of field "a": 1.5: is not a whole number`, []feed.Operation{feed.Timestamp(feed.UnixSeconds, "", "a")}},
		{"JSON in a text", `{"a":"{\"b\": [1.0,\n\"\\u00e9\"]}","c":"7","d":7,"e":" "}`, `{"a":{"b":[1.0,"\u00e9"]},"c":7,"d":7,"e":null}`, []feed.Operation{feed.ParseJSON("a", "c", "d", "e")}},
		{"fields of JSON in a text", `{"a":"{\"b\":\"1\"}"}`, `{"x":1}`, []feed.Operation{feed.ParseJSON("a"), feed.Rename("a.b", "x"), feed.Number("x")}},
		{"incomplete JSON in a text", `{"a":"{\"b\":"}`, `error: operation 1 (parse_json) of field "a": "{\"b\":": invalid_json: the text ends inside a value`, []feed.Operation{feed.ParseJSON("a")}},
		{"two values of JSON in a text", `{"a":"1 2"}`, `error: operation 1 (parse_json) of field "a": "1 2": invalid_json: byte 2`, []feed.Operation{feed.ParseJSON("a")}},
		{"duplicate key of JSON in a text", `{"a":"{\"b\":1,\"b\":2}"}`, `error: operation 1 (parse_json) of field "a"`, []feed.Operation{feed.ParseJSON("a")}},
		{"texts", `{"a":" \tx\n ","b":"Ärger\"s","c":"É","d":5}`, `{"a":"x","b":"ÄRGER\"S","c":"é","d":5}`, []feed.Operation{feed.Trim("a", "d"), feed.Upper("b", "d"), feed.Lower("c")}},
		{"hash", `{"a":"\u0061b","b":1.50,"c":null}`, fmt.Sprintf(`{"a":%q,"b":%q,"c":null}`, sum("ab"), sum("1.50")), []feed.Operation{feed.Hash("a", "b", "c", "missing")}},
		{"hash of an object", `{"a":{}}`, `error: operation 1 (hash) of field "a"`, []feed.Operation{feed.Hash("a")}},
		{"keep where", `{"s":"paid"}`, `{"s":"paid"}`, []feed.Operation{feed.KeepWhere("s", "open", "paid")}},
		{"filtered out", `{"s":"lost"}`, ``, []feed.Operation{feed.KeepWhere("s", "open", "paid")}},
		{"filtered out without the field", `{}`, ``, []feed.Operation{feed.KeepWhere("s", "open", "paid")}},
		{"drop where", `{"s":null}`, ``, []feed.Operation{feed.DropWhere("s", "null")}},
		{"drop where without the field", `{}`, `{}`, []feed.Operation{feed.DropWhere("s", "null")}},
		{"drop where it is an object", `{"s":{"s":1}}`, `{"s":{"s":1}}`, []feed.Operation{feed.DropWhere("s", "1")}},
		{"in order", `{"a":" 7 "}`, `{"b":7,"c":1}`, []feed.Operation{feed.Trim("a"), feed.KeepWhere("a", "7"), feed.Number("a"), feed.Rename("a", "b"), feed.Default("c", 1)}},
		{"jq", `{"b":[1,2],"a":"x"}`, `{"a":"x","n":3}`, []feed.Operation{feed.JQ(`{a, n: (.b | add)}`)}},
		{"jq keeps digits", `{"a":1.10,"b":123456789012345678901234567890}`, `{"a":1.10,"b":123456789012345678901234567890}`, []feed.Operation{feed.JQ(`.`)}},
		{"jq after and before others", `{"a":"1"}`, `{"c":2}`, []feed.Operation{feed.Number("a"), feed.JQ(`{b: (.a + 1)}`), feed.Rename("b", "c")}},
		{"jq filters", `{"a":1}`, ``, []feed.Operation{feed.JQ(`select(.a > 1)`)}},
		{"jq with two results", `{"a":1}`, `error: operation 1 (jq): {"a":1}: the program has more than one result`, []feed.Operation{feed.JQ(`., .`)}},
		{"jq fails", `{"a":"x"}`, `error: operation 1 (jq): {"a":"x"}: `, []feed.Operation{feed.JQ(`{b: (.a - 1)}`)}},
		{"jq without an object", `{"a":"x"}`, `error: operation 1 (jq): {"a":"x"}: the result is no object: "x"`, []feed.Operation{feed.JQ(`.a`)}},
		{"a record that is no object", `[1]`, `error: operation 1 (drop): [1]: the record is no object`, []feed.Operation{feed.Drop("a")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShaper(t, test.operations...)
			for range 2 { // the second record must not see the first
				got, kept, err := s.Shape(t.Context(), []byte(test.in))
				if message, failed := strings.CutPrefix(test.want, "error: "); failed {
					var failure *shape.Failure
					if !errors.As(err, &failure) || !strings.HasPrefix(err.Error(), message) {
						t.Fatalf("%s, %v, error\n%v, want\n%s", got, kept, err, message)
					}
					continue
				}
				if err != nil || kept != (test.want != "") || string(got) != test.want {
					t.Fatalf("got %s, %v, error %v, want %s", got, kept, err, test.want)
				}
			}
		})
	}
}

// Two files with different names and nesting become equal records.
func TestTwoSourcesBecomeEqual(t *testing.T) {
	keep := feed.Keep("customer_id", "name", "amount", "at")
	text := newShaper(t, feed.Rename("CUST", "customer_id"), feed.Rename("NAME", "name"), feed.Rename("AMT", "amount"), feed.Rename("WHEN", "at"),
		feed.Trim("name"), feed.NumberWith(",", ".", "amount"), feed.Timestamp("02.01.2006 15:04", "Europe/Berlin", "at"), keep)
	nested := newShaper(t, feed.Rename("customer.id", "customer_id"), feed.Rename("customer.name", "name"), feed.Timestamp(time.RFC3339, "", "at"), keep)
	a, _, err := text.Shape(t.Context(), []byte(`{"NAME":" Ann ","CUST":"C1","WHEN":"24.12.2025 18:30","AMT":"1.200,50","X":""}`))
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := nested.Shape(t.Context(), []byte(`{"at":"2025-12-24T17:30:00+00:00","amount":1200.50,"customer":{"name":"Ann","id":"C1"}}`))
	if err != nil || string(a) != string(b) {
		t.Errorf("%s and %s, %v", a, b, err)
	}
}

func TestShapedRecordIsTooLarge(t *testing.T) {
	s, err := shape.New(feed.Shape{Operations: []feed.Operation{feed.Constant("a", strings.Repeat("x", 100))}}, shape.Config{MaxBytes: 100})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Shape(t.Context(), []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "the shaped record has 108 bytes, the limit is 100") {
		t.Errorf("error %v", err)
	}
}

// An end of the context is no fault of the record.
func TestCanceledContext(t *testing.T) {
	s := newShaper(t, feed.JQ(`[limit(100000; repeat(1))] | {n: length}`))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := s.Shape(ctx, []byte(`{}`))
	var failure *shape.Failure
	if !errors.Is(err, context.Canceled) || errors.As(err, &failure) {
		t.Errorf("error %v", err)
	}
}

func TestNewReportsErrors(t *testing.T) {
	for want, o := range map[string]feed.Operation{
		`operation 1 (jq): program ".a |": `:                                        feed.JQ(".a |"),
		`operation 1 (jq): program "nope": function not defined: nope/0`:            feed.JQ("nope"),
		`operation 1 (jq): program "{a: [1, (.b | now)]}": now is not allowed`:      feed.JQ("{a: [1, (.b | now)]}"),
		`operation 1 (jq): program "def f: now; f": now is not allowed`:             feed.JQ("def f: now; f"),
		`operation 1 (jq): program ".a = $ENV.HOME": $ENV is not allowed`:           feed.JQ(".a = $ENV.HOME"),
		`operation 1 (jq): program "{a: \"x\\(now)\"}": now is not allowed`:         feed.JQ(`{a: "x\(now)"}`),
		`operation 1 (hash): the key of hashes is empty: put one into the secret`:   feed.Hash("a"),
		`operation 1 (timestamp): zone "Mars"`:                                      feed.Timestamp("2006", "Mars", "a"),
		`operation 1 (rename): path "" has an empty key`:                            feed.Rename("a", ""),
		`operation 1 (drop): path "a\\b" has a backslash that is before neither a `: feed.Drop(`a\b`),
	} {
		if _, err := shape.New(feed.Shape{Operations: []feed.Operation{o}}, shape.Config{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error\n%v, want\n%s", err, want)
		}
	}
}

// A program that does not end is refused by the number of its steps, not by the time that
// they take, so that each try has the same result.
func TestProgramThatDoesNotEnd(t *testing.T) {
	s := newShaper(t, feed.JQ("def f: f; f"))
	_, _, err := s.Shape(t.Context(), []byte(`{"a":1}`))
	var failure *shape.Failure
	if !errors.As(err, &failure) || !strings.Contains(err.Error(), "more than 50000000 steps") {
		t.Errorf("error: %v", err)
	}
}
