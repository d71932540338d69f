package record

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/ingestion/feed"
)

func TestJSON(t *testing.T) {
	runCases(t, feed.Format{Kind: feed.JSON}, feed.Limits{MaxRecordBytes: 1 << 20}, []splitCase{
		{name: "empty", in: ""},
		{name: "whitespace and a mark", in: "\xEF\xBB\xBF \r\n\t"},
		{name: "empty array", in: " [ ] "},
		{name: "array", in: "[\n  {\"a\" : 1} ,\r\n  [ 2, \"x, ]\" ],\n null]\n", want: []string{`{"a":1}`, `[2,"x, ]"]`, `null`}},
		{name: "UTF-16", in: "\xFE\xFF\x00[\x00{\x00}\x00,\x20\x1C\x00]", want: []string{`{}`, `!invalid_json @10 "“"`}, detail: "byte 10: found byte 0xE2"},
		{name: "one document", in: "{\"a\":\n {\"b\": [1]}\n}", want: []string{`{"a":{"b":[1]}}`}},
		{name: "scalars", in: `1 2.50 "x"` + "\nnull true", want: []string{`1`, `2.50`, `"x"`, `null`, `true`}},
		{name: "documents without a space", in: `{"a":1}{"a":2}[3,4]{}`, want: []string{`{"a":1}`, `{"a":2}`, `3`, `4`, `{}`}},
		{name: "a line each", in: "{\"a\":1}\r\n\r\n{\"a\":2}\r\n", want: []string{`{"a":1}`, `{"a":2}`}},
		{
			name: "broken elements", in: `[1,{"a":x},{"a":1}},{"a" 1},[1 2],{"b":[1,2},2 3,"` + "\n" + `",,{"a":1,"a":2},9]`,
			detail: `byte 8: found "x" where a value was expected`,
			want: []string{
				`1`, `!invalid_json @3 "{\"a\":x}"`, `!invalid_json @11 "{\"a\":1}}"`, `!invalid_json @20 "{\"a\" 1}"`,
				`!invalid_json @28 "[1 2]"`, `!invalid_json @34 "{\"b\":[1,2}"`, `!invalid_json @45 "2 3"`, `!invalid_json @49 "\"\n\""`,
				`!invalid_json @53 ""`, `!duplicate_key @54 "{\"a\":1,\"a\":2}"`, `9`,
			},
		},
		{name: "comma at the end", in: `[1,]`, want: []string{`1`, `!invalid_json @3 ""`}, detail: `found "]" where a value was expected`},
		{
			name: "an open bracket takes the rest of the array with it", in: `[1,{"a":2,{"a":3}]{"a":4}`,
			want: []string{`1`, `!invalid_json @3 "{\"a\":2,{\"a\":3}"`, `{"a":4}`},
		},
		{
			name: "an open quote takes the rest of the entry with it", in: `[1,{"a":"2},{"a":3}]`, detail: "the start of the next record cannot be found",
			want: []string{`1`, `!invalid_json @3 "{\"a\":\"2},{\"a\":3}]" rest`},
		},
		{name: "cut in an element", in: `[1,{"a":`, want: []string{`1`, `!truncated @3 "{\"a\":" rest`}, detail: "byte 8: the entry ends before"},
		{name: "cut after an element", in: `[1,2`, want: []string{`1`, `!truncated @3 "2" rest`}},
		{name: "cut after a comma", in: "[1,\n", want: []string{`1`, `!truncated @4 "" rest`}},
		{name: "cut at once", in: `[`, want: []string{`!truncated @1 "" rest`}},
		{name: "text after an array", in: "[1] x\n{\"a\":2}", want: []string{`1`, `!invalid_json @4 "x"`, `{"a":2}`}},
		{
			name: "a broken line", in: "{\"a\":1}\n{\"a\":\n{\"a\":3}\n{\"a\" 4}\nx\n{\"a\":5}6\n{\"a\":7}\n", detail: "the line ends before",
			want: []string{`{"a":1}`, `!invalid_json @8 "{\"a\":"`, `{"a":3}`, `!invalid_json @22 "{\"a\" 4}\nx"`, `!invalid_json @32 "{\"a\":5}6"`, `{"a":7}`},
		},
		{
			name: "a broken line at the end", in: "{\"a\":1}\n{\"a\":x}\n", want: []string{`{"a":1}`, `!invalid_json @8 "{\"a\":x}"`},
		},
		{
			name: "the first line broken", in: "{\"a\":x}\n{\"a\":2}", want: []string{`!invalid_json @0 "{\"a\":x}"`, `{"a":2}`},
		},
		{
			name: "a broken document of several lines", in: "{\n\"a\":[\n{\"b\":1},\n{\"b\":x},\n{\"b\":3}\n]}\n{\"a\":2}",
			want: []string{`!invalid_json @0 "{\n\"a\":[\n{\"b\":1},\n{\"b\":x},\n{\"b\":3}\n]}"`, `{"a":2}`},
		},
		{
			name: "a broken document without an end", in: "{\n\"a\":[\n{\"b\":x]]\n}\n{\"a\":2}\n",
			want: []string{`!invalid_json @0 "{\n\"a\":[\n{\"b\":x]]\n}"`, `{"a":2}`},
		},
		{name: "cut document", in: "{\"a\":1}\n{\"a\":2", want: []string{`{"a":1}`, `!truncated @8 "{\"a\":2" rest`}},
		{name: "cut number", in: "-", want: []string{`!truncated @0 "-" rest`}},
		{name: "byte order marks of concatenated files", in: "{\"a\":1}\xEF\xBB\xBF{\"a\":2}\n\xEF\xBB\xBF [3]\xEF\xBB\xBF", want: []string{`{"a":1}`, `{"a":2}`, `3`}},
		{
			name: "arrays on lines", in: "[1]\n[2\n[3]\n[4,{\n[5", detail: `byte 7: found "[" where ',' or ']' was expected`,
			want: []string{`1`, `!invalid_json @5 "2"`, `3`, `4`, `!invalid_json @14 "{"`, `!truncated @17 "5" rest`},
		},
		{
			name: "arrays on several lines", in: "[\n1]\n[2\n[3]\n", detail: "the start of the next record cannot be found",
			want: []string{`1`, `!invalid_json @6 "2\n[3]\n" rest`},
		},
		{
			name: "UTF-16 without a byte order mark", in: "[\x00{\x00\"\x00a\x00\"\x00:\x001\x00}\x00]\x00", detail: "byte 0: every second byte is NUL: is this UTF-16 without a byte order mark?",
			want: []string{"!not_json @0 " + strconv.Quote("[\x00{\x00\"\x00a\x00\"\x00:\x001\x00}\x00]\x00") + " rest"},
		},
		{name: "another format", in: "\n<xml/>", want: []string{`!not_json @1 "<xml/>" rest`}, detail: `byte 1: found "<" where JSON should begin`},
		{name: "binary", in: "\x00\x01", want: []string{`!not_json @0 "\x00\x01" rest`}, detail: "found byte 0x00"},
		{name: "a word that begins like a value", in: "name,age\nann,5\n", want: []string{`!not_json @0 "name,age\nann,5\n" rest`}},
	})
}

func TestJSONPath(t *testing.T) {
	runCases(t, feed.Format{Kind: feed.JSON, Path: "result.items"}, feed.Limits{MaxRecordBytes: 1 << 20}, []splitCase{
		{name: "empty", in: ""},
		{
			name: "array", in: `{"meta":{"items":[0],"x":"}]\"{["},"result" : {"n":2, "items": [ {"a":1}, 2 ], "more":null}, "end":[[]]}`,
			want: []string{`{"a":1}`, `2`},
		},
		{name: "object", in: `{"result":{"items":{"a": 1}}}`, want: []string{`{"a":1}`}},
		{name: "null", in: `{"result":{"items":null}} {"result":{"items":[1]}}`, want: []string{`1`}},
		{name: "empty array", in: `{"result":{"items":[]}}`},
		{name: "escaped key", in: `{"r\u0065sult":{"items":[1]}}`, want: []string{`1`}},
		{name: "twice", in: `{"result":{"items":[1]},"result":{"items":[2],"items":3}}`, want: []string{`1`, `2`, `3`}},
		{name: "several documents", in: "{\"result\":{\"items\":[1]}}\n{\"result\":{\"items\":[2]}}", want: []string{`1`, `2`}},
		{
			name: "not in every document", in: "{\"error\":\"[\"}\n{\"result\":{\"items\":[2]}}", detail: `has no value at "result.items"`,
			want: []string{`!path_not_found @0 "{\"error\":\"[\"}"`, `2`},
		},
		{name: "not found", in: ` {"result":[]} `, want: []string{`!path_not_found @1 "{\"result\":[]}" rest`}},
		{name: "not an object", in: `[1]`, want: []string{`!path_not_found @0 "[1]" rest`}, detail: `found "[" where an object`},
		{name: "not JSON", in: `items`, want: []string{`!not_json @0 "items" rest`}},
		{name: "broken element", in: `{"result":{"items":[1,x,3]}}`, want: []string{`1`, `!invalid_json @22 "x"`, `3`}},
		{name: "broken before", in: `{"a":1 "result":{}}`, want: []string{`!invalid_json @0 "{\"a\":1 \"result\":{}}" rest`}, detail: `byte 7: found "\"" where ',' or '}'`},
		{name: "no value", in: `{"a":,"result":{}}`, want: []string{`!invalid_json @0 "{\"a\":,\"result\":{}}" rest`}, detail: `found "," where a value`},
		{name: "broken after", in: `{"result":{"items":[1]},x}`, want: []string{`1`, `!invalid_json @24 "x}" rest`}},
		{name: "cut before", in: `{"a":[1,`, want: []string{`!truncated @0 "{\"a\":[1," rest`}},
		{name: "cut in a key", in: `{"res`, want: []string{`!truncated @0 "{\"res" rest`}},
		{name: "no key", in: `{result:1}`, want: []string{`!invalid_json @0 "{result:1}" rest`}, detail: `byte 1: found "r" where a key`},
		{name: "broken key", in: `{"\x":1}`, want: []string{`!invalid_json @0 "{\"\\x\":1}" rest`}, detail: `byte 3: found "x"`},
		{name: "no colon", in: `{"result"}`, want: []string{`!invalid_json @0 "{\"result\"}" rest`}, detail: `':' after a key`},
		{name: "broken scalar", in: `{"a":1.,"result":{}}`, want: []string{`!invalid_json @0 "{\"a\":1.,\"result\":{}}" rest`}, detail: `byte 7: found "," where a digit`},
		{
			name: "documents on lines", in: "{\"result\":{\"items\":[1]}}\n{\"x\":tru,\"result\":{\"items\":[2]}}\n{\"result\":{\"items\":[3,4}]}\n{\"result\":{\"items\":[5]}}\n{\"a\" 1}\n{\"result\":{\"items\":[6]}}", detail: `where true was expected`,
			want: []string{
				`1`, `!invalid_json @25 "{\"x\":tru,\"result\":{\"items\":[2]}}"`, `3`, `!invalid_json @80 "4}"`,
				`!invalid_json @85 ""`, `5`, `!invalid_json @110 "{\"a\" 1}"`, `6`,
			},
		},
		{name: "empty object", in: `{}`, want: []string{`!path_not_found @0 "{}" rest`}},
		{name: "cut after", in: `{"result":{"items":[1]`, want: []string{`1`, `!truncated @22 "" rest`}},
	})
}

// TestLarge splits entries larger than the buffer, with records across its end.
func TestLarge(t *testing.T) {
	var want []string
	for i := range 40_000 {
		want = append(want, fmt.Sprintf(`{"id":%d,"text":"%s"}`, i, strings.Repeat("é", i%37)))
	}
	bad := slices.Clone(want)
	bad[30_000] = `{"id":30000,"text":}`
	for name, tc := range map[string]struct {
		format feed.Format
		in     string
	}{
		"lines":     {feed.Format{Kind: feed.NDJSON}, strings.Join(bad, "\n")},
		"array":     {feed.Format{Kind: feed.JSON}, "[" + strings.Join(bad, " ,\n ") + "]"},
		"documents": {feed.Format{Kind: feed.JSON}, strings.Join(bad, "\n")},
		"path":      {feed.Format{Kind: feed.JSON, Path: "a"}, `{"b":"` + strings.Repeat("x", 3<<20) + `","a":[` + strings.Join(bad, ",") + "]}"},
	} {
		t.Run(name, func(t *testing.T) {
			got := collect(t, strings.NewReader(tc.in), tc.format, feed.Limits{})
			if len(got.rejected) != 1 || got.rejected[0].Ordinal != 30_000 || string(got.rejected[0].Raw) != bad[30_000] {
				t.Fatalf("rejections: %+v", got.rejected)
			}
			if at := strings.Index(tc.in, bad[30_000]); got.rejected[0].Offset != int64(at) {
				t.Errorf("offset %d, want %d", got.rejected[0].Offset, at)
			}
			if !slices.Equal(got.records, slices.Delete(slices.Clone(want), 30_000, 30_001)) {
				t.Errorf("got %d records, not the %d that went in", len(got.records), len(want)-1)
			}
		})
	}
}

func TestJSONTooLarge(t *testing.T) {
	const limit = 1 << 10
	for _, size := range []int{limit + 1, 300 << 10, 5 << 20} {
		big := `{"a":["}]\",", ` + strings.Repeat("7,", (size-20)/2)
		big += strings.Repeat("1", size-len(big)-2) + "]}"
		fits := `"` + strings.Repeat("y", limit-2) + `"`
		for name, tc := range map[string]struct {
			path, before, after string
		}{
			"array":         {"", "[" + fits + ",", ", {} ]"},
			"path":          {"p", `{"p":[` + fits + ",", ",{}]}"},
			"several lines": {"", fits + "\n", "\n{}"},
			"first":         {"", "", "{}"},
		} {
			c := collect(t, strings.NewReader(tc.before+big+tc.after), feed.Format{Kind: feed.JSON, Path: tc.path}, feed.Limits{MaxRecordBytes: limit})
			if len(c.rejected) != 1 || c.records[len(c.records)-1] != "{}" {
				t.Fatalf("%s of %d bytes: got %d records, rejections %+v", name, size, len(c.records), c.rejected)
			}
			r := c.rejected[0]
			if r.Reason != TooLarge || r.Rest || r.Offset != int64(len(tc.before)) || r.RawCut != (size > MaxRaw) || !strings.Contains(r.Detail, strconv.Itoa(size)+" bytes") {
				t.Errorf("%s of %d bytes: got %s %q at %d, cut %t", name, size, r.Reason, r.Detail, r.Offset, r.RawCut)
			}
			if string(r.Raw) != big[:min(len(big), MaxRaw)] {
				t.Errorf("%s of %d bytes: raw has %d bytes, or others", name, size, len(r.Raw))
			}
		}
	}
}

func TestTooLargeAndTruncated(t *testing.T) {
	for _, in := range []string{"[1,{" + strings.Repeat(" ", 1<<20), "[1,\"" + strings.Repeat("x", 1<<20), "{}\n" + strings.Repeat("{", 1<<21)} {
		c := collect(t, strings.NewReader(in), feed.Format{Kind: feed.JSON}, feed.Limits{MaxRecordBytes: 1 << 10})
		if len(c.records) != 1 || len(c.rejected) != 1 {
			t.Errorf("%.10s: got %q, %d rejections", in, c.records, len(c.rejected))
		}
	}
	deep := `[1,["` + strings.Repeat("x", 1<<20) + `",` + strings.Repeat("[", maxOpen+1) + strings.Repeat("]", maxOpen+1) + "],2]"
	c := collect(t, strings.NewReader(deep), feed.Format{Kind: feed.JSON}, feed.Limits{MaxRecordBytes: 1 << 10})
	if len(c.rejected) != 1 || !c.rejected[0].Rest || c.rejected[0].Reason != TooLarge {
		t.Errorf("brackets beyond the bound: %+v", len(c.rejected))
	}
}

func TestNesting(t *testing.T) {
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	objects := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	in := "[" + strings.Join([]string{nest(maxNesting), nest(maxNesting + 1), objects(maxNesting), objects(maxNesting + 1), "1"}, ",") + "]"
	c := collect(t, strings.NewReader(in), feed.Format{Kind: feed.JSON}, feed.Limits{})
	if want := []string{nest(maxNesting), objects(maxNesting), "1"}; !slices.Equal(c.records, want) {
		t.Errorf("got %d records", len(c.records))
	}
	if len(c.rejected) != 2 || c.rejected[0].Reason != InvalidJSON || !strings.Contains(c.rejected[1].Detail, "more than 10000 levels") {
		t.Errorf("rejections: %d", len(c.rejected))
	}
}

// TestDuplicateKeys has the same key at two positions of objects of many sizes, in
// objects whose keys were read before and in others.
func TestDuplicateKeys(t *testing.T) {
	for _, n := range []int{2, 3, fewKeys - 1, fewKeys, fewKeys + 1, 100, maxShapePlace + 2, 3000} {
		for _, prefix := range []string{"k", "a key with a long beginning ", `\u006b`, strings.Repeat("x", 2*maxShapeKey)} {
			object := func(skip, double int) string {
				var b strings.Builder
				for i := range n {
					name := i
					if i == skip {
						name = double
					}
					fmt.Fprintf(&b, `,"%s%04d":{"n":%d}`, prefix, name, i)
				}
				return "{" + b.String()[1:] + "}\n"
			}
			good := object(-1, 0)
			in := object(n-1, 0) + good + object(n/2+1, n/2) + good + object(n-1, n-2)
			c := collect(t, strings.NewReader(in), feed.Format{Kind: feed.NDJSON}, feed.Limits{})
			if n == 2 {
				in = object(1, 0) + good
				c = collect(t, strings.NewReader(in+in), feed.Format{Kind: feed.NDJSON}, feed.Limits{})
				c.rejected = append(c.rejected, c.rejected[0])
			}
			if len(c.records) != 2 || len(c.rejected) != 3 {
				t.Errorf("%d keys %q: got %d records, %d rejections", n, prefix, len(c.records), len(c.rejected))
				continue
			}
			for _, r := range c.rejected {
				if r.Reason != DuplicateKey {
					t.Errorf("%d keys %q: got %s: %s", n, prefix, r.Reason, r.Detail)
				}
			}
			if at := strings.LastIndex(in[:strings.IndexByte(in, '\n')], `"`+prefix+"0000"); !strings.Contains(c.rejected[0].Detail, fmt.Sprintf("byte %d:", at)) {
				t.Errorf("%d keys %q: %q does not contain byte %d", n, prefix, c.rejected[0].Detail, at)
			}
		}
	}
}

// TestShapesRenew learns several times as many keys as the limit.
func TestShapesRenew(t *testing.T) {
	var in strings.Builder
	const n = 3 * (maxShapes + relearnAfter)
	for i := range n {
		fmt.Fprintf(&in, `{"id":1,"k%d":{"b":2},"id2":3}`+"\n", i)
	}
	in.WriteString(`{"id":1,"k":{"b":2,"b":3},"id2":3}` + "\n")
	c := collect(t, strings.NewReader(in.String()), feed.Format{Kind: feed.NDJSON}, feed.Limits{})
	if len(c.records) != n || len(c.rejected) != 1 || c.rejected[0].Reason != DuplicateKey {
		t.Errorf("got %d records of %d, rejections %+v", len(c.records), n, c.rejected)
	}
}

// TestLargeAtPath has keys and other members that are larger than the window.
func TestLargeAtPath(t *testing.T) {
	f := feed.Format{Kind: feed.JSON, Path: "a"}
	lim := feed.Limits{MaxRecordBytes: 1 << 10}
	long := `"` + strings.Repeat("\\\"x", 1<<20) + `"`
	if c := collect(t, strings.NewReader(`{"b":`+long+`,"a":[1]}`), f, lim); !slices.Equal(c.records, []string{"1"}) || len(c.rejected) > 0 {
		t.Errorf("long member: got %q, %d rejections", c.records, len(c.rejected))
	}
	if c := collect(t, strings.NewReader(`{`+long+`:1,"a":[1]}`), f, lim); len(c.records) > 0 || len(c.rejected) != 1 || c.rejected[0].Reason != TooLarge || !c.rejected[0].RawCut {
		t.Errorf("long key: got %q, %d rejections", c.records, len(c.rejected))
	}
	if c := collect(t, strings.NewReader(`{"b":`+strings.Repeat("[", maxOpen+1)), f, lim); len(c.rejected) != 1 || c.rejected[0].Reason != InvalidJSON {
		t.Errorf("deep member: got %q, %d rejections", c.records, len(c.rejected))
	}
}

func TestStrings(t *testing.T) {
	for in, want := range map[string]string{
		`"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00\uFFFF"`: "", `"\u12G4"`: InvalidJSON, `"\x"`: InvalidJSON, "\"\t\"": InvalidJSON, `"\ud83dx"`: InvalidUTF8,
		"\"\x7f\u0080\u07FF\u0800\uD7FF\uE000\uFFFF\U00010000\U0010FFFF\"": "",
		"\"\xC1\x81\"": InvalidUTF8, "\"\xE0\x9F\x80\"": InvalidUTF8, "\"\xED\xA0\x80\"": InvalidUTF8, "\"\xF0\x8F\x80\x80\"": InvalidUTF8,
		"\"\xF4\x90\x80\x80\"": InvalidUTF8, "\"\xF5\x80\x80\x80\"": InvalidUTF8, "\"\xE2\x82\"": InvalidUTF8, "\"\x80\"": InvalidUTF8,
	} {
		c := collect(t, strings.NewReader(in), feed.Format{Kind: feed.NDJSON}, feed.Limits{})
		got := ""
		if len(c.rejected) > 0 {
			got = c.rejected[0].Reason
		} else if !slices.Equal(c.records, []string{in}) {
			t.Errorf("%s came out as %q", in, c.records)
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	for escaped, plain := range map[string]string{`\"`: `"`, `\\`: `\`, `\/`: `/`, `\b`: "\b", `\f`: "\f", `\n`: "\n", `\r`: "\r", `\t`: "\t", `\ud83d\ude00`: "😀"} {
		if got := string(unescape(nil, []byte("a"+escaped+"z"))); got != "a"+plain+"z" {
			t.Errorf("%s is %q, want %q", escaped, got, plain)
		}
	}
}

// TestManyInvalidDocuments takes minutes if what follows each invalid document is
// read again.
func TestManyInvalidDocuments(t *testing.T) {
	const n = 30_000
	for _, first := range []string{"", "{}\n"} {
		for _, line := range []string{"{x\n", "{x}y\n", `{"a":"` + "\n", `{"a":` + "\n", `{"a":[` + "\n"} {
			c := collect(t, strings.NewReader(first+strings.Repeat(line, n)), feed.Format{Kind: feed.JSON}, feed.Limits{})
			if len(c.records) != len(first)/3 || len(c.rejected) == 0 {
				t.Errorf("%q: got %d records, %d rejections", first+line, len(c.records), len(c.rejected))
			}
			rejected := 0
			for _, r := range c.rejected {
				rejected += len(bytes.TrimSpace(r.Raw)) + 1
			}
			if want := n * len(line); rejected != want {
				t.Errorf("%q: the rejections have %d bytes of %d", first+line, rejected, want)
			}
		}
	}
}
