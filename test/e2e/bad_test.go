package e2e

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/local/feedtest"
)

// features returns a GeoJSON document of n records, some of them replaced by other texts.
func features(n int, instead map[int]string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"type":"FeatureCollection","features":[`)
	for i := range n {
		if i > 0 {
			b.WriteString(",\n")
		}
		if text, ok := instead[i]; ok {
			b.WriteString(text)
		} else {
			fmt.Fprintf(&b, `{"type":"Feature","id":"%d"}`, i)
		}
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func rows(n int, instead map[int]string) []byte {
	var b bytes.Buffer
	b.WriteString("iata|name|city|state|country|latitude|longitude\n")
	for i := range n {
		if text, ok := instead[i]; ok {
			b.WriteString(text + "\n")
		} else {
			fmt.Fprintf(&b, "X%d|Airport %d|Town|State|Land|1.5|-2\n", i, i)
		}
	}
	return b.Bytes()
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// brokenZip returns a zip file of three entries; the second one is corrupt.
func brokenZip(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for i := range 3 {
		w, err := z.Create(fmt.Sprintf("part %d.json", i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(features(50, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	b := buf.Bytes()
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	at, err := r.File[1].DataOffset()
	if err != nil {
		t.Fatal(err)
	}
	// The deflate stream is cut by an invalid block; what was read before it stays.
	for i := at + int64(r.File[1].CompressedSize64)/2; i < at+int64(r.File[1].CompressedSize64); i++ {
		b[i] ^= 0x55
	}
	return b
}

// badFiles puts each kind of invalid file into a feed. Valid records are stored, the
// others are in quarantine with their position and the reason.
func badFiles(t *testing.T, w *fixture) {
	truncated := gzipped(t, features(2000, nil))
	truncated = truncated[:len(truncated)*2/3]
	tests := []struct {
		name    string
		feed    *feedtest.Feed
		key     string
		body    []byte
		records int64  // 0: only the balance is known
		stored  int64  // -1: more than 0, the number is not known
		reasons string // empty: any
		message string // part of the ledger's message
	}{
		{"truncated gzip", w.quakes, "bad/truncated.json.gz", truncated, 0, -1, "truncated", "truncated"},
		{"zip with a broken entry", w.quakes, "bad/broken.zip", brokenZip(t), 0, -1, "", `entry "part 1.json"`},
		{"invalid JSON at record 1000", w.quakes, "bad/invalid.json", features(2000, map[int]string{1000: `{"id":tru}`}), 2000, 1999, "invalid_json", "1000"},
		{"500 KB record", w.quakes, "bad/large.json", features(20, map[int]string{7: `{"x":"` + strings.Repeat("y", 500<<10) + `"}`}), 20, 19, "item_too_large", `entry "large.json", record 7`},
		{"40 levels", w.quakes, "bad/deep.json", features(20, map[int]string{8: strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)}), 20, 19, "nesting_too_deep", `entry "deep.json", record 8`},
		{"empty file", w.quakes, "bad/empty.json", nil, 0, 0, "", "0 bytes"},
		{"not of the format", w.quakes, "bad/picture.json", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), 1, 0, "not_json", "not_json"},
		{"CSV where JSON is due", w.quakes, "bad/table.csv", rows(3, nil), 1, 0, "not_json", "not_json"},
		{"too few fields", w.airports, "bad/few.csv", rows(100, map[int]string{10: "X|Y"}), 100, 99, "too_few_fields", "10"},
		{"too many fields", w.airports, "bad/many.csv", rows(100, map[int]string{11: "X|Y|Z|?|?|?|?|?"}), 100, 99, "too_many_fields", "11"},
		{"binary where text is due", w.airports, "bad/binary.csv", []byte("\x00\x01\x02\x03|\x04\n"), 1, 0, "not_delimited_text", "not_delimited_text"},
	}
	for _, test := range tests {
		if _, err := test.feed.Put(t.Context(), feedtest.File{Key: test.key, Body: test.body}); err != nil {
			t.Fatal(err)
		}
		w.expected[test.feed]++
	}
	w.wait(t, w.quakes)
	w.wait(t, w.airports)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := w.ledgerOf(t, test.feed, test.key)
			n, err := test.feed.CountItems(t.Context(), u)
			if err != nil {
				t.Fatal(err)
			}
			if !u.Balanced() || n != u.Stored || test.records > 0 && u.Records != test.records ||
				test.stored >= 0 && u.Stored != test.stored || test.stored < 0 && u.Stored == 0 {
				t.Errorf("%d items in the table, ledger %+v", n, u)
			}
			if !strings.Contains(u.Message, test.message) {
				t.Errorf("message is %q, want %q in it", u.Message, test.message)
			}
			t.Logf("message: %.300s", u.Message)
			got := w.quarantined(t, test.feed, u)
			if int64(len(got)) != u.Quarantined() {
				t.Errorf("%d records in quarantine, the ledger says %d", len(got), u.Quarantined())
			}
			for _, r := range got {
				if test.reasons != "" && r.Reason != test.reasons || r.Reason == "" || r.Feed != test.feed.Name || r.Source != u.Source() || r.Detail == "" || r.ID == "" {
					t.Errorf("quarantined: %.500v", r)
				}
				if r.Copy != "" && !bytes.Equal(w.get(t, test.feed, r.Copy), test.body) {
					t.Errorf("%s is no copy of the source", r.Copy)
				}
				t.Logf("quarantined: ordinal %d, %s: %.300s", r.Ordinal, r.Reason, r.Detail)
			}
		})
	}
	for _, r := range w.quarantined(t, w.quakes, w.ledgerOf(t, w.quakes, "bad/broken.zip")) {
		if r.Entry != "part 1.json" {
			t.Errorf("a sound entry is in quarantine: %.300v", r)
		}
	}
	if u := w.ledgerOf(t, w.quakes, "bad/broken.zip"); u.Stored < 100 || u.Entries != 3 {
		t.Errorf("the sound entries of the zip are not stored: %+v", u)
	}
	wholeInQuarantine(t, w, "bad/large.json", 7, `{"x":"`+strings.Repeat("y", 500<<10)+`"}`)
}

// wholeInQuarantine checks that a quarantined record has the original bytes.
func wholeInQuarantine(t *testing.T, w *fixture, key string, ordinal int64, want string) {
	t.Helper()
	for _, r := range w.quarantined(t, w.quakes, w.ledgerOf(t, w.quakes, key)) {
		if r.Ordinal == ordinal && r.Raw == want {
			return
		}
	}
	t.Errorf("%s: record %d is not whole in quarantine", key, ordinal)
}

// plain converts an attribute value to the value that encoding/json decodes, with
// numbers as they were written.
func plain(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberBOOL:
		return v.Value
	case *types.AttributeValueMemberL:
		list := make([]any, 0, len(v.Value))
		for _, e := range v.Value {
			list = append(list, plain(e))
		}
		return list
	case *types.AttributeValueMemberM:
		m := map[string]any{}
		for name, e := range v.Value {
			m[name] = plain(e)
		}
		return m
	}
	return nil
}
