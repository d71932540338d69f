package records_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/records"
)

func TestFilter(t *testing.T) {
	tb := newTable(t)
	tb.add("orders", "in/a.json", 1, 1, m(
		"status", s("open"), "amount", n("99.50"), "code", s("007"), "paid", &types.AttributeValueMemberBOOL{Value: true},
		"nothing", &types.AttributeValueMemberNULL{Value: true}, "tags", &types.AttributeValueMemberL{Value: []types.AttributeValue{s("new"), s("b=c")}},
		"a.b", n("1"), "day", s("2026-03-01"), "big", n("12345678901234567890123456789012345678"), "in", m("x", n("1")),
	))
	for expression, want := range map[string]bool{
		`.data.status == "open"`:                              true,
		`.data.status != "open"`:                              false,
		`.data.status == "Open"`:                              false,
		`.data.status | test("^o.en$")`:                       true,
		`.data.status | test("O")`:                            false,
		`.data.status | test("O"; "i")`:                       true,
		`.data.amount == 99.5`:                                true,
		`.data.amount > 99.49`:                                true,
		`.data.amount < 99.5`:                                 false,
		`.data.amount <= 9.95e1`:                              true,
		`.data.amount >= 100`:                                 false,
		`.data.code == "007"`:                                 true,
		`.data.code == 7`:                                     false,
		`(.data.code | tonumber) == 7`:                        true,
		`.data.paid`:                                          true,
		`.data.paid | not`:                                    false,
		`.data.nothing == null`:                               true,
		`.data.nothing`:                                       false,
		`.data | has("nothing")`:                              true,
		`.data | has("none")`:                                 false,
		`.data.none != 1`:                                     true,
		`.data.none | test(".")?`:                             false,
		`.data.tags[0] == "new"`:                              true,
		`.data.tags | index("b=c")`:                           true,
		`any(.data.tags[]; . == "old")`:                       false,
		`.data.in.x == 1`:                                     true,
		`.data.in.x.y? == 1`:                                  false,
		`.data."a.b" == 1`:                                    true,
		`.data["a.b"] == 1`:                                   true,
		`.data.day > "2026-02-28"`:                            true,
		`.data.big == 12345678901234567890123456789012345678`: true,
		`.data.big < 12345678901234567890123456789012345679`:  true,
		`.data.big < 12345678901234567890123456789012345678`:  false,
		`.ordinal < 1`:                                        true,
		`.ordinal == 1`:                                       false,
		`.source | endswith("a.json")`:                        true,
		`.feed == "orders" and .version == "e"`:               true,
		`.entry == ""`:                                        true,
		`.id | test("^[0-9a-v]{26}/")`:                        true,
		`.upload | test("^[0-9a-v]{26}$")`:                    true,
		`select(.data.amount > 1)`:                            true,
		`select(.data.amount > 100)`:                          false,
		`.data | .amount > 1`:                                 true,
		`(.data.status == "open") and (.ordinal == 0)`:        true,
		`empty`: false,
	} {
		filter, err := records.ParseFilter(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		got := len(lines(t, tb.feed("orders"), records.Query{Filters: []*records.Filter{filter}})) == 1
		if got != want || filter.String() != expression {
			t.Errorf("%s: %v", expression, got)
		}
	}
	var both []*records.Filter
	for _, expression := range []string{`.data.status == "open"`, `.data.amount > 100`} {
		filter, err := records.ParseFilter(expression)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, filter)
	}
	if got := lines(t, tb.feed("orders"), records.Query{Filters: both}); len(got) != 0 {
		t.Errorf("a record passes that matches one filter of two: %s", got)
	}
}

// A record for which an expression fails is reported, not left out.
func TestFilterFails(t *testing.T) {
	tb := newTable(t)
	tb.add("orders", "k", 1, 1, m("amount", n("1")))
	filter, err := records.ParseFilter(`.data.amount | test("x")`)
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range tb.feed("orders").Read(t.Context(), records.Query{Filters: []*records.Filter{filter}}) {
		if err == nil || !strings.HasPrefix(err.Error(), `filter ".data.amount | test(\"x\")": record `+r.ID+": ") {
			t.Errorf("record %s, error %v", r.ID, err)
		}
	}
	if _, err := filter.Match(t.Context(), records.Record{ID: "i", Data: []byte("{")}); err == nil || !strings.HasPrefix(err.Error(), "record i: data: ") {
		t.Errorf("error %v", err)
	}
}

func TestParseFilterReportsErrors(t *testing.T) {
	for expression, want := range map[string]string{
		"":                        "missing query",
		".data.amount >=":         "unexpected EOF",
		".amount == 1":            `a record has no field "amount", only id, upload, feed, source, version, entry, ordinal, data: is .data.amount meant?`,
		".ordinal > 1 and .x":     `no field "x"`,
		"(.x) | not":              `no field "x"`,
		".data.a == 1 and (.b)":   `no field "b"`,
		".data | unknown":         "function not defined: unknown/0",
		`input == 1`:              "input",
		`.data == "open`:          "unterminated",
		`$variable`:               "variable not defined: $variable",
		`.data.status = "open" |`: "unexpected EOF",
	} {
		if _, err := records.ParseFilter(expression); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "filter ") {
			t.Errorf("%q: %v, want %q", expression, err, want)
		}
	}
}

func TestCSV(t *testing.T) {
	tb := newTable(t)
	tb.add("orders", "k", 1, 1,
		m("b", n("1.50"), "a", s(`x, "y"`)),
		m("b", &types.AttributeValueMemberNULL{Value: true}, "c", m("d", n("1"))),
		s("no object"),
	)
	write := func(columns ...string) string {
		t.Helper()
		var out bytes.Buffer
		w, err := records.NewCSV(&out, columns...)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range tb.feed("orders").Read(t.Context(), records.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			r.ID = "id"
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	const all = `id,source,entry,ordinal,data.a,data.b,data
id,s3://b/k,,0,"x, ""y""",1.50,
id,s3://b/k,,1,,,"{""c"":{""d"":1}}"
id,s3://b/k,,2,,,"""no object"""
`
	if got := write(); got != all {
		t.Errorf("got\n%s", got)
	}
	const some = `ordinal,data.c.d,.data.c,data
0,,,"{""a"":""x, \""y\"""",""b"":1.50}"
1,1,"{""d"":1}","{""b"":null,""c"":{""d"":1}}"
2,,,no object
`
	if got := write("ordinal", "data.c.d", ".data.c", "data"); got != some {
		t.Errorf("got\n%s", got)
	}
	const computed = "data.b,data.a | ascii_upcase\n1.50,\"X, \"\"Y\"\"\"\n,\n,\n"
	if got := write("data.b", "data.a | ascii_upcase"); got != computed {
		t.Errorf("got\n%s", got)
	}
	if _, err := records.NewCSV(nil, "data.a=", "x"); err == nil || !strings.Contains(err.Error(), `column "data.a=": unexpected EOF`) || !strings.Contains(err.Error(), `column "x": a record has no field "x"`) {
		t.Errorf("error %v", err)
	}
	var out bytes.Buffer
	for _, columns := range [][]string{nil, {"id"}} {
		w, err := records.NewCSV(&out, columns...)
		if err != nil || w.Flush() != nil {
			t.Fatal(err)
		}
	}
	if out.String() != "id\n" {
		t.Errorf("without records: %q", out.String())
	}
}
