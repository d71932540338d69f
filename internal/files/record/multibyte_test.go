package record

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"example.com/ingestion/feed"
)

// multibyteTexts is text in each encoding of several bytes per character.
var multibyteTexts = map[feed.Encoding]string{
	"shift_jis": "日本語ｶﾅ\\~", "euc-jp": "日本語ｶﾅ丂", "euc-kr": "한국어", "gbk": "中文€", "gb18030": "中文😀ü", "big5": "中文Ê̄",
}

func TestMultibyteEncodings(t *testing.T) {
	for name, e := range multibyte {
		text := multibyteTexts[name]
		in, err := e.NewEncoder().String(text)
		if name == "big5" { // the encoder has no letters with accents of two characters
			in, err = "\xa4\xa4\xa4\xe5\x88\x62", nil
		}
		if err != nil {
			t.Fatal(err)
		}
		// A byte that begins no character, and what follows it.
		entry := "a|b\n" + in + "|" + strings.Repeat(in, 3000) + "\n" + in + "|\xff\n" + in + "|" + in + "\n" + in + "\n1|2\n"
		second := 4 + len(in) + 1 + 3000*len(in) + 1
		fourth := second + len(in) + 3 + 2*len(in) + 2
		for _, reader := range []string{"whole", "bytes"} {
			r := iotest.DataErrReader(strings.NewReader(entry))
			if reader == "bytes" {
				r = iotest.OneByteReader(r)
			}
			var k stored
			result, err := split(r, feed.Format{Kind: feed.CSV, Delimiter: "|", Encoding: name}, feed.Limits{}, &k, 64)
			if err != nil || result.Bytes != int64(len(entry)) {
				t.Fatalf("%s: %d bytes of %d, %v", name, result.Bytes, len(entry), err)
			}
			escaped := strings.ReplaceAll(text, `\`, `\\`)
			want := []string{`{"a":"` + escaped + `","b":"` + strings.Repeat(escaped, 3000) + `"}`, `{"a":"` + escaped + `","b":"` + escaped + `"}`, `{"a":"1","b":"2"}`}
			if !slices.Equal(k.records, want) {
				t.Errorf("%s: records %.300q, want %.300q", name, k.records, want)
			}
			if len(k.rejected) != 2 || k.rejected[0].Reason != InvalidUTF8 || k.rejected[0].Offset != int64(second) ||
				k.rejected[1].Reason != TooFewFields || k.rejected[1].Offset != int64(fourth) {
				t.Errorf("%s, %s: rejected %+v, want offsets %d and %d", name, reader, k.rejected, second, fourth)
			}
		}
	}
}

// Text is decoded as by golang.org/x/text, read in pieces of any size, and is not valid
// UTF-8 if some of its bytes are not part of a character.
func FuzzMultibyte(f *testing.F) {
	for name, text := range multibyteTexts {
		in, _ := multibyte[name].NewEncoder().String(text)
		f.Add([]byte(in))
		f.Add([]byte("\xff\x81" + in + "\xc3\xa9\x80"))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for name, e := range multibyte {
			want, err := e.NewDecoder().Bytes(in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(newMultibyteReader(iotest.OneByteReader(bytes.NewReader(in)), e))
			valid := !bytes.ContainsRune(want, utf8.RuneError)
			if err != nil || utf8.Valid(got) != valid || valid && !bytes.Equal(got, want) {
				t.Fatalf("%s: %q is %q, want %q, error %v", name, in, got, want, err)
			}
			splitVariants(t, feed.Format{Kind: feed.NDJSON, Encoding: name}, in)
		}
	})
}
