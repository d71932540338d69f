package record

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"example.com/ingestion/feed"
)

// orders returns n records of about 490 bytes with nested objects, arrays and
// non-ASCII text, one per line.
func orders(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	names := []string{"Jürgen Müller", "Ana María", "O'Brien", "李小龙", "Smith", "Zoë"}
	words := []string{"quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "naïve", "café"}
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"order_id":"ord-%08d","created_at":"2024-%02d-%02dT%02d:%02d:%02dZ","customer":{"id":%d,"name":"%s","email":"user%d@example.com","address":{"street":"%d Main St","city":"Springfield","zip":"%05d"}},"items":[`,
			i, rng.IntN(12)+1, rng.IntN(28)+1, rng.IntN(24), rng.IntN(60), rng.IntN(60), rng.IntN(1e6), names[rng.IntN(len(names))], rng.IntN(1e6), rng.IntN(9999), rng.IntN(99999))
		for j := range 1 + rng.IntN(3) {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"sku":"SKU-%06d","qty":%d,"price":%d.%02d}`, rng.IntN(1e6), rng.IntN(20)+1, rng.IntN(500), rng.IntN(100))
		}
		fmt.Fprintf(&b, `],"tags":["%s","%s"],"note":"`, words[rng.IntN(10)], words[rng.IntN(10)])
		for range 8 + rng.IntN(8) {
			b.WriteString(words[rng.IntN(10)])
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, `","total":%d.%02d,"paid":%t,"coupon":null,"geo":{"lat":%.6f,"lon":%.6f}}`+"\n", rng.IntN(5000), rng.IntN(100), rng.IntN(2) == 0, rng.Float64()*180-90, rng.Float64()*360-180)
	}
	return b.Bytes()
}

// discarded is a Sink that counts records.
type discarded struct{ records, rejected int }

func (d *discarded) Record(int64, []byte) error {
	d.records++
	return nil
}

func (d *discarded) Reject(Rejection) error {
	d.rejected++
	return nil
}

// run splits in b.N times; it must have n records.
func run(b *testing.B, f feed.Format, in []byte, n int) {
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		d := &discarded{}
		if _, err := Split(bytes.NewReader(in), f, feed.Limits{}, d); err != nil {
			b.Fatal(err)
		}
		if d.records != n || d.rejected > 0 {
			b.Fatalf("%d records, %d rejected", d.records, d.rejected)
		}
	}
}

const benchRecords = 20_000

func BenchmarkNDJSON(b *testing.B) {
	in := orders(benchRecords)
	b.Run("record", func(b *testing.B) { run(b, feed.Format{Kind: feed.NDJSON}, in, benchRecords) })
	b.Run("record_spaced", func(b *testing.B) {
		run(b, feed.Format{Kind: feed.NDJSON}, spaced(in), benchRecords)
	})
	b.Run("record_as_documents", func(b *testing.B) { run(b, feed.Format{Kind: feed.JSON}, in, benchRecords) })
	b.Run("record_unlearnt", func(b *testing.B) {
		in, n := dictionaries(benchRecords)
		run(b, feed.Format{Kind: feed.NDJSON}, in, n)
	})
	b.Run("peer_encoding_json", func(b *testing.B) {
		b.SetBytes(int64(len(in)))
		for b.Loop() {
			for line := range bytes.SplitSeq(in, []byte("\n")) {
				if len(line) > 0 && !json.Valid(line) {
					b.Fatal(string(line))
				}
			}
		}
	})
}

func BenchmarkArray(b *testing.B) {
	in := append([]byte("["), bytes.ReplaceAll(bytes.TrimSpace(orders(benchRecords)), []byte("\n"), []byte(","))...)
	in = append(in, ']')
	b.Run("record", func(b *testing.B) { run(b, feed.Format{Kind: feed.JSON}, in, benchRecords) })
	b.Run("record_at_path", func(b *testing.B) {
		in := slices.Concat([]byte(`{"type":"orders","items":`), in, []byte("}"))
		run(b, feed.Format{Kind: feed.JSON, Path: "items"}, in, benchRecords)
	})
	b.Run("record_indented", func(b *testing.B) {
		var out bytes.Buffer
		if err := json.Indent(&out, in, "", "  "); err != nil {
			b.Fatal(err)
		}
		run(b, feed.Format{Kind: feed.JSON}, out.Bytes(), benchRecords)
	})
	b.Run("peer_encoding_json", func(b *testing.B) {
		b.SetBytes(int64(len(in)))
		for b.Loop() {
			d := json.NewDecoder(bytes.NewReader(in))
			if _, err := d.Token(); err != nil {
				b.Fatal(err)
			}
			n := 0
			for ; d.More(); n++ {
				var r json.RawMessage
				if err := d.Decode(&r); err != nil {
					b.Fatal(err)
				}
			}
			if n != benchRecords {
				b.Fatal(n)
			}
		}
	})
}

func BenchmarkCSV(b *testing.B) {
	in := airports(benchRecords)
	f := feed.Format{Kind: feed.CSV, Delimiter: "|"}
	b.Run("record", func(b *testing.B) { run(b, f, in, benchRecords) })
	b.Run("record_quoted", func(b *testing.B) {
		all := bytes.ReplaceAll(in, []byte("|"), []byte(`"|"`))
		all = bytes.ReplaceAll(bytes.TrimSpace(all), []byte("\n"), []byte("\"\n\""))
		run(b, f, slices.Concat([]byte(`"`), all, []byte(`"`)), benchRecords)
	})
	b.Run("peer_encoding_csv", func(b *testing.B) {
		b.SetBytes(int64(len(in)))
		for b.Loop() {
			r := csv.NewReader(bytes.NewReader(in))
			r.Comma = '|'
			r.ReuseRecord = true
			n := 0
			for ; ; n++ {
				if _, err := r.Read(); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
			if n != benchRecords+1 {
				b.Fatal(n)
			}
		}
	})
}

// spaced writes a space after each comma and colon outside strings, as Python does.
func spaced(in []byte) []byte {
	var out []byte
	quoted := false
	for i, c := range in {
		if c == '"' && in[i-1] != '\\' {
			quoted = !quoted
		}
		out = append(out, c)
		if !quoted && (c == ',' || c == ':') {
			out = append(out, ' ')
		}
	}
	return out
}

// dictionaries returns n records with different keys.
func dictionaries(n int) ([]byte, int) {
	rng := rand.New(rand.NewPCG(3, 4))
	var b bytes.Buffer
	for range n {
		b.WriteString(`{"id":"x"`)
		for range 24 {
			fmt.Fprintf(&b, `,"k%07x":%d`, rng.Uint32(), rng.IntN(1000))
		}
		b.WriteString("}\n")
	}
	return b.Bytes(), n
}

// airports returns a header and n rows with '|' between the fields.
func airports(n int) []byte {
	rng := rand.New(rand.NewPCG(5, 6))
	cities := []string{"Bay Springs", "Livingston", "Colorado Springs", "Perry", "Hilliard", "San José"}
	var b bytes.Buffer
	b.WriteString("iata|name|city|state|country|latitude|longitude\n")
	for range n {
		city := cities[rng.IntN(len(cities))]
		fmt.Fprintf(&b, "%03X|%s Municipal|%s|%s|USA|%.8f|%.8f\n", rng.IntN(4096), city, city, "MSTXCO"[rng.IntN(5):][:2], rng.Float64()*90, -rng.Float64()*180)
	}
	return b.Bytes()
}
