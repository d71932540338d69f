package archive

import (
	"archive/zip"
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"testing"
	"unicode/utf8"

	"ingestion/internal/feed"
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

// FuzzZipDirectory compares the directory's reader with the standard
// library's: what that reads whole is read here the same, or refused.
func FuzzZipDirectory(f *testing.F) {
	f.Add(zipOf(file{"a", "1"}, file{"b", "2"}))
	f.Add(rawZip(true, wideMember(deflated("a", noise(100))), storedMember("b", "2")))
	f.Add(overlapping())
	f.Fuzz(func(t *testing.T, data []byte) {
		if sniff(data) != formatZip {
			return
		}
		std, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		known := map[uint32]bool{} // checksums of what the library delivers
		for _, m := range std.File {
			r, err := m.Open()
			if err != nil {
				continue
			}
			h := crc32.NewIEEE()
			if _, err = io.Copy(h, io.LimitReader(r, 1<<20)); err == nil {
				known[h.Sum32()] = true
			}
			_ = r.Close()
		}
		c := &collector{t: t}
		if err := Walk(t.Context(), "a.zip", &memObject{data: data}, feed.Limits{MaxDepth: 1, MaxEntryBytes: 1 << 20}, c); err != nil {
			t.Fatal(err)
		}
		sound := 0
		for _, s := range c.got {
			if s.reason == "" {
				sound++
			}
			// bzip2 and zstd members are beyond the library.
			if s.reason == "" && !known[crc(s.data)] && !bytes.Contains(data, []byte("BZh")) && !bytes.Contains(data, []byte("\x28\xb5\x2f\xfd")) {
				t.Errorf("%q: %d bytes that archive/zip does not deliver", s.path, len(s.data))
			}
		}
		if sound > len(std.File) {
			t.Errorf("%d members, archive/zip has %d", sound, len(std.File))
		}
	})
}
