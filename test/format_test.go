package test

import (
	"reflect"
	"strings"
	"testing"

	"example.com/ingestion/constructs"
	"example.com/ingestion/feed"
)

// The environment of the functions has the format as it was given, and an option of a
// format does not change the format that it was called on.
func TestFormats(t *testing.T) {
	json := constructs.JSON()
	for name, test := range map[string]struct {
		format constructs.Format
		want   feed.Format
	}{
		"JSON":              {json, feed.Format{Kind: feed.JSON}},
		"array at a path":   {json.At("result.items"), feed.Format{Kind: feed.JSON, Path: "result.items"}},
		"JSON in Latin-1":   {json.Latin1(), feed.Format{Kind: feed.JSON, Encoding: feed.Latin1}},
		"both":              {json.At("items").Latin1(), feed.Format{Kind: feed.JSON, Path: "items", Encoding: feed.Latin1}},
		"NDJSON in Latin-1": {constructs.NDJSON().Latin1(), feed.Format{Kind: feed.NDJSON, Encoding: feed.Latin1}},
		"CSV in Latin-1": {
			constructs.CSV(';', "id", "größe").Latin1(),
			feed.Format{Kind: feed.CSV, Delimiter: ";", Columns: []string{"id", "größe"}, Encoding: feed.Latin1},
		},
		"fixed width": {
			constructs.FixedWidth(constructs.FixedColumn{Name: "id", Width: 10}, constructs.FixedColumn{Name: "name", Width: 20}).SkipLines(1),
			feed.Format{Kind: feed.FixedWidth, Columns: []string{"id", "name"}, Widths: []int{10, 20}, SkipLines: 1},
		},
		"delimiter of two characters": {
			constructs.DelimitedBy("||", "id", "name").TrailingDelimiter().Trim(),
			feed.Format{Kind: feed.CSV, Delimiter: "||", Columns: []string{"id", "name"}, TrailingDelimiter: true, Trim: true},
		},
		"text without a header row, with comments and escapes": {
			constructs.CSV('|', "id", "name").NoHeader().SkipLines(2).Comments("#").Escape('\\'),
			feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"id", "name"}, NoHeader: true, SkipLines: 2, Comment: "#", Escape: `\`},
		},
		"JSON with NaN, in UTF-16": {
			json.NaNAsNull().Encoding("utf-16le"),
			feed.Format{Kind: feed.JSON, NaNAsNull: true, Encoding: "utf-16le"},
		},
		"Parquet":            {constructs.Parquet(), feed.Format{Kind: feed.Parquet}},
		"CSV without quotes": {constructs.CSV('|').NoQuotes(), feed.Format{Kind: feed.CSV, Delimiter: "|", Quotes: feed.NoQuotes}},
		"CSV with quotes":    {constructs.CSV('|').TrustQuotes(), feed.Format{Kind: feed.CSV, Delimiter: "|", Quotes: feed.TrustQuotes}},
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp(t)
			props := minimal("orders")
			props.Format = test.format
			p := newFeed(t, app, props)
			if !reflect.DeepEqual(p.Spec.Format, test.want) {
				t.Errorf("format %+v, want %+v", p.Spec.Format, test.want)
			}
			env, err := p.Spec.Env()
			if err != nil {
				t.Fatal(err)
			}
			functions := 0
			for _, f := range synth(t, app)["Feed-orders"].ofType("AWS::Lambda::Function") {
				environment, _ := f.Properties["Environment"].(map[string]any)
				variables, _ := environment["Variables"].(map[string]any)
				if got, ok := variables[feed.EnvSpec]; ok {
					functions++
					if got != env {
						t.Errorf("%s\nhas the spec\n%v\nwant\n%s", f.Properties["Description"], got, env)
					}
				}
			}
			if functions != 1 || strings.Contains(env, `"encoding"`) != (test.want.Encoding != "") || !strings.Contains(env, string(test.want.Encoding)) {
				t.Errorf("%d functions have the spec %s", functions, env)
			}
		})
	}
}
