package snowflake_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/sqltext"
	"example.com/ingestion/local/snowflake/sqlparser"
	"example.com/ingestion/snowflake"
)

// injections has names that would end a constant or an identifier if they were
// not quoted correctly.
var injections = []string{
	`'); DROP TABLE x; --`, `"; DROP TABLE x; --`, `a"b`, `"`, `""`, `'`, `''`, `\`, `\\`, `\'`, `a\`, `\"`,
	"a\nb", "-- a", "/* a", "*/", "$$", "größe", "日本語", "a b", "a.b", "%s", "SELECT", "ʼ", "\u202e", " ",
}

func TestQuotingRoundTrip(t *testing.T) {
	for _, name := range injections {
		roundTrip(t, name)
	}
}

func FuzzQuotes(f *testing.F) {
	for _, name := range injections {
		f.Add(name)
	}
	f.Fuzz(roundTrip)
}

// roundTrip checks that a quoted name and a constant are one token each with the
// original value, and that the text after them is parsed as usual.
func roundTrip(t *testing.T, s string) {
	if s == "" || strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
		t.Skip("rejected by Validate")
	}
	sql := "A " + snowflake.Identifier(s) + snowflake.Literal(s) + "." + snowflake.Qualified(s, s)
	tokens, err := sqltext.Tokens(sql)
	if err != nil {
		t.Fatalf("%q: %v", sql, err)
	}
	stored := snowflake.ObjectName{Object: s}.StoredName()
	kinds := []sqltext.Kind{sqltext.Word, sqltext.Quoted, sqltext.String, sqltext.Symbol, sqltext.Quoted, sqltext.Symbol, sqltext.Quoted}
	values := []string{"A", stored, s, ".", stored, ".", stored}
	if len(tokens) != len(kinds) {
		t.Fatalf("%q has %d tokens, want %d", sql, len(tokens), len(kinds))
	}
	for i, got := range tokens {
		if got.Kind != kinds[i] || got.Value != values[i] {
			t.Errorf("%q: token %d is %q of kind %d, want %q of kind %d", sql, i, got.Value, got.Kind, values[i], kinds[i])
		}
	}
}

func TestIdentifier(t *testing.T) {
	for name, want := range map[string]string{
		"orders":  `"ORDERS"`,
		"_a1$":    `"_A1$"`,
		"My Col":  `"My Col"`,
		"1a":      `"1a"`,
		"größe":   `"größe"`,
		`a"b`:     `"a""b"`,
		"a-b":     `"a-b"`,
		"ORDERS2": `"ORDERS2"`,
	} {
		if got := snowflake.Identifier(name); got != want {
			t.Errorf("Identifier(%q) = %s, want %s", name, got, want)
		}
	}
	if got, want := snowflake.Literal(`it's \ it`), `'it''s \\ it'`; got != want {
		t.Errorf("Literal = %s, want %s", got, want)
	}
}

// With such names everywhere, every statement of every mode still is one valid statement.
func TestQuotingInStatements(t *testing.T) {
	for _, name := range injections {
		for mode, spec := range modes() {
			spec.Database, spec.Schema, spec.Table, spec.View, spec.Integration = name, name, name, name+"2", name
			spec.Columns = []snowflake.Column{{Name: name + "3", Path: name}}
			if spec.Format.Kind == feed.CSV {
				spec.Format.Columns = []string{name}
			} else if strings.Contains(name, ".") {
				spec.Columns[0].Path = "a.b"
			}
			if len(spec.Key) > 0 {
				spec.Key = []string{strings.NewReplacer(`\`, `\\`, ".", `\.`).Replace(name)}
			}
			if spec.From == snowflake.FromFiles {
				spec.Suffixes = []string{name}
			}
			plan, err := spec.Plan(names())
			if err != nil {
				t.Fatalf("%q: %v", name, err)
			}
			for _, o := range plan.Objects() {
				for _, operation := range operations(o, plan) {
					for _, sql := range operation.statements {
						statements, err := sqltext.Statements(sql)
						if err != nil || len(statements) != 1 || sqlparser.Check(sql) != nil {
							t.Fatalf("%s: %d statements, %v, %v:\n%s", mode, len(statements), err, sqlparser.Check(sql), sql)
						}
					}
				}
			}
			if mode == "parts-continuous" {
				script, err := snowflake.Script(spec, names(), name, name)
				if err != nil {
					t.Fatal(err)
				}
				if statements, err := sqltext.Statements(script); err != nil || len(statements) != 18 {
					t.Errorf("%q: the script has %d statements, %v", name, len(statements), err)
				}
			}
		}
	}
}
