package archive

import (
	"io"
	"testing"

	"example.com/ingestion/feed"
)

func BenchmarkWalk(b *testing.B) {
	const size = 64 << 20
	for _, name := range []string{"gzip", "tgz", "zip", "stored", "zstd", "snappy"} {
		data := pack(name, size)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				c := &counter{}
				if err := Walk(b.Context(), name, &memObject{data: data}, feed.Limits{}, c); err != nil || c.bytes != size {
					b.Fatal(c.bytes, err)
				}
			}
		})
	}
}

// BenchmarkSmallMembers is a zip of 10,000 members of about 100 bytes.
func BenchmarkSmallMembers(b *testing.B) {
	files := make([]file, 10_000)
	for i := range files {
		files[i] = file{"dir/name.json", noise(100)}
	}
	for name, data := range map[string][]byte{"zip": zipOf(files...), "tar": tarOf(files...)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				v := visitor{entry: func(_ Entry, r io.Reader) error {
					n++
					_, err := io.Copy(io.Discard, r)
					return err
				}}
				if err := Walk(b.Context(), name, &memObject{data: data}, feed.Limits{}, v); err != nil || n != len(files) {
					b.Fatal(n, err)
				}
			}
		})
	}
}
