package record

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/feed"
)

func TestDialects(t *testing.T) {
	for name, tests := range map[string]struct {
		format feed.Format
		cases  []splitCase
	}{
		"delimiter of several characters": {feed.Format{Delimiter: "||"}, []splitCase{
			{name: "empty", in: ""},
			{name: "rows", in: "a||b\n1|||2\n||\"x||\"\"y\n|\"\n|||\n", want: []string{`{"a":"1","b":"|2"}`, `{"a":"","b":"x||\"y\n|"}`, `{"a":"","b":"|"}`}},
			{name: "CR alone", in: "a||b\r1||2\r3||4", want: []string{`{"a":"1","b":"2"}`, `{"a":"3","b":"4"}`}},
			{name: "CRLF and a blank line", in: "a||b\r\n\r\n1||\r2\r\n", want: []string{`{"a":"1","b":"\r2"}`}},
			{name: "fields", in: "a||b\n1\n1||2||3\n", want: []string{`!too_few_fields @5 "1"`, `!too_many_fields @7 "1||2||3"`}},
			{name: "half of the delimiter at the end", in: "a||b\n1||2|", want: []string{`{"a":"1","b":"2|"}`}},
			{name: "text after a quote", in: "a||b\n\"1\"|2||3\n4||5\n", want: []string{`!invalid_quote @5 "\"1\"|2||3"`, `{"a":"4","b":"5"}`}, detail: `line 2, byte 8: found "|" after the quote`},
			{name: "open quote", in: "a||b\n1||\"2\n3||4\n", want: []string{`!truncated @5 "1||\"2\n3||4\n" rest`}, detail: "line 2, byte 8"},
			{name: "not UTF-8", in: "a||b\n\xE9||2\n3||\xC3", want: []string{`!invalid_utf8 @5 "\xe9||2"`, `!invalid_utf8 @10 "3||\xc3"`}},
			{name: "suspicious quotes", in: "a||b||c\n1||\"2||3\n4||5||6\n7||8\"||9\n", want: []string{`!suspicious_quote @8 "1||\"2||3\n4||5||6\n7||8\"||9"`}},
			{name: "another delimiter", in: "a|b\n1|2\n", want: []string{`!suspicious_header @0 "a|b\n1|2\n" rest`}},
			{name: "other fields than the header", in: "a||b\nx\ty\n", want: []string{`!too_few_fields @5 "x\ty"`}},
		}},
		"delimiter that is not ASCII": {feed.Format{Delimiter: "§"}, []splitCase{
			{name: "rows", in: "a§b\né§©\n§\n", want: []string{`{"a":"é","b":"©"}`, `{"a":"","b":""}`}},
		}},
		"escape character": {feed.Format{Delimiter: "|", Escape: `\`}, []splitCase{
			{name: "quotes", in: `a|b` + "\n" + `"x\"|y"|2` + "\n" + `1\|2|\"` + "\n", want: []string{`{"a":"x\"|y","b":"2"}`, `{"a":"1|2","b":"\""}`}},
			{name: "itself, a line break and others", in: "a|b\n\\\\|x\\\ny\n\\é\\n|\\\r\nz\n1|2\n", want: []string{`{"a":"\\","b":"x\ny"}`, `{"a":"én","b":"\r\nz"}`, `{"a":"1","b":"2"}`}},
			{name: "line breaks with delimiters", in: "a|b|c\n1\\|2\\\n3|4\\\n|5|6\n", want: []string{`!too_many_fields @6 "1\\|2\\\n3|4\\\n|5|6"`}},
			{name: "doubled quotes too", in: "a|b\n\"x\"\"\"|1\n", want: []string{`{"a":"x\"","b":"1"}`}},
			{name: "at the end", in: "a|b\n1|2\\", want: []string{`!truncated @4 "1|2\\" rest`}, detail: "line 2, byte 7: the entry ends after the escape character"},
			{name: "escaped CR at the end", in: "a|b\n1|\\\r", want: []string{`{"a":"1","b":"\r"}`}},
		}},
		"trimmed": {feed.Format{Delimiter: "|", Trim: true}, []splitCase{
			{name: "spaces", in: "id | name \t| amount\n1 |  Ann B |\t10\n \" x \" | \"y\"\t|\n", want: []string{`{"id":"1","name":"Ann B","amount":"10"}`, `{"id":" x ","name":"y","amount":""}`}},
			{name: "dashes", in: " id | name\n----+------\n 1 | --\n-- | --\n", want: []string{`{"id":"1","name":"--"}`, `{"id":"--","name":"--"}`}},
			{name: "dashes with delimiters", in: "id|name\n--|----\n1|-\n", want: []string{`{"id":"1","name":"-"}`}},
			{name: "no dashes", in: "id|name\n-|-\n", want: []string{`{"id":"-","name":"-"}`}},
			{name: "backslash and tab", in: "a|b\n\\\t|\t\\t \n", want: []string{`{"a":"\\","b":"\\t"}`}},
			{name: "text after a quote", in: "a|b\n\"1\" x|2\n", want: []string{`!invalid_quote @4 "\"1\" x|2"`}},
		}},
		"lines to skip": {feed.Format{Delimiter: "|", SkipLines: 2}, []splitCase{
			{name: "preamble", in: "Report of \"today\n\na|b\n1|2\n", want: []string{`{"a":"1","b":"2"}`}},
			{name: "CRLF", in: "\xEF\xBB\xBFReport\r\nof\r\na|b\r\n1\r\n", want: []string{`!too_few_fields @20 "1"`}, detail: "line 4, byte 20"},
			{name: "CR", in: "Report\rof\ra|b\r1|2\r", want: []string{`{"a":"1","b":"2"}`}},
			{name: "shorter", in: "Report\n"},
			{name: "only they", in: "Report\nof\n"},
		}},
		"comments": {feed.Format{Delimiter: "|", Comment: "#"}, []splitCase{
			{name: "lines", in: "# made by \"x\n#\r\na|b\n#1|2\n3|#4\n\"#5\"|\"\n#6\"\n#", want: []string{`{"a":"3","b":"#4"}`, `{"a":"#5","b":"\n#6"}`}},
			{name: "CR", in: "#x\ra|b\r#\r1|2", want: []string{`{"a":"1","b":"2"}`}},
			{name: "CR in a comment", in: "a|b\n#x\ry\n1|2", want: []string{`{"a":"1","b":"2"}`}},
			{name: "line numbers", in: "#\n#\na|b\n#\n1\n", want: []string{`!too_few_fields @10 "1"`}, detail: "line 5, byte 10"},
			{name: "one column", in: "#\na\n#\n\n1\n", want: []string{`{"a":""}`, `{"a":"1"}`}},
		}},
		"trailing delimiter": {feed.Format{Delimiter: "|", TrailingDelimiter: true}, []splitCase{
			{name: "everywhere", in: "a|b|\n1|2|\n3||\n", want: []string{`{"a":"1","b":"2"}`, `{"a":"3","b":""}`}},
			{name: "in the header", in: "a|b|\n1|2\n|\n", want: []string{`{"a":"1","b":"2"}`, `{"a":"","b":""}`}},
			{name: "in rows", in: "a|b\n1|2|\n1|2|3\n1|2||\n1|2|\"\"\n", want: []string{
				`{"a":"1","b":"2"}`, `!too_many_fields @9 "1|2|3"`, `!too_many_fields @15 "1|2||"`, `!too_many_fields @21 "1|2|\"\""`,
			}},
		}},
		"no header row": {feed.Format{Delimiter: "|", NoHeader: true, Columns: []string{"a", "b"}}, []splitCase{
			{name: "rows", in: "\n1|2\nx|\n", want: []string{`{"a":"1","b":"2"}`, `{"a":"x","b":""}`}},
			{name: "CR", in: "1|2\r3|4\r", want: []string{`{"a":"1","b":"2"}`, `{"a":"3","b":"4"}`}},
			{name: "byte order marks of appended files", in: "\xEF\xBB\xBF1|2\n\xEF\xBB\xBF3|4\n", want: []string{`{"a":"1","b":"2"}`, `{"a":"3","b":"4"}`}},
			{name: "a header row after all", in: "a|b\n1|2\n", want: []string{`{"a":"1","b":"2"}`}},
			{name: "binary", in: "PAR1\x00|\n1|2\n", want: []string{`!not_delimited_text @0 "PAR1\x00|\n1|2\n" rest`}},
			{name: "fields", in: "1\n1|2|3\n", want: []string{`!too_few_fields @0 "1"`, `!too_many_fields @2 "1|2|3"`}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			tests.format.Kind = feed.CSV
			runCases(t, tests.format, feed.Limits{}, tests.cases)
		})
	}
}

// Rows that are larger than the window end where they do in memory.
func TestDialectsTooLarge(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, tc := range map[string]struct {
		format feed.Format
		row    string
	}{
		"delimiter": {feed.Format{Delimiter: "||"}, "\"" + long + "\n\"||\"||\n\""},
		"escape":    {feed.Format{Delimiter: "|", Escape: `\`}, long + "\\\n|\"\\\"\n\""},
		"trim":      {feed.Format{Delimiter: "|", Trim: true}, long + "| \"\n\" "},
		"comment":   {feed.Format{Delimiter: "|", Comment: "#"}, "#" + long + "\n" + long + "|"},
		"no header": {feed.Format{Delimiter: "|", NoHeader: true, Columns: []string{"a", "b"}}, long + "|"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.format.Kind = feed.CSV
			in := "a" + tc.format.Delimiter + "b\n" + tc.row + "\n1" + tc.format.Delimiter + "2\n"
			c := &collected{}
			if _, err := split(strings.NewReader(in), tc.format, feed.Limits{MaxRecordBytes: 1024}, c, 64); err != nil {
				t.Fatal(err)
			}
			if got := c.lines(t); len(got) != 2 || !strings.HasPrefix(got[0], "!"+TooLarge) || got[1] != `{"a":"1","b":"2"}` {
				t.Errorf("got %q", got)
			}
		})
	}
}

// FuzzDialect compares the two readers of rows, and reads text with every option.
func FuzzDialect(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "a,\"b\"\n\"1,\"\"x\"\"\n\",2\r\n\n3\n", "a\n\"1\"x\n2\"3\n", "a,b\r1,2\r", "a\n\"1\n", "é,漢\n\xff,\t\\\x01\n", "0\r\r\n\"",
		"# c\n\n\\a,b,\n--,--\n\\\n, \"x\\\"\" ,\n", "a,b,c\n1,\"2,3\n4,5\",6\n", "a,b\n\"x\\\",\"y\n",
	} {
		f.Add([]byte(seed))
	}
	every := feed.Format{Kind: feed.CSV, Delimiter: ",,", Escape: `\`, Trim: true, TrailingDelimiter: true, SkipLines: 1, Comment: "#", NoHeader: true, Columns: []string{"a", "b"}}
	f.Fuzz(func(t *testing.T, in []byte) {
		splitVariants(t, every, in)
		if bytes.ContainsAny(in, "~") || bytes.HasPrefix(in, []byte("\xFF\xFE")) || bytes.HasPrefix(in, []byte("\xFE\xFF")) || bytes.Contains(bytes.ToLower(in), []byte("sep=")) {
			return
		}
		_, fast := splitVariants(t, feed.Format{Kind: feed.CSV, Delimiter: ","}, in)
		c, slow := splitVariants(t, feed.Format{Kind: feed.CSV, Delimiter: "~~"}, bytes.ReplaceAll(in, []byte(","), []byte("~~")))
		for i := range slow {
			slow[i] = strings.ReplaceAll(slow[i], "~~", ",")
		}
		reason := func(s string) string {
			if strings.HasPrefix(s, "!") {
				s, _, _ = strings.Cut(s, " ")
			}
			return s
		}
		if !slices.EqualFunc(fast, slow, func(x, y string) bool { return reason(x) == reason(y) }) {
			t.Fatalf("%q: %q, with another delimiter %q, %+v", in, fast, slow, c.rejected)
		}
	})
}
