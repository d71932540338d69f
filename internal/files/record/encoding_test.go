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
		"delimited":                  {csv, "name|caf\xe9\nJ\xfcrgen|\xdf\n", []string{`{"name":"Jürgen","café":"ß"}`}},
		"JSON":                       {feed.Format{Kind: feed.JSON, Encoding: feed.Latin1}, "[\"\xff\",\"\x80\"]", []string{`"ÿ"`, `"€"`}},
		"Windows-1252":               {csv, "a|b\n\x93quoted\x94|5 \x80 \x96 6\n", []string{`{"a":"“quoted”","b":"5 € – 6"}`}},
		"undefined":                  {lines, "\"\x81\"", []string{"\"\u0081\""}},
		"lines":                      {lines, "{\"\xe9\":1}\n", []string{`{"é":1}`}},
		"a mark is text":             {csv, "\xff\xfe\nx\n", []string{`{"ÿþ":"x"}`}},
		"UTF-8 with a mark":          {csv, "\xef\xbb\xbfcaf\xc3\xa9|b\n1|2\n", []string{`{"café":"1","b":"2"}`}},
		"UTF-16 with a mark":         {csv, "\xff\xfea\x00\n\x00\xe9\x00", []string{`{"a":"é"}`}},
		"UTF-16 without a mark":      {feed.Format{Kind: feed.CSV, Delimiter: "|", Encoding: feed.UTF16LE}, "a\x00\n\x00\xe9\x00", []string{`{"a":"é"}`}},
		"UTF-16 big endian":          {feed.Format{Kind: feed.NDJSON, Encoding: feed.UTF16BE}, "\x00\"\x20\xac\x00\"", []string{`"€"`}},
		"UTF-16 declared and marked": {feed.Format{Kind: feed.NDJSON, Encoding: feed.UTF16BE}, "\xff\xfe\"\x00\xac\x20\"\x00", []string{`"€"`}},
		"ISO 8859-2":                 {feed.Format{Kind: feed.NDJSON, Encoding: "iso-8859-2"}, "\"\xb1\"", []string{`"ą"`}},
		"KOI8-R":                     {feed.Format{Kind: feed.NDJSON, Encoding: "koi8-r"}, "\"\xcd\xc9\xd2\"", []string{`"мир"`}},
		"EBCDIC":                     {feed.Format{Kind: feed.CSV, Delimiter: "|", Encoding: "ibm037"}, "\x81\x4f\x82\x25\xf1\x4f\xf2\x25", []string{`{"a":"1","b":"2"}`}},
		"EBCDIC with NL":             {feed.Format{Kind: feed.FixedWidth, Columns: []string{"a", "b"}, Widths: []int{1, 2}, Encoding: "ibm1047"}, "\xc1\xf1\xf2\x15\xc2\x40\xf3\x15", []string{`{"a":"A","b":"12"}`, `{"a":"B","b":"3"}`}},
		"long":                       {lines, `"` + long + `"`, []string{`"` + strings.Repeat("é", 10_000) + `"`}},
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

// Every encoding that a feed can have is decoded, and a byte that is undefined in it does
// not become a character.
func TestEncodings(t *testing.T) {
	for _, encoding := range feed.Encodings {
		if encoding == feed.UTF16LE || encoding == feed.UTF16BE || multibyte[encoding] != nil {
			continue
		}
		table, err := charTable(encoding)
		if err != nil {
			t.Error(err)
			continue
		}
		seen := map[string]int{}
		lead, continuation := false, false // undefined bytes which together may be UTF-8
		for c, text := range table {
			if other, ok := seen[text]; ok && text != "\n" { // EBCDIC has two line breaks
				t.Errorf("%s: bytes %#x and %#x are both %q", encoding, c, other, text)
			}
			seen[text] = c
			if len(text) == 1 && c >= 0x80 {
				lead = lead || text[0] >= 0xC2
				continuation = continuation || text[0] < 0xC0
			}
		}
		if lead && continuation {
			t.Logf("%s has undefined bytes that may be UTF-8 together", encoding)
		}
	}
	if decoded := len(charmaps) + len(multibyte) + 2; decoded != len(feed.Encodings) {
		t.Errorf("%d encodings are decoded, a feed can have %d", decoded, len(feed.Encodings))
	}
	c := collect(t, strings.NewReader("\"a\"\n\"\xff\"\n"), feed.Format{Kind: feed.NDJSON, Encoding: "iso-8859-7"}, feed.Limits{})
	if got := c.lines(t); len(got) != 2 || got[1] != "!invalid_utf8 @4 \"\\\"\\xff\\\"\"" {
		t.Errorf("an undefined byte: %q", got)
	}
	if _, err := Split(strings.NewReader("1"), feed.Format{Kind: feed.NDJSON, Encoding: "other"}, feed.Limits{}, &collected{}); err == nil {
		t.Error("an unknown encoding is read")
	}
}
