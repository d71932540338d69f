package record

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/ingestion/feed"
)

func TestCSV(t *testing.T) {
	runCases(t, feed.Format{Kind: feed.CSV, Delimiter: "|"}, feed.Limits{MaxRecordBytes: 1 << 20}, []splitCase{
		{name: "empty", in: ""},
		{name: "blank", in: "\r\n\n"},
		{name: "header alone", in: "a|b\n"},
		{name: "rows", in: "a|b\n1|\n|x,y", want: []string{`{"a":"1","b":""}`, `{"a":"","b":"x,y"}`}},
		{name: "mark, CRLF and blank lines", in: "\xEF\xBB\xBFa|b\r\n\r\n1|2\r\n\n3|4\r\n", want: []string{`{"a":"1","b":"2"}`, `{"a":"3","b":"4"}`}},
		{name: "CR alone", in: "a|b\r1|2\r\r3|4", want: []string{`{"a":"1","b":"2"}`, `{"a":"3","b":"4"}`}},
		{name: "CR in a field", in: "a|b\n1\r|2\n3|\r4\r\n", want: []string{`{"a":"1\r","b":"2"}`, `{"a":"3","b":"\r4"}`}},
		{
			name: "quotes", in: "a|\"b|\"\"c\"\"\nd\"\n\"1|\"\"2\"\"\r\n3\"|\"\"\n\"\"\"\"|\"x\"",
			want: []string{`{"a":"1|\"2\"\r\n3","b|\"c\"\nd":""}`, `{"a":"\"","b|\"c\"\nd":"x"}`},
		},
		{name: "quote in a field without quotes", in: "a|b\n5\" pipe|x\"\"\n", want: []string{`{"a":"5\" pipe","b":"x\"\""}`}},
		{
			name: "text after a quote", in: "a|b\n\"1\"2|3\n4|\"5\" \n6|7\n", detail: `line 2, byte 7: found "2" after the quote`,
			want: []string{`!invalid_quote @4 "\"1\"2|3"`, `!invalid_quote @11 "4|\"5\""`, `{"a":"6","b":"7"}`},
		},
		{
			name: "escapes", in: "a\\|\"\"\"b\t\"\n\\\x00\x1f\b\f|\té😀é漢字 a long text after it\x7f\n",
			want: []string{`{"a\\":"\\\u0000\u001f\b\f","\"b\t":"\té😀é漢字 a long text after it` + "\x7f" + `"}`},
		},
		{
			name: "too many and too few", in: "a|b\n1|\"2\n\"\n1|2|3\n1\n4|5\n", detail: "line 4, byte 11: the row has 3 fields, the header 2",
			want: []string{`{"a":"1","b":"2\n"}`, `!too_many_fields @11 "1|2|3"`, `!too_few_fields @17 "1"`, `{"a":"4","b":"5"}`},
		},
		{name: "names", in: "id||id|id_2||column_5|id\n1|2|3|4|5|6|7\n", want: []string{`{"id":"1","column_2":"2","id_3":"3","id_2":"4","column_5_2":"5","column_5":"6","id_4":"7"}`}},
		{
			name: "not UTF-8", in: "a|b\ncaf\xE9|1\n2|\xC3\n3|4", detail: "line 2, byte 7: byte 0xE9 is not valid UTF-8",
			want: []string{`!invalid_utf8 @4 "caf\xe9|1"`, `!invalid_utf8 @11 "2|\xc3"`, `{"a":"3","b":"4"}`},
		},
		{name: "not UTF-8 at the end", in: "a\n\xC3", want: []string{`!invalid_utf8 @2 "\xc3"`}},
		{name: "not UTF-8 in the header", in: "\xE9\n1\n", want: []string{`!invalid_utf8 @0 "\xe9\n1\n" rest`}},
		{name: "open quote", in: "a|b\n1|2\n3|\"4\n5|6\n", want: []string{`{"a":"1","b":"2"}`, `!truncated @8 "3|\"4\n5|6\n" rest`}, detail: "line 3, byte 10: the entry ends inside the quoted field"},
		{name: "open quote in the header", in: "a|\"b\n1|2\n", want: []string{`!truncated @0 "a|\"b\n1|2\n" rest`}},
		{
			name: "quote that never closes after another fault", in: "a|b\n\"1\"x|\"2\n3|4\n5|6\n", detail: "line 2, byte 9: the entry ends inside the quoted field",
			want: []string{`!truncated @4 "\"1\"x|\"2\n3|4\n5|6\n" rest`},
		},
		{
			name: "quote that never closes after invalid UTF-8", in: "a|b\n\xE9|\"2\n3|4\n",
			want: []string{`!truncated @4 "\xe9|\"2\n3|4\n" rest`},
		},
		{name: "binary", in: "PK\x03\x04\x00\x00\n", want: []string{`!not_delimited_text @0 "PK\x03\x04\x00\x00\n" rest`}, detail: "byte 4: found byte 0x00"},
		{name: "UTF-16", in: "\xFF\xFEa\x00|\x00b\x00\n\x001\x00|\x00\xE9\x00\n\x00x\x00\n\x00", want: []string{`{"a":"1","b":"é"}`, `!too_few_fields @18 "x"`}},
	})
}

// TestCSVSuspiciousHeader reads text that a feed without declared columns would
// otherwise store as records with wrong names.
func TestCSVSuspiciousHeader(t *testing.T) {
	runCases(t, feed.Format{Kind: feed.CSV, Delimiter: "|"}, feed.Limits{}, []splitCase{
		{
			name: "HTML", in: "<html>\n<body>\nSlow Down\n", detail: "line 1, byte 0: the entry begins like HTML or XML",
			want: []string{`!not_delimited_text @0 "<html>\n<body>\nSlow Down\n" rest`},
		},
		{name: "document type", in: "\n<!DOCTYPE html>\n1\n", want: []string{`!not_delimited_text @1 "<!DOCTYPE html>\n1\n" rest`}},
		{name: "XML", in: "<?xml version=\"1.0\"?><a/>\n", want: []string{`!not_delimited_text @0 "<?xml version=\"1.0\"?><a/>\n" rest`}},
		{name: "JSON lines", in: "{\"id\":1}\n{\"id\":2}\n", detail: "like JSON", want: []string{`!not_delimited_text @0 "{\"id\":1}\n{\"id\":2}\n" rest`}},
		{name: "PDF", in: "%PDF-1.7\n1 0 obj\n", want: []string{`!not_delimited_text @0 "%PDF-1.7\n1 0 obj\n" rest`}},
		{
			name: "another delimiter", in: "id,name\n1,Ann\n", detail: `one column, with "," in its name: the file probably has another delimiter than "|"; to read its first row`,
			want: []string{`!suspicious_header @0 "id,name\n1,Ann\n" rest`},
		},
		{
			name: "no header", in: "Ann|5\nBob|6\n", detail: `the name "5", which looks like a value: the file probably has no header row`,
			want: []string{`!suspicious_header @0 "Ann|5\nBob|6\n" rest`},
		},
		{name: "no header, date", in: "a|2026-01-31\n", want: []string{`!suspicious_header @0 "a|2026-01-31\n" rest`}},
		{name: "no header, decimal", in: "a|-1.50\n", want: []string{`!suspicious_header @0 "a|-1.50\n" rest`}},
		{name: "no header, path", in: "a|2024/01/a.json\n", want: []string{`!suspicious_header @0 "a|2024/01/a.json\n" rest`}},
		{name: "years", in: "country|2025|2026\nx|1|2\n", want: []string{`{"country":"x","2025":"1","2026":"2"}`}},
		{name: "one column", in: "\nname\nann\n\nname\n", want: []string{`{"name":"ann"}`, `{"name":""}`, `{"name":"name"}`}},
		{name: "one column with CR CR LF", in: "name\r\r\nann\r\r\nbob\r\r\n", want: []string{`{"name":"ann"}`, `{"name":"bob"}`}},
		{name: "one column with CR LF", in: "name\r\n\r\nbob", want: []string{`{"name":""}`, `{"name":"bob"}`}},
		{name: "pretty-printed JSON", in: "{\n  \"a\": 1\n}\n", want: []string{`!not_delimited_text @0 "{\n  \"a\": 1\n}\n" rest`}},
		{name: "brackets", in: "[a]|{b}\n1|2\n", want: []string{`{"[a]":"1","{b}":"2"}`}},
		{name: "units and symbols", in: "<5|km/h|a,b|#1|[x]\n1|2|3|4|5\n", want: []string{`{"<5":"1","km/h":"2","a,b":"3","#1":"4","[x]":"5"}`}},
	})
	runCases(t, feed.Format{Kind: feed.CSV, Delimiter: "|", Columns: []string{"1", "2026-01-31"}}, feed.Limits{}, []splitCase{
		{name: "declared", in: "1|2026-01-31\na|b\n", want: []string{`{"1":"a","2026-01-31":"b"}`}},
	})
}

// TestCSVSeparatorLine reads the line that declares the delimiter for Excel.
func TestCSVSeparatorLine(t *testing.T) {
	runCases(t, feed.Format{Kind: feed.CSV, Delimiter: "|"}, feed.Limits{}, []splitCase{
		{name: "same", in: "\xEF\xBB\xBFsep=|\r\na|b\r\n1|2\r\n", want: []string{`{"a":"1","b":"2"}`}},
		{name: "other", in: "sep=;\na;b\n", want: []string{`!suspicious_header @0 "sep=;\na;b\n" rest`}, detail: `the first line declares the delimiter ';', the feed's is "|"`},
		{name: "name", in: "sep=ab\n1\n", want: []string{`{"sep=ab":"1"}`}},
	})
	runCases(t, feed.Format{Kind: feed.CSV, Delimiter: ";", Columns: []string{"a", "b"}}, feed.Limits{}, []splitCase{
		{name: "declared columns", in: "sep=;\na;b\n1;2\n", want: []string{`{"a":"1","b":"2"}`}},
	})
}

// TestCSVQuotes reads quotes that are ordinary characters, such as inch marks.
func TestCSVQuotes(t *testing.T) {
	const inches = "id|item|qty\n1|\"5 in pipe|10\n2|bolt|20\n3|nut|30\n4|6 in pipe\"|40\n5|end|50\n"
	csv := feed.Format{Kind: feed.CSV, Delimiter: "|"}
	runCases(t, csv, feed.Limits{}, []splitCase{
		{
			name: "inch marks", in: inches, detail: "line 2, byte 12: the row has 4 lines with 2 delimiters each, as rows have: are its quotes ordinary characters?",
			want: []string{`!suspicious_quote @12 "1|\"5 in pipe|10\n2|bolt|20\n3|nut|30\n4|6 in pipe\"|40"`, `{"id":"5","item":"end","qty":"50"}`},
		},
		{name: "text with delimiters", in: "id|note\n1|\"a|b\nc|d\"\n2|\"x\ny|z\"\n", want: []string{`{"id":"1","note":"a|b\nc|d"}`, `{"id":"2","note":"x\ny|z"}`}},
		{name: "two columns", in: "id|note\n1|\"a\n2|b\n3|c\"\n", want: []string{`!suspicious_quote @8 "1|\"a\n2|b\n3|c\""`}},
		{name: "address", in: "id|address|zip\n1|\"Street 1\nCity\"|5\n", want: []string{`{"id":"1","address":"Street 1\nCity","zip":"5"}`}},
		{
			name: "backslash escapes", in: "id|a|b\n1|\"x\\\"|y\"\n2|\"C:\\\"|z\n", detail: "line 2, byte 7: a quoted field ends with a backslash, and another field contains a quote",
			want: []string{`!suspicious_quote @7 "1|\"x\\\"|y\""`, `{"id":"2","a":"C:\\","b":"z"}`},
		},
		{name: "one column", in: "note\n\"a\nb\"\n", want: []string{`{"note":"a\nb"}`}},
	})
	csv.Quotes = feed.TrustQuotes
	runCases(t, csv, feed.Limits{}, []splitCase{
		{name: "trusted", in: inches, want: []string{`{"id":"1","item":"5 in pipe|10\n2|bolt|20\n3|nut|30\n4|6 in pipe","qty":"40"}`, `{"id":"5","item":"end","qty":"50"}`}},
	})
	csv.Quotes = feed.NoQuotes
	runCases(t, csv, feed.Limits{MaxRecordBytes: 1 << 10}, []splitCase{
		{name: "none", in: "id|item\n1|\"5 in\n2|6\" \"x\"\n", want: []string{`{"id":"1","item":"\"5 in"}`, `{"id":"2","item":"6\" \"x\""}`}},
		{
			name: "none, large", in: "id|item\n1|\"" + strings.Repeat("x", 300<<10) + "\n2|6\n",
			want: []string{`!record_too_large @8 ` + strconv.Quote("1|\""+strings.Repeat("x", 300<<10)), `{"id":"2","item":"6"}`},
		},
	})
}

// TestCSVConcatenated reads files that were put one after another.
func TestCSVConcatenated(t *testing.T) {
	runCases(t, feed.Format{Kind: feed.CSV, Delimiter: "|"}, feed.Limits{}, []splitCase{
		{name: "header again", in: "a|\"b\"\n1|2\na|\"b\"\r\n3|4\na|\"b\"", want: []string{`{"a":"1","b":"2"}`, `{"a":"3","b":"4"}`}},
		{name: "with byte order marks", in: "\xEF\xBB\xBFa|b\n1|2\n\xEF\xBB\xBFa|b\n3|4\n", want: []string{`{"a":"1","b":"2"}`, `{"a":"3","b":"4"}`}},
		{name: "one column with byte order marks", in: "\xEF\xBB\xBFa\n1\n\xEF\xBB\xBFa\n3\n", want: []string{`{"a":"1"}`, `{"a":"3"}`}},
		{
			name: "another header", in: "a|b\n1|2\n\xEF\xBB\xBFb|a\n3|4\n", detail: "line 3, byte 8: a byte order mark in the middle of the entry",
			want: []string{`{"a":"1","b":"2"}`, `!header_mismatch @8 "\ufeffb|a\n3|4\n" rest`},
		},
	})
}

func TestCSVColumns(t *testing.T) {
	f := feed.Format{Kind: feed.CSV, Delimiter: "\t", Columns: []string{"id", "name"}}
	runCases(t, f, feed.Limits{}, []splitCase{
		{name: "equal", in: "\"id\"\tname\n1\tann\n", want: []string{`{"id":"1","name":"ann"}`}},
		{
			name: "other order", in: "name\tid\nann\t1\n", want: []string{`!header_mismatch @0 "name\tid\nann\t1\n" rest`},
			detail: `line 1: the header row has 2 ("name", "id"), the feed's columns are 2 ("id", "name")`,
		},
		{name: "one more", in: "id\tname\t\n", want: []string{`!header_mismatch @0 "id\tname\t\n" rest`}},
	})
}

func TestCSVTooLarge(t *testing.T) {
	const limit = 1 << 10
	for _, size := range []int{limit + 1, 300 << 10, 3 << 20} {
		big := `"` + strings.Repeat("x\"\"\n,", (size-5)/5) + strings.Repeat("y", (size-5)%5) + `",1`
		big += strings.Repeat("2", size-len(big))
		in := "a,b\n1,2\n" + big + "\r\n3,4\n5"
		c := collect(t, strings.NewReader(in), feed.Format{Kind: feed.CSV, Delimiter: ","}, feed.Limits{MaxRecordBytes: limit})
		if len(c.rejected) != 2 || len(c.records) != 2 || c.records[1] != `{"a":"3","b":"4"}` {
			t.Fatalf("%d bytes: got %q, %d rejections", size, c.records, len(c.rejected))
		}
		if r := c.rejected[0]; r.Reason != TooLarge || r.Offset != 8 || r.RawCut != (size > MaxRaw) || string(r.Raw) != big[:min(size, MaxRaw)] || !strings.Contains(r.Detail, fmt.Sprint(size, " bytes")) {
			t.Errorf("%d bytes: got %s %q at %d, cut %t, %d bytes", size, r.Reason, r.Detail, r.Offset, r.RawCut, len(r.Raw))
		}
		if want := fmt.Sprintf("line %d,", 5+strings.Count(big, "\n")); !strings.HasPrefix(c.rejected[1].Detail, want) {
			t.Errorf("%d bytes: %q is not at %s", size, c.rejected[1].Detail, want)
		}
	}
}

func TestCSVTooLargeElsewhere(t *testing.T) {
	f := feed.Format{Kind: feed.CSV, Delimiter: ","}
	lim := feed.Limits{MaxRecordBytes: 1 << 10}
	for name, tc := range map[string]struct{ in, want string }{
		"as JSON":     {"a\n" + strings.Repeat("\x01", 1000), TooLarge},
		"much larger": {"a\n" + strings.Repeat("\x01", 1024), TooLarge},
		"header":      {strings.Repeat("a,", 1<<20), TooLarge},
		"binary":      {strings.Repeat("a,\x00", 1<<20), NotDelimitedText},
		"open quote":  {"a\n\"" + strings.Repeat("1\n", 1<<20), Truncated},
	} {
		c := collect(t, strings.NewReader(tc.in), f, lim)
		if len(c.records) > 0 || len(c.rejected) != 1 || c.rejected[0].Reason != tc.want {
			t.Errorf("%s: got %d records, %d rejections", name, len(c.records), len(c.rejected))
		}
	}
}

// TestCSVMaxColumns has header rows at the limit and above it. Each name would take
// more than a hundred bytes of memory, so that a header row of 5 MB would take a
// gigabyte: the number is checked first.
func TestCSVMaxColumns(t *testing.T) {
	f := feed.Format{Kind: feed.CSV, Delimiter: ","}
	runCases(t, f, feed.Limits{MaxColumns: 3}, []splitCase{
		{name: "at the limit", in: "a,b,c\n1,2,3\n", want: []string{`{"a":"1","b":"2","c":"3"}`}},
		{
			name: "above", in: "a,b,c,d\n1,2,3,4\n", want: []string{`!limit_columns @0 "a,b,c,d\n1,2,3,4\n" rest`},
			detail: "line 1: the header row has 4 columns, the limit is 3 (Limits.MaxColumns)",
		},
	})
	for name, in := range map[string]string{
		"empty names": strings.Repeat(",", 5<<20) + "\n1\n",
		"names":       strings.Repeat("column,", 1_000_000) + "last\n1\n",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c := collect(t, strings.NewReader(in), f, feed.Limits{})
		runtime.ReadMemStats(&after)
		if len(c.records) != 0 || len(c.rejected) != 1 || c.rejected[0].Reason != TooManyColumns || !c.rejected[0].Rest {
			t.Errorf("%s: got %d records, %d rejections", name, len(c.records), len(c.rejected))
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 150<<20 {
			t.Errorf("%s: %d MiB were allocated in total", name, used>>20)
		}
	}
}

// TestCSVLong has rows that cross the end of the buffer.
func TestCSVLong(t *testing.T) {
	var in strings.Builder
	var want []string
	in.WriteString("id,text,more\r\n")
	for i := range 40_000 {
		text := strings.Repeat("é\n\"", i%29)
		fmt.Fprintf(&in, "%d,\"%s\",%s\r\n", i, strings.ReplaceAll(text, `"`, `""`), strings.Repeat("漢", i%7))
		row, err := json.Marshal(struct {
			ID   string `json:"id"`
			Text string `json:"text"`
			More string `json:"more"`
		}{strconv.Itoa(i), text, strings.Repeat("漢", i%7)})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, string(row))
	}
	c := collect(t, strings.NewReader(in.String()), feed.Format{Kind: feed.CSV, Delimiter: ","}, feed.Limits{})
	if !slices.Equal(c.records, want) {
		t.Errorf("got %d records, not the %d that went in; rejections: %d", len(c.records), len(want), len(c.rejected))
	}
}

func TestCSVDelimiter(t *testing.T) {
	if _, err := Split(strings.NewReader("a"), feed.Format{Kind: feed.CSV}, feed.Limits{}, &collected{}); err == nil {
		t.Error("no delimiter was taken")
	}
}
