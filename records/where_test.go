package records_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/records"
)

func TestWhere(t *testing.T) {
	tb := newTable(t)
	tb.add("orders", "in/a.json", 1, 1, m(
		"status", s("open"), "amount", n("99.50"), "code", s("007"), "paid", &types.AttributeValueMemberBOOL{Value: true},
		"gone", &types.AttributeValueMemberNULL{Value: true}, "tags", &types.AttributeValueMemberL{Value: []types.AttributeValue{s("new"), s("b=c")}},
		"a.b", n("1"), "day", s("2026-03-01"), "big", n("12345678901234567890123456789012345678"), "in", m("x", n("1")),
	))
	for term, want := range map[string]bool{
		"data.status=open":    true,
		"data.status!=open":   false,
		"data.status=Open":    false,
		"data.status~^o.en$":  true,
		"data.status~O":       false,
		"data.amount=99.5":    true,
		"data.amount>99.49":   true,
		"data.amount<99.5":    false,
		"data.amount<=9.95e1": true,
		"data.amount>=100":    false,
		"data.amount>abc":     false,
		"data.amount~^99":     true,
		"data.code=007":       true,
		"data.code=7":         false,
		"data.code>=7":        true,
		"data.code<10":        true,
		"data.paid=true":      true,
		"data.paid!=true":     false,
		"data.gone=null":      true,
		"data.none=null":      false,
		"data.none!=1":        true,
		"data.none~.":         false,
		"data.tags.0=new":     true,
		"data.tags.1=b=c":     true,
		"data.tags.2=x":       false,
		"data.tags.x=x":       false,
		"data.tags=new":       false,
		"data.tags!=new":      true,
		"data.in.x=1":         true,
		"data.in.x.y=1":       false,
		`data."a.b"=1`:        true,
		"data.day>2026-02-28": true,
		"data.day<2026-02-28": false,
		"data.big=12345678901234567890123456789012345678":      true,
		"data.big<12345678901234567890123456789012345679":      true,
		"data.big>=1.2345678901234567890123456789012345678e37": true,
		"data.amount<1e999999999":                              false, // no number of the table: a word
		"ordinal<1":                                            true,
		"ordinal=1":                                            false,
		`source~a\.json$`:                                      true,
		"feed=orders":                                          true,
		"version=e":                                            true,
		"entry=":                                               true,
		"id~^[0-9a-v]{26}/":                                    true,
		"upload~^[0-9a-v]{26}$":                                true,
	} {
		parsed, err := records.ParseTerm(term)
		if err != nil {
			t.Errorf("%s: %v", term, err)
			continue
		}
		if got := len(lines(t, tb.feed("orders"), records.Query{Where: []records.Term{parsed}})) == 1; got != want || parsed.String() != term {
			t.Errorf("%s: %v", term, got)
		}
	}
	var both []records.Term
	for _, term := range []string{"data.status=open", "data.amount>100"} {
		parsed, err := records.ParseTerm(term)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, parsed)
	}
	if got := lines(t, tb.feed("orders"), records.Query{Where: both}); len(got) != 0 {
		t.Errorf("terms are joined by or: %s", got)
	}
}

func TestWrongTerms(t *testing.T) {
	for term, want := range map[string]string{
		"":             "a name is missing",
		"data.amount":  `no operator after "data.amount"`,
		"amount=1":     "is data.amount meant?",
		"source.x=1":   "source has nothing below it",
		"data.=1":      `a name is missing before "=1"`,
		`data."a=1`:    "quotes that do not end",
		"data.a~[":     "missing closing ]",
		"data.a b":     "no operator",
		`data."a"b=1`:  "no operator",
		"=1":           "a name is missing",
		"data.x ~~":    "",
		"ordinal.0=1":  "ordinal has nothing below it",
		"data..x=1":    "a name is missing",
		`data."\q"=1`:  "quotes that do not end",
		"datum.x.y>=2": "is data.datum.x.y meant?",
	} {
		_, err := records.ParseTerm(term)
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", term, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "term ") {
			t.Errorf("%q: %v, want %q", term, err, want)
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
	const some = `ordinal,data.c.d,data.c,data
0,,,"{""a"":""x, \""y\"""",""b"":1.50}"
1,1,"{""d"":1}","{""b"":null,""c"":{""d"":1}}"
2,,,no object
`
	if got := write("ordinal", "data.c.d", "data.c", "data"); got != some {
		t.Errorf("got\n%s", got)
	}
	if _, err := records.NewCSV(nil, "data.a=1", "x"); err == nil || !strings.Contains(err.Error(), `column "data.a=1"`) || !strings.Contains(err.Error(), `column "x"`) {
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
