package record

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"example.com/ingestion/feed"
)

// stored is a Sink that stores everything.
type stored struct {
	records  []string
	rejected []Rejection
}

func (k *stored) Record(_ int64, data []byte) error {
	k.records = append(k.records, string(data))
	return nil
}

func (k *stored) Reject(r Rejection) error {
	r.Raw = bytes.Clone(r.Raw)
	k.rejected = append(k.rejected, r)
	return nil
}

func TestLatin1(t *testing.T) {
	csv := feed.Format{Kind: feed.CSV, Delimiter: "|", Encoding: feed.Latin1}
	lines := feed.Format{Kind: feed.NDJSON, Encoding: feed.Latin1}
	long := strings.Repeat("\xe9", 10_000)
	for name, test := range map[string]struct {
		format feed.Format
		in     string
		want   []string
	}{
		"delimited":      {csv, "name|caf\xe9\nJ\xfcrgen|\xdf\n", []string{`{"name":"Jürgen","café":"ß"}`}},
		"JSON":           {feed.Format{Kind: feed.JSON, Encoding: feed.Latin1}, "[\"\xff\",\"\x80\"]", []string{`"ÿ"`, `"€"`}},
		"Windows-1252":   {csv, "a|b\n\x93quoted\x94|5 \x80 \x96 6\n", []string{`{"a":"“quoted”","b":"5 € – 6"}`}},
		"undefined":      {lines, "\"\x81\"", []string{"\"\u0081\""}},
		"lines":          {lines, "{\"\xe9\":1}\n", []string{`{"é":1}`}},
		"a mark is text": {csv, "\xff\xfe\nx\n", []string{`{"ÿþ":"x"}`}},
		"long":           {lines, `"` + long + `"`, []string{`"` + strings.Repeat("é", 10_000) + `"`}},
	} {
		t.Run(name, func(t *testing.T) {
			var k stored
			result, err := split(iotest.OneByteReader(strings.NewReader(test.in)), test.format, feed.Limits{}, &k, 64)
			if err != nil || len(k.rejected) > 0 || !slices.Equal(k.records, test.want) {
				t.Errorf("records %q, rejected %v, error %v", k.records, k.rejected, err)
			}
			if result.Bytes != int64(len(test.in)) {
				t.Errorf("%d bytes of %d", result.Bytes, len(test.in))
			}
		})
	}
}

// TestLatin1Offset checks that an offset is a position in the entry, not in its UTF-8.
func TestLatin1Offset(t *testing.T) {
	in := "{\"\xe9\":\"\xe9\xe9\"}\n{\"\xe9\":}\n"
	var k stored
	if _, err := split(strings.NewReader(in), feed.Format{Kind: feed.NDJSON, Encoding: feed.Latin1}, feed.Limits{}, &k, 64); err != nil {
		t.Fatal(err)
	}
	if len(k.rejected) != 1 || k.rejected[0].Offset != int64(strings.Index(in, "\n")+1) || string(k.rejected[0].Raw) != `{"é":}` {
		t.Errorf("rejected %+v", k.rejected)
	}
}
