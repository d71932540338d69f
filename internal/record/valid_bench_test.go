package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
)

// orders makes n records of about 533 bytes with nested objects, arrays and
// text above ASCII, one a line.
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

func BenchmarkValid(b *testing.B) {
	data := orders(2000)
	b.Logf("%d bytes a record", len(data)/2000)
	buf := append(data, make([]byte, pad)...)
	b.Run("ours", func(b *testing.B) {
		v := newValidator()
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			for i := 0; i < len(data); {
				e := v.value(buf, i)
				if e < 0 {
					b.Fatal(v.fault)
				}
				i = e + 1
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			for l := range bytes.SplitSeq(data, []byte("\n")) {
				if len(l) > 0 && !json.Valid(l) {
					b.Fatal(string(l))
				}
			}
		}
	})
}
