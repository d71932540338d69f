package record

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"example.com/ingestion/feed"
)

// collected is a Sink that stores what it receives.
type collected struct {
	records  []string
	ordinals []int64
	rejected []Rejection
}

func (c *collected) Record(ordinal int64, data []byte) error {
	c.records = append(c.records, string(data))
	c.ordinals = append(c.ordinals, ordinal)
	return nil
}

func (c *collected) Reject(r Rejection) error {
	r.Raw = slices.Clone(r.Raw)
	c.rejected = append(c.rejected, r)
	return nil
}

// lines formats everything in order of ordinal, which must have no gap.
func (c *collected) lines(t testing.TB) []string {
	t.Helper()
	out := make([]string, len(c.records)+len(c.rejected))
	put := func(n int64, line string) {
		if n < 0 || n >= int64(len(out)) || out[n] != "" {
			t.Fatalf("ordinal %d is out of order: records %v, rejections %+v", n, c.ordinals, c.rejected)
		}
		out[n] = line
	}
	for i, r := range c.records {
		put(c.ordinals[i], r)
	}
	for _, r := range c.rejected {
		rest := ""
		if r.Rest {
			rest = " rest"
		}
		if r.RawCut {
			rest += " cut"
		}
		put(r.Ordinal, fmt.Sprintf("!%s @%d %q%s", r.Reason, r.Offset, r.Raw, rest))
	}
	return out
}

func collect(t testing.TB, r io.Reader, f feed.Format, lim feed.Limits) *collected {
	t.Helper()
	c := &collected{}
	res, err := Split(r, f, lim, c)
	if err != nil {
		t.Fatal(err)
	}
	if res.Records != int64(len(c.records)) || res.Rejected != int64(len(c.rejected)) {
		t.Errorf("Result is %+v, the sink got %d records and %d rejections", res, len(c.records), len(c.rejected))
	}
	return c
}

type splitCase struct {
	name string
	in   string
	want []string
	// detail is part of the first rejection's Detail.
	detail string
}

func runCases(t *testing.T, f feed.Format, lim feed.Limits, cases []splitCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			readers := map[string]io.Reader{
				"whole":    strings.NewReader(tc.in),
				"one byte": iotest.OneByteReader(strings.NewReader(tc.in)),
				"half":     iotest.HalfReader(strings.NewReader(tc.in)),
				"data+EOF": iotest.DataErrReader(strings.NewReader(tc.in)),
			}
			for name, r := range readers {
				c := collect(t, r, f, lim)
				if got := c.lines(t); !slices.Equal(got, tc.want) {
					t.Errorf("%s: got\n\t%s\nwant\n\t%s", name, strings.Join(got, "\n\t"), strings.Join(tc.want, "\n\t"))
				}
				if tc.detail != "" && (len(c.rejected) == 0 || !strings.Contains(c.rejected[0].Detail, tc.detail)) {
					t.Errorf("%s: no detail %q in %+v", name, tc.detail, c.rejected)
				}
			}
		})
	}
}

func TestNDJSON(t *testing.T) {
	runCases(t, feed.Format{Kind: feed.NDJSON}, feed.Limits{MaxRecordBytes: 1 << 20}, []splitCase{
		{name: "empty", in: ""},
		{name: "blank", in: " \n\r\n\t\n"},
		{name: "lines", in: "{\"a\":1}\n[2]\n3\n", want: []string{`{"a":1}`, `[2]`, `3`}},
		{name: "no last newline", in: "{\"a\":1}\n{\"a\":2}", want: []string{`{"a":1}`, `{"a":2}`}},
		{name: "mark, CRLF and blank lines", in: "\xEF\xBB\xBF\r\n{\"a\":1}\r\n\r\n{\"a\":2}\r\n", want: []string{`{"a":1}`, `{"a":2}`}},
		{
			name: "whitespace goes, strings and numbers stay", in: " { \"a b\" : [ 1.50 , -0E+2,\t12345678901234567890123456789012345678 ] , \"c\" : \" \\u00e9 \" } \n",
			want: []string{`{"a b":[1.50,-0E+2,12345678901234567890123456789012345678],"c":" \u00e9 "}`},
		},
		{
			name: "invalid line", in: "{\"a\":1}\n{\"a\":x}\n{\"a\":3}\n", detail: `line 2, byte 13: found "x" where a value was expected`,
			want: []string{`{"a":1}`, `!invalid_json @8 "{\"a\":x}"`, `{"a":3}`},
		},
		{
			name: "value over two lines", in: "{\"a\":\n1}\n{\"a\":3}\n", detail: "line 1, byte 5: the line ends before",
			want: []string{`!invalid_json @0 "{\"a\":"`, `!invalid_json @6 "1}"`, `{"a":3}`},
		},
		{
			name: "two on a line", in: "{\"a\":1}{\"a\":2}\n{}\n", detail: "the end of the line (the format JSON() reads documents",
			want: []string{`!invalid_json @0 "{\"a\":1}{\"a\":2}"`, `{}`},
		},
		{
			name: "cut", in: "{\"a\":1}\n{\"a\":[1,", detail: "line 2, byte 16: the entry ends in the middle",
			want: []string{`{"a":1}`, `!truncated @8 "{\"a\":[1," rest`},
		},
		{name: "broken last line", in: "{\"a\":1}\n{]", want: []string{`{"a":1}`, `!invalid_json @8 "{]"`}},
		{
			name: "another text format", in: "name|age\nann|5\n", detail: `line 1, byte 1: found "a" where null was expected`,
			want: []string{`!invalid_json @0 "name|age"`, `!invalid_json @9 "ann|5"`},
		},
		{name: "markup", in: "<html>\n{}\n", want: []string{`!not_json @0 "<html>\n{}\n" rest`}, detail: `line 1, byte 0: found "<" where JSON should begin`},
		{name: "binary with JSON in it", in: "\x00\n{\x00\n7\n", want: []string{`!not_json @0 "\x00\n{\x00\n7\n" rest`}},
		{name: "binary that begins like JSON", in: "{\x00\n7\n", want: []string{`!not_json @0 "{\x00\n7\n" rest`}},
		{name: "another encoding", in: "caf\xE9\n{}\n", want: []string{`!not_json @0 "caf\xe9\n{}\n" rest`}},
		{name: "invalid first line and indented objects", in: "# made\n  {}\n\t[1]\n2\n", want: []string{`!invalid_json @0 "# made"`, `{}`, `[1]`, `2`}},
		{
			name: "invalid first line that is larger than the buffer", in: "#" + strings.Repeat("é", 150<<10) + "\n{}\n",
			want: []string{"!invalid_json @0 " + strconv.Quote("#"+strings.Repeat("é", 150<<10)), `{}`},
		},
		{name: "byte order marks of concatenated files", in: "\xEF\xBB\xBF{}\n\xEF\xBB\xBF{\"a\":1}\n\n\xEF\xBB\xBF", want: []string{`{}`, `{"a":1}`}},
		{name: "NaN", in: "{\"a\":NaN}\n{\"a\":-Infinity}\n", want: []string{`!invalid_json @0 "{\"a\":NaN}"`, `!invalid_json @10 "{\"a\":-Infinity}"`}, detail: "NaN and Infinity are not JSON"},
		{
			name: "first line is another format", in: "# made by hand\n{\"a\":1}\n",
			want: []string{`!invalid_json @0 "# made by hand"`, `{"a":1}`},
		},
		{
			name: "not UTF-8", in: "{\"a\":\"\xE9t\xE9\"}\n{}\n", detail: "byte 0xE9 is not valid UTF-8",
			want: []string{`!invalid_utf8 @0 "{\"a\":\"\xe9t\xe9\"}"`, `{}`},
		},
		{
			name: "half a surrogate pair", in: `{"a":"\ud83d\ude00"}` + "\n" + `{"a":"\ud83d"}` + "\n" + `["\ude00"]` + "\n" + `["\ud83d\u0041"]`,
			want: []string{
				`{"a":"\ud83d\ude00"}`, `!invalid_utf8 @21 "{\"a\":\"\\ud83d\"}"`,
				`!invalid_utf8 @36 "[\"\\ude00\"]"`, `!invalid_utf8 @47 "[\"\\ud83d\\u0041\"]"`,
			},
		},
		{
			name: "duplicate key", in: "{\"a\":1,\"b\":{\"a\":2},\"a\":3}\n{\"a\":1,\"\\u0061\":2}\n{\"\\u0061\":1,\"a\":2}\n", detail: `byte 19: duplicate key "a"`,
			want: []string{
				`!duplicate_key @0 "{\"a\":1,\"b\":{\"a\":2},\"a\":3}"`,
				`!duplicate_key @26 "{\"a\":1,\"\\u0061\":2}"`, `!duplicate_key @45 "{\"\\u0061\":1,\"a\":2}"`,
			},
		},
		{name: "UTF-16 little endian", in: "\xFF\xFE{\x00}\x00\n\x00\"\x00=\xD8\x00\xDE\"\x00\n\x00x\x00", want: []string{`{}`, `"😀"`, `!invalid_json @18 "x"`}},
		{name: "UTF-16 big endian, cut", in: "\xFE\xFF\x00{\x00}\x00\n\x00\"\xD8\x3D\x00", want: []string{`{}`, `!truncated @8 "\"\xed\xa0\xbd" rest`}, detail: "ends with byte 0x00, which is half of a character"},
	})
}

func TestNDJSONTooLarge(t *testing.T) {
	const limit = 1 << 10
	long := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	f := feed.Format{Kind: feed.NDJSON}
	for _, size := range []int{limit + 1, 300 << 10, 3 << 20} {
		in := long(limit) + "\n" + long(size) + "\n{}\n" + long(size)
		c := collect(t, strings.NewReader(in), f, feed.Limits{MaxRecordBytes: limit})
		if want := []string{long(limit), "{}"}; !slices.Equal(c.records, want) || len(c.rejected) != 2 {
			t.Fatalf("size %d: got %d records, %d rejections", size, len(c.records), len(c.rejected))
		}
		for i, r := range c.rejected {
			want := Rejection{
				Ordinal: []int64{1, 3}[i], Offset: []int64{limit + 1, int64(limit + size + 5)}[i], Reason: TooLarge,
				Detail: fmt.Sprintf("the record has %d bytes, the limit is %d (Limits.MaxRecordBytes)", size, limit),
				RawCut: size > MaxRaw,
			}
			if !strings.HasSuffix(r.Detail, want.Detail) || r.Ordinal != want.Ordinal || r.Offset != want.Offset ||
				r.Reason != want.Reason || r.RawCut != want.RawCut || r.Rest || string(r.Raw) != long(size)[:min(size, MaxRaw)] {
				t.Errorf("size %d: got %d %d %s %q cut %t raw %d bytes", size, r.Ordinal, r.Offset, r.Reason, r.Detail, r.RawCut, len(r.Raw))
			}
		}
	}
}

type damage struct{}

func (damage) Error() string  { return "gzip: checksum is wrong" }
func (damage) Damage() string { return Corrupt }

func TestReadErrors(t *testing.T) {
	passing := errors.New("connection reset")
	for _, tc := range []struct {
		format feed.Format
		in     string
		want   []string
	}{
		{feed.Format{Kind: feed.NDJSON}, "{}\n[1]\n[2]", []string{"{}", "[1]", `!corrupt @7 "[2]" rest`}},
		{feed.Format{Kind: feed.NDJSON}, "{}\n", []string{"{}", `!corrupt @3 "" rest`}},
		{feed.Format{Kind: feed.JSON}, "[1,2,3", []string{"1", "2", `!corrupt @5 "3" rest`}},
		{feed.Format{Kind: feed.JSON}, "[1,2]", []string{"1", "2", `!corrupt @5 "" rest`}},
		{feed.Format{Kind: feed.JSON}, "{}\n{\"a\":", []string{"{}", `!corrupt @3 "{\"a\":" rest`}},
		{feed.Format{Kind: feed.JSON, Path: "a"}, `{"b":0,"a":[1,2`, []string{"1", `!corrupt @14 "2" rest`}},
		{feed.Format{Kind: feed.JSON, Path: "a"}, `{"b":[0,`, []string{`!corrupt @0 "{\"b\":[0," rest`}},
		{feed.Format{Kind: feed.CSV, Delimiter: ","}, "a,b\n1,2\n3,4", []string{`{"a":"1","b":"2"}`, `!corrupt @8 "3,4" rest`}},
		{feed.Format{Kind: feed.CSV, Delimiter: ","}, "a,b", []string{`!corrupt @0 "a,b" rest`}},
	} {
		r := io.MultiReader(strings.NewReader(tc.in), iotest.ErrReader(fmt.Errorf("entry x: %w", damage{})))
		if got := collect(t, r, tc.format, feed.Limits{}).lines(t); !slices.Equal(got, tc.want) {
			t.Errorf("%s %q: got %q, want %q", tc.format.Kind, tc.in, got, tc.want)
		}
		c := &collected{}
		_, err := Split(io.MultiReader(strings.NewReader(tc.in), iotest.ErrReader(passing)), tc.format, feed.Limits{}, c)
		if !errors.Is(err, passing) || len(c.rejected) > 0 {
			t.Errorf("%s %q: a passing error came out as %v, with rejections %+v", tc.format.Kind, tc.in, err, c.rejected)
		}
	}
}

func TestNoProgress(t *testing.T) {
	_, err := Split(readerFunc(func([]byte) (int, error) { return 0, nil }), feed.Format{Kind: feed.JSON}, feed.Limits{}, &collected{})
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v, want %v", err, io.ErrNoProgress)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// failingSink is a Sink that fails.
type failingSink struct{ err error }

func (s failingSink) Record(int64, []byte) error { return s.err }
func (s failingSink) Reject(Rejection) error     { return s.err }

func TestSinkErrors(t *testing.T) {
	want := errors.New("disk full")
	for _, in := range []string{"{}\n", "{\n", "x"} {
		for _, kind := range []feed.FormatKind{feed.JSON, feed.NDJSON} {
			//nolint:errorlint // it must be the very error
			if _, err := Split(strings.NewReader(in), feed.Format{Kind: kind}, feed.Limits{}, failingSink{want}); err != want {
				t.Errorf("%s %q: got %v, want %v", kind, in, err, want)
			}
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := Split(strings.NewReader("{}"), feed.Format{Kind: "xml"}, feed.Limits{}, &collected{}); err == nil {
		t.Error("format xml was taken")
	}
}

// limited is a Sink that refuses the third record.
type limited struct{ collected }

func (l *limited) Record(ordinal int64, data []byte) error {
	if ordinal == 2 {
		return fmt.Errorf("limit: %w", LimitRecords(2))
	}
	return l.collected.Record(ordinal, data)
}

func TestLimitRecords(t *testing.T) {
	for name, tc := range map[string]struct {
		format feed.Format
		in     string
		want   string
	}{
		"lines":     {feed.Format{Kind: feed.NDJSON}, "0\n1\n2\n3\n", `!limit_records @4 "2\n3\n" rest`},
		"documents": {feed.Format{Kind: feed.JSON}, "0\n1\n2\n3\n", `!limit_records @4 "2\n3\n" rest`},
		"array":     {feed.Format{Kind: feed.JSON}, "[0,1,2,3]", `!limit_records @5 "2,3]" rest`},
		"path":      {feed.Format{Kind: feed.JSON, Path: "a"}, `{"a":[0,1,2,3]}`, `!limit_records @10 "2,3]}" rest`},
		"CSV":       {feed.Format{Kind: feed.CSV, Delimiter: "|"}, "a\n0\n1\n2\n3\n", `!limit_records @6 "2\n3\n" rest`},
	} {
		t.Run(name, func(t *testing.T) {
			l := &limited{}
			if _, err := Split(strings.NewReader(tc.in), tc.format, feed.Limits{}, l); err != nil {
				t.Fatal(err)
			}
			if got := l.lines(t); len(got) != 3 || got[2] != tc.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
