package export

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"example.com/ingestion/internal/aws/batchwrite"
)

func plain(value string) (string, error) {
	d := decoder{src: []byte(value)}
	err := d.value()
	return string(d.dst), err
}

func TestValue(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"string":        {`{"S":"b"}`, `"b"`},
		"escapes":       {`{"S":"\"\\\u00e9\n\\"}`, `"\"\\\u00e9\n\\"`},
		"only quotes":   {`{"S":"\"\""}`, `"\"\""`},
		"number":        {`{"N":"-1.50"}`, `-1.50`},
		"38 digits":     {`{"N":"12345678901234567890.123456789012345678"}`, `12345678901234567890.123456789012345678`},
		"exponent":      {`{"N":"1E-130"}`, `1E-130`},
		"literals":      {`{"L":[{"BOOL":true},{"BOOL":false},{"NULL":true}]}`, `[true,false,null]`},
		"nested":        {`{"M":{"b":{"L":[{"N":"1"},{"M":{"c":{"S":"d"}}},{"L":[]}]},"e":{"M":{}}}}`, `{"b":[1,{"c":"d"},[]],"e":{}}`},
		"binary":        {`{"B":"AAEC/w=="}`, `"AAEC/w=="`},
		"string set":    {`{"SS":["a","b,]}"]}`, `["a","b,]}"]`},
		"number set":    {`{"NS":["1","2.50"]}`, `[1,2.50]`},
		"binary set":    {`{"BS":["AA==","/w=="]}`, `["AA==","/w=="]`},
		"white space":   {" {\n\"M\" : { \"a\" : { \"SS\" : [ \"x\" ,\r\n\t\"y\" ] } , \"b\" : { \"NULL\" : true } } } ", `{"a":["x","y"],"b":null}`},
		"name as value": {`{"M":{"S":{"S":"S"},"N\"":{"N":"0"}}}`, `{"S":"S","N\"":0}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := plain(test.in); err != nil || got != test.want {
				t.Errorf("%s is %s, %v; want %s", test.in, got, err, test.want)
			}
		})
	}
}

func TestInvalidValue(t *testing.T) {
	for _, in := range []string{
		``, `"a"`, `{}`, `{"S":1}`, `{"X":"a"}`, `{"S":"a","N":"1"}`, `{"S":"a"`, `{"S":"a\"}`, `{"S"`, `{"S":`,
		`{"N":1}`, `{"N":""}`, `{"N":"NaN"}`, `{"N":"1 "}`, `{"N":" 1"}`, `{"N":"01"}`, `{"N":"1,2"}`, `{"N":"+1"}`, `{"N":".5"}`, `{"N":"true"}`,
		`{"BOOL":null}`, `{"BOOL":"true"}`, `{"NULL":false}`, `{"L":{}}`, `{"L":[{"S":"a"}`, `{"L":[{"S":"a"}{"S":"b"}]}`, `{"L":[{"S":"a"},]}`,
		`{"M":[]}`, `{"M":{"a":1}}`, `{"M":{"a":{"S":"b"}`, `{"SS":[1]}`, `{"SS":"a"}`, `{"NS":["x"]}`, `{"s":"a"}`,
	} {
		if got, err := plain(in); !errors.Is(err, errImage) {
			t.Errorf("%s is %s, %v", in, got, err)
		}
	}
}

// FuzzRoundTrip compares the decoder with its inverse, which load uses: after both, a
// record has the same bytes.
func FuzzRoundTrip(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":"b","c":[1,-0,1.5e-7,true,null,{"d":{}}]}`, `{"a":"\ud83d\ude00\u0000\\\""}`, ` {"a" : [ ] } `,
		`"\\"`, `12345678901234567890`, `[[[]]]`, `{"é":"ü\/","":""}`, `{"":"\\\""}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		wire, _, err := batchwrite.Value(nil, in, 0)
		if err != nil {
			return // it is never in the table
		}
		var want bytes.Buffer
		if err := json.Compact(&want, in); err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if got, err := plain(string(wire)); err != nil || got != want.String() {
			t.Errorf("%s became %s and that %s, %v", in, wire, got, err)
		}
	})
}

// FuzzValue compares the decoder with that of aws-lambda-go: for any valid JSON it does
// not panic, and what it accepts becomes one line of valid JSON with the same value.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{
		`{"S":"a\"\\"}`, `{"N":"1.50"}`, `{"B":"AAEC"}`, `{"BOOL":false}`, `{"NULL":true}`, `{"SS":["a","b"]}`, `{"NS":["1","-2E+3"]}`,
		`{"BS":["AA=="]}`, `{"L":[{"M":{"a":{"S":"b"}}},{"L":[]}]}`, `{"M":{}}`, " {\"M\" :\n{ \"a\": {\"N\" : \"0\" } } }", `{"N":"1e"}`, `{"S":"a","S":"b"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if !json.Valid(in) {
			return // encoding/json refuses the event before it comes here
		}
		got, err := plain(string(in))
		if err != nil {
			if !errors.Is(err, errImage) {
				t.Errorf("%s: %v", in, err)
			}
			return
		}
		if strings.ContainsAny(got, "\n\r") {
			t.Errorf("%s became more than a line: %s", in, got)
		}
		if !json.Valid([]byte(got)) {
			t.Fatalf("%s became %s", in, got)
		}
		if bytes.Contains(in, []byte(`"B"`)) || bytes.Contains(in, []byte(`"BS"`)) {
			return // the oracle decodes base64, which has several forms of one value
		}
		var v events.DynamoDBAttributeValue
		if err := json.Unmarshal(in, &v); err != nil {
			t.Fatalf("%s: the oracle says %v", in, err)
		}
		if want := generic(v); !reflect.DeepEqual(decode(t, []byte(got)), want) {
			t.Errorf("%s became %s, the oracle has %v", in, got, want)
		}
	})
}

func decode(t *testing.T, b []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return v
}

// generic converts a value of aws-lambda-go to what encoding/json would decode.
func generic(v events.DynamoDBAttributeValue) any {
	switch v.DataType() {
	case events.DataTypeString:
		return v.String()
	case events.DataTypeNumber:
		return json.Number(v.Number())
	case events.DataTypeBoolean:
		return v.Boolean()
	case events.DataTypeBinary:
		return base64.StdEncoding.EncodeToString(v.Binary())
	case events.DataTypeStringSet:
		return list(v.StringSet(), func(s string) any { return s })
	case events.DataTypeNumberSet:
		return list(v.NumberSet(), func(s string) any { return json.Number(s) })
	case events.DataTypeBinarySet:
		return list(v.BinarySet(), func(b []byte) any { return base64.StdEncoding.EncodeToString(b) })
	case events.DataTypeList:
		return list(v.List(), generic)
	case events.DataTypeMap:
		m := map[string]any{}
		for name, e := range v.Map() {
			m[name] = generic(e)
		}
		return m
	}
	return nil
}

func list[T any](in []T, convert func(T) any) []any {
	out := []any{}
	for _, e := range in {
		out = append(out, convert(e))
	}
	return out
}
