package batchwrite

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestAttributes(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"empty":        {`{}`, ``},
		"string":       {`{"a":"b"}`, `"a":{"S":"b"}`},
		"escapes":      {`{"a":"\"\\\u00e9\ud83d\ude00"}`, `"a":{"S":"\"\\\u00e9\ud83d\ude00"}`},
		"number":       {`{"a":-1.50e+3}`, `"a":{"N":"-1.50e+3"}`},
		"38 digits":    {`{"a":12345678901234567890123456789012345678}`, `"a":{"N":"12345678901234567890123456789012345678"}`},
		"many zeros":   {`{"a":1` + strings.Repeat("0", 100) + `}`, `"a":{"N":"1` + strings.Repeat("0", 100) + `"}`},
		"small":        {`{"a":1e-130}`, `"a":{"N":"1e-130"}`},
		"large":        {`{"a":9.9e125}`, `"a":{"N":"9.9e125"}`},
		"zero":         {`{"a":0e999}`, `"a":{"N":"0e999"}`},
		"literals":     {`{"a":true,"b":false,"c":null}`, `"a":{"BOOL":true},"b":{"BOOL":false},"c":{"NULL":true}`},
		"nested":       {`{"a":{"b":[1,{"c":"d"},[]],"e":{}}}`, `"a":{"M":{"b":{"L":[{"N":"1"},{"M":{"c":{"S":"d"}}},{"L":[]}]},"e":{"M":{}}}}`},
		"white space":  {" { \"a\" :\t[ 1 , 2 ]\r\n} ", `"a":{"L":[{"N":"1"},{"N":"2"}]}`},
		"empty string": {`{"a":""}`, `"a":{"S":""}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, _, err := Attributes(nil, []byte(test.in), 0)
			if err != nil || string(got) != test.want {
				t.Errorf("Attributes(%s) = %s, %v; want %s", test.in, got, err, test.want)
			}
		})
	}
}

func TestAttributesErrors(t *testing.T) {
	deep := func(n int) string {
		return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	tests := map[string]struct {
		in   string
		want error
	}{
		"33 levels":        {deep(33), ErrTooDeep},
		"39 digits":        {`{"a":123456789012345678901234567890123456789}`, ErrNumberRange},
		"too large":        {`{"a":1e126}`, ErrNumberRange},
		"too small":        {`{"a":1e-131}`, ErrNumberRange},
		"huge exponent":    {`{"a":1e99999999999999999999}`, ErrNumberRange},
		"over 400 KB":      {`{"a":"` + strings.Repeat("x", MaxItemBytes) + `"}`, ErrItemTooLarge},
		"not an object":    {`[1]`, ErrMalformed},
		"cut off":          {`{"a":"b`, ErrMalformed},
		"cut in an escape": {`{"a":"\u00`, ErrMalformed},
		"half of a pair":   {`{"a":"\ud800"}`, ErrMalformed},
		"leading zero":     {`{"a":01}`, ErrMalformed},
		"minus alone":      {`{"a":-}`, ErrMalformed},
		"no digit":         {`{"a":1.}`, ErrMalformed},
		"control":          {"{\"a\":\"\x01\"}", ErrMalformed},
		"trailing comma":   {`{"a":1,}`, ErrMalformed},
		"two documents":    {`{"a":1}{"a":1}`, ErrMalformed},
		"bad literal":      {`{"a":tru}`, ErrMalformed},
		"empty":            {``, ErrMalformed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, _, err := Attributes(nil, []byte(test.in), 0); !errors.Is(err, test.want) {
				t.Errorf("Attributes(%.60s) = %v, want %v", test.in, err, test.want)
			}
		})
	}
	if _, _, err := Attributes(nil, []byte(deep(MaxNesting)), 0); err != nil {
		t.Errorf("%d levels: %v", MaxNesting, err)
	}
}

// The sizes are by the rules of "DynamoDB item sizes and formats": names and
// strings in UTF-8, numbers about a byte for two digits and one more, a list or
// map 3 bytes and one for each element.
func TestAttributesSize(t *testing.T) {
	tests := map[string]int{
		`{"a":"b"}`:                 2,
		`{"é":"\u00e9\n"}`:          5,
		`{"a":"\ud83d\ude00"}`:      5,
		`{"a":1234}`:                4,
		`{"a":true,"b":null}`:       4,
		`{"a":[1,"x"]}`:             1 + 3 + (1 + 2) + (1 + 1),
		`{"a":{"b":"c","d":false}}`: 1 + 3 + (1 + 2) + (1 + 2),
	}
	for in, want := range tests {
		if _, got, err := Attributes(nil, []byte(in), 0); err != nil || got != want {
			t.Errorf("size of %s is %d, %v; want %d", in, got, err, want)
		}
	}
}

// decodeValue converts an attribute value back to the JSON value.
func decodeValue(v any) any {
	m := v.(map[string]any)
	for kind, inner := range m {
		switch kind {
		case "N":
			return json.Number(inner.(string))
		case "NULL":
			return nil
		case "L":
			list := []any{}
			for _, e := range inner.([]any) {
				list = append(list, decodeValue(e))
			}
			return list
		case "M":
			return decodeAttributes(inner.(map[string]any))
		}
		return inner
	}
	return nil
}

func decodeAttributes(m map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range m {
		out[name] = decodeValue(v)
	}
	return out
}

func decode(t *testing.T, b []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return v
}

// FuzzAttributes compares the transcoder with encoding/json: what it accepts is
// valid JSON and equal to the input when it is converted back; what it reports as
// malformed is invalid, or contains half of a surrogate pair.
func FuzzAttributes(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":"b","c":[1,-0,1.5e-7,true,null,{"d":{}}]}`, `{"a":"\ud83d\ude00\u0000"}`, `{"a":"\ud800"}`,
		` {"a" : [ ] } `, `{"a":1e126}`, `{"a":01}`, `{"é":"ü"}`, `{"a":[[[[[[]]]]]]}`, `{"a":"` + "\xff" + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, _, err := Attributes(nil, in, 0)
		valid := json.Valid(in) && bytes.HasPrefix(bytes.TrimLeft(in, " \t\r\n"), []byte("{"))
		switch {
		case err == nil && !valid:
			t.Fatalf("accepted invalid %q as %s", in, got)
		case errors.Is(err, ErrMalformed):
			if valid && !bytes.Contains(bytes.ToLower(in), []byte(`\ud`)) {
				t.Fatalf("rejected valid %q: %v", in, err)
			}
		case err == nil:
			wire := append(append([]byte{'{'}, got...), '}')
			if back, want := decodeAttributes(decode(t, wire)), decode(t, in); !reflect.DeepEqual(back, want) {
				t.Fatalf("%q became %s, which means %v", in, wire, back)
			}
		}
	})
}

func BenchmarkAttributes(b *testing.B) {
	line := []byte(`{"id":"0123456789abcdef0123456789/0000000/000000000001","feed":"orders","source":"s3://bucket/key","version":"v","entry":"","ordinal":1,"data":{"name":"Grüße","price":12.50,"tags":["a","b","c"],"nested":{"deep":{"x":1,"y":[1,2,3]}},"text":"` + strings.Repeat("lorem ipsum ", 25) + `"}}`)
	b.SetBytes(int64(len(line)))
	var dst []byte
	for b.Loop() {
		var err error
		if dst, _, err = Attributes(dst[:0], line, 0); err != nil {
			b.Fatal(err)
		}
	}
}
