package record

import (
	"strings"
	"testing"

	"example.com/ingestion/feed"
)

var fixedFormat = feed.Format{Kind: feed.FixedWidth, Columns: []string{"id", "name", "amount"}, Widths: []int{3, 5, 4}}

func TestFixedWidth(t *testing.T) {
	want := []string{`{"id":"1","name":"Ann","amount":"10"}`, `{"id":"234","name":"Béa\"\\","amount":"2.50"}`}
	skipped := fixedFormat
	skipped.SkipLines, skipped.Comment = 1, "*"
	latin1 := fixedFormat
	latin1.Encoding = feed.Latin1
	for name, tests := range map[string]struct {
		format feed.Format
		cases  []splitCase
	}{
		"lines": {fixedFormat, []splitCase{
			{name: "empty", in: ""},
			{name: "lines", in: "  1Ann    10\n234Béa\"\\2.50\n", want: want},
			{name: "CRLF, an empty line and no last line break", in: "  1Ann    10\r\n\r\n234Béa\"\\2.50", want: want},
			{name: "spaces at the end", in: "  1Ann  10  \n1  Ann  10\n  1Ann    10   \n", want: []string{want[0], want[0], want[0]}},
			{name: "byte order marks of appended files", in: "\xEF\xBB\xBF  1Ann    10\n\xEF\xBB\xBF234Béa\"\\2.50\n", want: want},
			{name: "tab and empty values", in: "   \tx      1\n            \n", want: []string{`{"id":"","name":"\tx","amount":"1"}`, `{"id":"","name":"","amount":""}`}},
			{name: "short and long", in: "  1An\n  1Ann  \n  1Ann    10x\n  1Ann    10\n", want: []string{
				`!too_few_fields @0 "  1An"`, `!too_few_fields @6 "  1Ann"`, `!too_many_fields @15 "  1Ann    10x"`, want[0],
			}, detail: "line 1, byte 0: the line ends in column 2 of 3"},
			{name: "not UTF-8", in: "  1\xE9nn    10\n  1Ann    10\n", want: []string{`!invalid_utf8 @0 "  1\xe9nn    10"`, want[0]}, detail: "line 1, byte 3"},
			{name: "binary", in: "\n1\x00\n  1Ann    10\n", want: []string{`!not_delimited_text @1 "1\x00\n  1Ann    10\n" rest`}},
		}},
		"lines that are not read": {skipped, []splitCase{
			{name: "lines", in: "ID NAME AMT\n* total\n  1Ann    10\n", want: want[:1]},
			{name: "only they", in: "ID"},
		}},
		"Latin-1": {latin1, []splitCase{{name: "characters", in: "234B\xE9a\"\\2.50\n", want: want[1:]}}},
	} {
		t.Run(name, func(t *testing.T) { runCases(t, tests.format, feed.Limits{}, tests.cases) })
	}
}

func TestFixedWidthTooLarge(t *testing.T) {
	format := feed.Format{Kind: feed.FixedWidth, Columns: []string{"a"}, Widths: []int{2000}}
	for name, line := range map[string]string{
		"line": strings.Repeat("x", 2000), "escapes": strings.Repeat("\x01", 500), "larger than the window": strings.Repeat(" ", 5000) + "1",
	} {
		c := &collected{}
		if _, err := split(strings.NewReader("1\n"+line+"\n2\n"), format, feed.Limits{MaxRecordBytes: 1024}, c, 64); err != nil {
			t.Fatal(err)
		}
		if got := c.lines(t); len(got) != 3 || got[0] != `{"a":"1"}` || !strings.HasPrefix(got[1], "!"+TooLarge) || got[2] != `{"a":"2"}` {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestFixedWidthWithoutWidths(t *testing.T) {
	if _, err := Split(strings.NewReader("1"), feed.Format{Kind: feed.FixedWidth, Columns: []string{"a"}}, feed.Limits{}, &collected{}); err == nil {
		t.Error("no error")
	}
}

func FuzzFixedWidth(f *testing.F) {
	for _, seed := range []string{"  1Ann    10\n234Béa\"\\2.50\n", "\xff\n\n#\r\n            ", "\x00"} {
		f.Add([]byte(seed))
	}
	format := fixedFormat
	format.Comment = "#"
	f.Fuzz(func(t *testing.T, in []byte) { splitVariants(t, format, in) })
}
