package sqltext_test

import (
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/internal/sqltext"
)

func TestTokens(t *testing.T) {
	tests := map[string]struct {
		sql  string
		want string // "<kind>:<value>", separated by spaces
	}{
		"keywords":       {`copy into Metadata$FileName`, "w:COPY w:INTO w:METADATA$FILENAME"},
		"name":           {`"a""b"."C"`, `q:a"b s:. q:C`},
		"constant":       {`'it''s' 'a\'b' 'c:\\d'`, `c:it's c:a'b c:c:\d`},
		"escapes":        {`'\x41\u0042\103\t\q'`, "c:ABC\tq"},
		"dollars":        {`$$a'b$$ $1:"k"::VARCHAR`, `c:a'b p:$1 s:: q:k s::: w:VARCHAR`},
		"numbers":        {`1 2.5 3e10 4.`, "n:1 n:2.5 n:3e10 n:4."},
		"comments":       {"a -- b ' c\nd /* e ' */ f // g", "w:A w:D w:F"},
		"stage":          {`@"DB"."S"."ST"/`, "s:@ q:DB s:. q:S s:. q:ST s:/"},
		"unicode":        {`größe "größe" 'größe'`, "w:GRÖßE q:größe c:größe"},
		"arrow":          {`F(A=>'x') <> b || c`, "w:F s:( w:A s:=> c:x s:) s:<> w:B s:|| w:C"},
		"line in string": {"'a\nb'", "c:a\nb"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tokens, err := sqltext.Tokens(test.sql)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, tok := range tokens {
				got = append(got, string("wqcnps"[tok.Kind])+":"+tok.Value)
				if test.sql[tok.Start:tok.Stop] != tok.Text {
					t.Errorf("%q is not at %d to %d", tok.Text, tok.Start, tok.Stop)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got  %q\nwant %q", strings.Join(got, " "), test.want)
			}
		})
	}
}

func TestTokensErrors(t *testing.T) {
	for sql, want := range map[string]string{
		"a 'b":      "line 1, column 3: the constant is not closed",
		"a\n \"b":   "line 2, column 2: the name is not closed",
		`a ""`:      "line 1, column 3: the name is empty",
		"/* a":      "line 1, column 1: the comment is not closed",
		"$$a":       "line 1, column 1: the constant that starts with $$ is not closed",
		"a \x00":    "line 1, column 3: NUL is not allowed",
		"'a\x00'":   "line 1, column 3: NUL is not allowed",
		"\"a\x00\"": "line 1, column 3: NUL is not allowed",
		`'a\`:       "line 1, column 1: the constant is not closed",
	} {
		if _, err := sqltext.Tokens(sql); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %q", sql, err, want)
		}
	}
}

func TestStatements(t *testing.T) {
	got, err := sqltext.Statements("-- a;\nUSE ROLE r; ;\nSELECT ';' -- ;\n;\nSELECT 2 ")
	if want := []string{"USE ROLE r", "SELECT ';'", "SELECT 2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

// For any input, tokens do not overlap and their text is what their offsets say.
func FuzzTokens(f *testing.F) {
	for _, seed := range []string{`COPY INTO "a""b" ('x''y\n', $1:k::V)`, "'\\", "$$a$$ /*b*/ --c\n", "1.5e-3", "ʼ'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		tokens, err := sqltext.Tokens(sql)
		if err != nil {
			return
		}
		end := 0
		for _, tok := range tokens {
			if tok.Start < end || tok.Stop <= tok.Start || sql[tok.Start:tok.Stop] != tok.Text {
				t.Fatalf("%q: token %+v after %d", sql, tok, end)
			}
			end = tok.Stop
		}
		if _, err := sqltext.Statements(sql); err != nil {
			t.Errorf("%q has tokens but no statements: %v", sql, err)
		}
	})
}
