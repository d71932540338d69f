package archive

import (
	"archive/zip"
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"testing"
	"unicode/utf8"

	"example.com/ingestion/feed"
)

var fuzzLimits = feed.Limits{MaxEntries: 50, MaxEntryBytes: 1 << 20, MaxDepth: 5}

func FuzzWalk(f *testing.F) {
	for _, data := range samples() {
		f.Add(data)
	}
	f.Add(overlapping())
	f.Add(sparseTar(1 << 40))
	f.Add(v7Tar("a", "1"))
	f.Add(s2s("s2"))
	f.Add(join(bz1, bz2))
	f.Add(zipOf(file{"a.tar", string(tarOf(file{"b.zip", string(zipOf(file{"c", "1"}))}))}))
	f.Add(tarOf(file{"a.gz", string(gz("1"))}, file{"b.zst", string(zst("2"))}))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, delivered := 0, int64(0)
		v := visitor{
			entry: func(e Entry, r io.Reader) error {
				if e.Index != entries || !utf8.ValidString(e.Path) {
					t.Errorf("entry %+v, want index %d", e, entries)
				}
				entries++
				n, err := io.Copy(io.Discard, r)
				if delivered += n; n > fuzzLimits.MaxEntryBytes {
					t.Errorf("entry %+v: %d bytes", e, n)
				}
				var d *Damage
				if errors.As(err, &d) {
					return nil
				}
				return err
			},
			damaged: func(d *Damage) error {
				if d.Entry.Index != entries || d.Reason == "" || d.Reason.remedy() == "" {
					t.Errorf("damage %v, want index %d", d, entries)
				}
				entries++
				return nil
			},
		}
		if err := Walk(t.Context(), "object", &memObject{data: data}, fuzzLimits, v); err != nil {
			t.Errorf("a source in memory has no failures: %v", err)
		}
		if most := int64(ratioFree) + feed.DefaultMaxRatio*int64(len(data)); delivered > most*int64(fuzzLimits.MaxDepth) {
			t.Errorf("%d bytes became %d", len(data), delivered)
		}
	})
}

// FuzzZipDirectory compares with the standard library: what this package reads
// without damage is equal to what archive/zip reads.
func FuzzZipDirectory(f *testing.F) {
	f.Add(zipOf(file{"a", "1"}, file{"b", "2"}))
	f.Add(rawZip(true, wideMember(deflated("a", noise(100))), storedMember("b", "2")))
	f.Add(overlapping())
	f.Fuzz(func(t *testing.T, data []byte) {
		if formatOf(data) != formatZip {
			return
		}
		std, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		known := map[uint32]bool{} // checksums of what the library reads
		for _, m := range std.File {
			r, err := m.Open()
			if err != nil {
				continue
			}
			h := crc32.NewIEEE()
			// An error is ignored: the library requires a data descriptor, which
			// contains only what the directory contains too.
			_, _ = io.Copy(h, io.LimitReader(r, 1<<20))
			known[h.Sum32()] = true
			_ = r.Close()
		}
		c := &collector{t: t}
		if err := Walk(t.Context(), "a.zip", &memObject{data: data}, feed.Limits{MaxDepth: 1, MaxEntryBytes: 1 << 20}, c); err != nil {
			t.Fatal(err)
		}
		if c.damages() > 0 {
			return
		}
		for _, s := range c.got {
			// bzip2 and zstd members are beyond the library.
			if !known[crc(s.data)] && !bytes.Contains(data, []byte("BZh")) && !bytes.Contains(data, []byte("\x28\xb5\x2f\xfd")) {
				t.Errorf("%q: %d bytes that archive/zip does not read", s.path, len(s.data))
			}
		}
		if len(c.got) > len(std.File) {
			t.Errorf("%d members, archive/zip has %d", len(c.got), len(std.File))
		}
	})
}
