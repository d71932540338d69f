package record

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"example.com/ingestion/feed"
)

// strict reports whether line is a record: what encoding/json accepts, without the
// leniencies that a record must not have.
func strict(line []byte) bool {
	if !json.Valid(line) || !utf8.Valid(line) {
		return false
	}
	for i := 0; i < len(line); i++ {
		if line[i] != '\\' {
			continue
		}
		i++
		if line[i] != 'u' {
			continue
		}
		var s string
		if json.Unmarshal([]byte(`"`+string(line[i-1:i+5])+`"`), &s) == nil && s != "\uFFFD" || strings.EqualFold(string(line[i+1:i+5]), "fffd") {
			i += 4
			continue
		}
		if i+11 > len(line) || json.Unmarshal([]byte(`"`+string(line[i-1:i+11])+`"`), &s) != nil || strings.ContainsRune(s, '\uFFFD') || utf8.RuneCountInString(s) != 1 {
			return false
		}
		i += 10
	}
	return uniqueKeys(json.NewDecoder(bytes.NewReader(line)))
}

// uniqueKeys reads one value.
func uniqueKeys(d *json.Decoder) bool {
	d.UseNumber()
	tok, err := d.Token()
	if err != nil {
		return false
	}
	ok := true
	switch tok {
	case json.Delim('['):
		for d.More() {
			ok = uniqueKeys(d) && ok
		}
	case json.Delim('{'):
		seen := map[any]bool{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return false
			}
			ok = !seen[k] && ok
			seen[k] = true
			ok = uniqueKeys(d) && ok
		}
	default:
		return true
	}
	_, err = d.Token()
	return ok && err == nil
}

func compacted(t *testing.T, in []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, in); err != nil {
		t.Fatalf("%q: %v", in, err)
	}
	return b.String()
}

// summary is the result that must not depend on how the entry is read.
func summary(t *testing.T, c *collected) []string {
	out := c.lines(t)
	for _, r := range c.rejected {
		out[r.Ordinal] = fmt.Sprint("!", r.Reason, " ", r.Offset, " ", r.Rest, " ", r.Detail)
	}
	return out
}

// splitVariants splits in with several readers and sizes of the buffer, checks that they
// make no difference, and returns the result.
func splitVariants(t *testing.T, f feed.Format, in []byte) (*collected, []string) {
	t.Helper()
	lim := feed.Limits{MaxRecordBytes: 1 << 20}
	first := collect(t, bytes.NewReader(in), f, lim)
	want := summary(t, first)
	for size, r := range map[int]io.Reader{
		startBytes: iotest.OneByteReader(bytes.NewReader(in)),
		3:          bytes.NewReader(in),
		5:          iotest.HalfReader(bytes.NewReader(in)),
		32:         iotest.DataErrReader(bytes.NewReader(in)),
	} {
		c := &collected{}
		if _, err := split(r, f, lim, c, size); err != nil {
			t.Fatal(err)
		}
		if f.Kind == feed.NDJSON && (len(want) > 0 && strings.HasPrefix(want[0], "!"+NotJSON)) != (len(c.rejected) > 0 && c.rejected[0].Reason == NotJSON) {
			continue // looks at the whole buffer
		}
		if got := summary(t, c); !slices.Equal(got, want) {
			t.Fatalf("%+v %q in a buffer of %d:\n\t%s\nelse\n\t%s", f, in, size, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
	for _, r := range first.records {
		if !strict([]byte(r)) || compacted(t, []byte(r)) != r {
			t.Fatalf("%+v %q: record %q is not valid or not compact", f, in, r)
		}
	}
	return first, want
}

// expect compares the result of Split with values, each of which must be a record or,
// if strict rejects it, a rejection.
func expect(t *testing.T, in []byte, got []string, values [][]byte) {
	t.Helper()
	if len(got) != len(values) {
		t.Fatalf("%q: got %q, want %d values", in, got, len(values))
	}
	for i, v := range values {
		switch ok := strict(v); {
		case !ok && !strings.HasPrefix(got[i], "!"):
			t.Fatalf("%q: %q passed", in, v)
		case ok && got[i] != compacted(t, v):
			t.Fatalf("%q: got %q for %q", in, got[i], v)
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		"", "{\"a\":1}\n{\"b\":[1,2.5e-3,null,true]}\n", `[1,"\u00e9\ud83d\ude00",{"a":{"b":"c"}}]`, `{"a":[{"b":1},{"b":2}],"c":3}`,
		"\xEF\xBB\xBF[1 , 2]\r\n", "[{\"a\":1,\"a\":2},{\"\\u0061\":1,\"a\":2},\"\\ud800\",\"\xff\",3]", "{\"a\":1}\n{\"a\":\n{\"a\":3}\n",
		`[1,[2}],{"a"},"x]`, "{\"a\":1}{\"a\":2} 3\n", "\xFF\xFE{\x00}\x00", "-0.0e+1\n01\n1.\n.5\n-\ntru\nnull", `{"b":"]","a":"one"}`,
		"[\"\xe2\x82\xac\",\"\xed\xa0\x80\",\"\xf0\x9f\x98\x80\",\"\xc0\xaf\"]", `["\"\\\/\b\f\n\r\t\u12aF", "\x"]`, "x\n{}\n", "[[],[[]],{}]", " true", "{} ", `{"a":null}`, "{}\n\xEF\xBB\xBF{}\n\xEF\xBB\xBF[1]", "{\x00}\n1\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		_, lines := splitVariants(t, feed.Format{Kind: feed.NDJSON}, in)
		_, documents := splitVariants(t, feed.Format{Kind: feed.JSON}, in)
		_, atPath := splitVariants(t, feed.Format{Kind: feed.JSON, Path: "a"}, in)

		text := bytes.TrimPrefix(in, []byte("\xEF\xBB\xBF"))
		if bytes.HasPrefix(text, []byte("\xFF\xFE")) || bytes.HasPrefix(text, []byte("\xFE\xFF")) || bytes.Contains(text, byteOrderMark) {
			return
		}
		if len(lines) != 1 || !strings.HasPrefix(lines[0], "!"+NotJSON) {
			var values [][]byte
			plain := true
			for l := range bytes.SplitSeq(text, []byte("\n")) {
				if l = bytes.Trim(l, " \t\r"); len(l) > 0 {
					values = append(values, l)
					plain = plain && l[0] != '[' && json.Valid(l)
				}
			}
			expect(t, text, lines, values)
			if plain {
				expect(t, text, documents, values)
			}
		}
		var elements []json.RawMessage
		if json.Unmarshal(text, &elements) == nil && elements != nil {
			expect(t, text, documents, raw(elements))
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(text, &members) == nil && members != nil && strict(text) {
			a, ok := members["a"]
			switch {
			case !ok && (len(atPath) != 1 || !strings.HasPrefix(atPath[0], "!"+PathNotFound)):
				t.Fatalf("%q: no path, got %q", text, atPath)
			case ok && a[0] == '[':
				elements = nil
				if err := json.Unmarshal(a, &elements); err != nil {
					t.Fatal(err)
				}
				expect(t, text, atPath, raw(elements))
			case ok && string(a) == "null":
				expect(t, text, atPath, nil)
			case ok:
				expect(t, text, atPath, [][]byte{a})
			}
		}
	})
}

func raw(elements []json.RawMessage) [][]byte {
	out := make([][]byte, len(elements))
	for i, e := range elements {
		out[i] = e
	}
	return out
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		"", "a,b\n1,2\n", "a,\"b\"\n\"1,\"\"x\"\"\n\",2\r\n\n3\n", "a,a,\n1,2,3,4\n", "a\n\"1\"x\n2\"3\n", "a,b\r1,2\r", "a\n\"1\n", "\xEF\xBB\xBFé,漢\n\xff,\t\\\x01\n", "a\x00b\n", "0\r\r\n\"", "a,b\n1,2\na,b\n3,4\n", "a,b\n\"1\"x,\"2\n3,4\n", "1,2\n", "a,b,c\n1,\"2,3\n4,5\",6\n", "{\"a\":1}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c, got := splitVariants(t, feed.Format{Kind: feed.CSV, Delimiter: ","}, in)
		text := bytes.TrimPrefix(in, []byte("\xEF\xBB\xBF"))
		// encoding/csv makes \r\n in quotes \n, and knows neither UTF-16 nor rows that end in \r.
		if bytes.IndexByte(text, '\r') >= 0 || bytes.HasPrefix(text, []byte("\xFF\xFE")) || bytes.HasPrefix(text, []byte("\xFE\xFF")) {
			return
		}
		if bytes.Contains(text, []byte("\xEF\xBB\xBF")) {
			return // of an appended file
		}
		peer := csv.NewReader(bytes.NewReader(text))
		peer.LazyQuotes = true
		peer.FieldsPerRecord = -1
		header, err := peer.Read()
		if errors.Is(err, io.EOF) {
			if len(got) > 0 {
				t.Fatalf("%q has no row, got %q", in, got)
			}
			return
		}
		if len(c.rejected) > 0 && c.rejected[0].Ordinal == 0 && c.rejected[0].Rest {
			return // the header row
		}
		names := columnNames(header)
		for i, g := range got {
			row, err := peer.Read()
			if len(row) > 1 && slices.Equal(row, header) {
				return // a repeated header, which is not a record
			}
			if err != nil {
				t.Fatalf("%q: row %d: %v, got %q", in, i, err, g)
			}
			switch {
			case strings.HasPrefix(g, "!"+Truncated), strings.HasPrefix(g, "!"+InvalidQuote):
				return // where encoding/csv guesses on
			case strings.HasPrefix(g, "!"+SuspiciousQuote):
				if !strings.Contains(strings.Join(row, ""), "\n") && !strings.Contains(string(in), `\"`) {
					t.Fatalf("%q: row %d: got %q for %q", in, i, g, row)
				}
				continue
			case strings.HasPrefix(g, "!"+InvalidUTF8) && strings.Contains(string(in), `"`):
				return // a quote may be wrong too
			case strings.HasPrefix(g, "!"):
				if utf8.ValidString(strings.Join(row, "")) && len(row) == len(names) {
					t.Fatalf("%q: row %d: got %q for %q", in, i, g, row)
				}
				continue
			}
			want := map[string]string{}
			for k, n := range names {
				want[n] = row[k]
			}
			var have map[string]string
			if err := json.Unmarshal([]byte(g), &have); err != nil {
				t.Fatal(err)
			}
			if len(row) != len(names) || len(have) != len(names) || len(want) != len(names) || fmt.Sprint(have) != fmt.Sprint(want) {
				t.Fatalf("%q: row %d: got %q for %q", in, i, g, row)
			}
		}
		if row, err := peer.Read(); !errors.Is(err, io.EOF) && !slices.Equal(row, header) {
			t.Fatalf("%q: row %s is missing: %q", in, strconv.Itoa(len(got)), row)
		}
	})
}
