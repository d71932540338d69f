// Package files_test reads files with known faults as unpack does: through archive and
// then record.
package files_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/files/archive"
	"example.com/ingestion/internal/files/record"
)

// object is a source object in memory.
type object struct{ *bytes.Reader }

func (o object) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(o.Reader, 0, o.Size())), nil
}

// visitor stores the records of an object, and for each rejection its reason.
type visitor struct {
	format  feed.Format
	results []string
	details []string
}

func (v *visitor) Entry(_ archive.Entry, r io.Reader) error {
	_, err := record.Split(r, v.format, feed.Limits{}, v)
	return err
}

func (v *visitor) Damaged(d *archive.Damage) error {
	v.results = append(v.results, "!"+string(d.Reason))
	v.details = append(v.details, d.Error())
	return nil
}

func (v *visitor) Record(_ int64, data []byte) error {
	v.results = append(v.results, string(data))
	return nil
}

func (v *visitor) Reject(r record.Rejection) error {
	result := "!" + r.Reason
	if r.Rest {
		result += " rest"
	}
	v.results = append(v.results, result)
	v.details = append(v.details, r.Detail)
	return nil
}

// TestInputs reads files of which each was once stored or quarantined wrongly.
func TestInputs(t *testing.T) {
	ndjson := feed.Format{Kind: feed.NDJSON}
	documents := feed.Format{Kind: feed.JSON}
	pipes := feed.Format{Kind: feed.CSV, Delimiter: "|"}
	commas := feed.Format{Kind: feed.CSV, Delimiter: ","}
	noQuotes := pipes
	noQuotes.Quotes = feed.NoQuotes
	escaped, trimmed, noHeader, nanAsNull := pipes, pipes, pipes, documents
	escaped.Escape, trimmed.Trim, nanAsNull.NaNAsNull = `\`, true, true
	noHeader.NoHeader, noHeader.Columns = true, []string{"id", "name", "amount"}
	tests := []struct {
		file   string
		format feed.Format
		want   []string
		detail string // part of the first detail
	}{
		{"at-a.json", feed.Format{Kind: feed.JSON, Path: "a"}, []string{"1", "!invalid_json", "3"}, "byte 18"},
		{"csv-book.xlsx", pipes, slices.Repeat([]string{"!not_delimited_text rest"}, 4), "begins like HTML or XML"},
		{"csv-bs_quote_coll.csv", pipes, []string{"!suspicious_quote"}, "ends with a backslash"},
		{"csv-bs_quote_coll.csv", escaped, []string{"!too_few_fields"}, "the row has 2 fields, the header 3"},
		{"csv-html.csv", pipes, []string{"!not_delimited_text rest"}, "begins like HTML or XML"},
		{"csv-inches.csv", pipes, []string{"!suspicious_quote", `{"id":"5","item":"end","qty":"50"}`}, "NoQuotes()"},
		{"csv-inches.csv", noQuotes, []string{
			`{"id":"1","item":"\"5 in pipe","qty":"10"}`, `{"id":"2","item":"bolt","qty":"20"}`, `{"id":"3","item":"nut","qty":"30"}`,
			`{"id":"4","item":"6 in pipe\"","qty":"40"}`, `{"id":"5","item":"end","qty":"50"}`,
		}, ""},
		{"csv-json_lines.csv", pipes, []string{"!not_delimited_text rest"}, "begins like JSON"},
		{"csv-noheader.csv", pipes, []string{"!suspicious_header rest"}, "no header row"},
		{"csv-noheader.csv", noHeader, []string{`{"id":"bucket-a","name":"2024/01/a.json","amount":"120"}`, `{"id":"bucket-a","name":"2024/01/b.json","amount":"130"}`, `{"id":"bucket-a","name":"2024/01/c.json","amount":"140"}`}, ""},
		{"csv-onecol.csv", commas, []string{`{"name":"ann"}`, `{"name":""}`, `{"name":"bob"}`}, ""},
		{"csv-sep_3.csv", pipes, []string{`{"id":"1","name":"Ann","amount":"10"}`, `{"id":"2","name":"Bob","amount":"20"}`}, ""},
		{"csv-spaces.csv", pipes, []string{`{"id ":"1 "," name ":" Ann "," amount":" 10"}`}, ""},
		{"csv-spaces.csv", trimmed, []string{`{"id":"1","name":"Ann","amount":"10"}`}, ""},
		{"csv-swallow.csv", commas, []string{"!truncated rest"}, "inside the quoted field"},
		{"csv-twofiles_bom.csv", pipes, []string{`{"id":"1","name":"Ann","amount":"10"}`, `{"id":"2","name":"Bob","amount":"20"}`}, ""},
		{"csv-utf16-odd.csv", commas, []string{"!truncated rest"}, "byte 0x41, which is half of a character"},
		{"csv-wrongdelim.csv", pipes, []string{"!suspicious_header rest"}, "another delimiter"},
		{"dir-inc.tar", documents, []string{`{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":1}`, `{"n":2}`, `{"n":3}`}, ""},
		{"json-arrays.json", documents, []string{"1", "!invalid_json", "3", "4"}, "byte 7"},
		{"json-bom-mid.json", documents, []string{`{"a":1}`, `{"a":2}`, `{"a":3}`}, ""},
		{"json-bom-mid.json", ndjson, []string{`{"a":1}`, `{"a":2}`, `{"a":3}`}, ""},
		{"json-nan.json", documents, []string{"!invalid_json", "!invalid_json", "!invalid_json", `{"id":4,"v":1.5}`}, "NaN and Infinity are not JSON"},
		{"json-nan.json", nanAsNull, []string{`{"id":1,"v":null}`, `{"id":2,"v":null}`, `{"id":3,"v":null}`, `{"id":4,"v":1.5}`}, ""},
		{"json-utf16-nobom.json", feed.Format{Kind: feed.JSON, Encoding: feed.UTF16LE}, []string{`{"a":1}`}, ""},
		{"json-utf16-nobom.json", documents, []string{"!not_json rest"}, "UTF-16 without a byte order mark"},
		{"latin1-cp1252.csv", feed.Format{Kind: feed.CSV, Delimiter: "|", Encoding: feed.Latin1}, []string{
			`{"id":"1","name":"Café “Le Bon” – 5 €","amount":"10"}`, `{"id":"2","name":"O’Hara","amount":"20"}`,
		}, ""},
		{"nd-binary.ndjson", ndjson, []string{"!not_json rest"}, "byte 0x00"},
		{"nd-firehose.json", ndjson, []string{"!invalid_json"}, "JSON() reads documents without line breaks"},
		{"nd-firehose.json", documents, []string{`{"a":1,"s":"}{"}`, `{"a":2}`, `{"a":3}`}, ""},
		{"nd-indented.ndjson", ndjson, []string{"!invalid_json", `{"a":1}`}, "line 1"},
		{"nd-scalars.ndjson", ndjson, []string{"!invalid_json", `"a"`}, "line 1"},
		{"test-prefix.zip", documents, []string{"!not_json rest"}, ""},
		{"zip-nested-4.zip", documents, []string{`{"n":1}`}, ""},
		{"zip-sfx-shebang.zip", documents, []string{"!not_json rest"}, ""},
	}
	tested := map[string]bool{}
	for _, tc := range tests {
		tested[tc.file] = true
		content, err := os.ReadFile(filepath.Join("testdata", "inputs", tc.file))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprintf("%s as %s", tc.file, tc.format.Kind), func(t *testing.T) {
			check(t, tc.file, content, tc.format, tc.want, tc.detail)
		})
	}
	files, err := os.ReadDir(filepath.Join("testdata", "inputs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !tested[f.Name()] {
			t.Errorf("%s has no test", f.Name())
		}
	}
}

// TestGeneratedInputs has the same for files that are too large to keep.
func TestGeneratedInputs(t *testing.T) {
	long := strings.Repeat("x", 300_000) + "\n" + `{"a":1}` + "\n"
	check(t, "long.ndjson", []byte(long), feed.Format{Kind: feed.NDJSON}, []string{"!invalid_json", `{"a":1}`}, "line 1, byte 0")
	var empty bytes.Buffer
	if err := tar.NewWriter(&empty).Close(); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{empty.Len(), 10_240} {
		check(t, "empty.tar", make([]byte, size), feed.Format{Kind: feed.JSON}, nil, "")
	}
}

func check(t *testing.T, name string, content []byte, format feed.Format, want []string, detail string) {
	t.Helper()
	v := &visitor{format: format}
	if err := archive.Walk(t.Context(), name, object{bytes.NewReader(content)}, feed.Limits{}, v); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(v.results, want) {
		t.Errorf("%s: got %q, want %q", name, v.results, want)
	}
	if detail != "" && (len(v.details) == 0 || !strings.Contains(v.details[0], detail)) {
		t.Errorf("%s: %q is not part of the details %q", name, detail, v.details)
	}
}
