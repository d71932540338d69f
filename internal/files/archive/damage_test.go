package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"example.com/ingestion/feed"
)

// noise returns text that does not compress well, so that truncation affects the data.
func noise(n int) string {
	rnd := rand.New(rand.NewSource(1))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "{\"v\":%d}\n", rnd.Uint64())
	}
	return b.String()[:n]
}

func TestDamage(t *testing.T) {
	data := noise(200_000)
	half := func(b []byte) []byte { return b[:len(b)/2] }
	broken := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 0xff
		return b
	}
	encrypted := storedMember("secret", "x")
	encrypted.flags = 1
	wrongCRC := deflated("sum", data)
	wrongCRC.crc++
	short := deflated("short", data)
	short.size--
	cut := deflated("cut", data)
	cut.packed = half(cut.packed)
	method := func(name string, n uint16) rawMember {
		m := storedMember(name, "x")
		m.method = n
		return m
	}
	far := storedMember("far", "x")
	far.at = 1 << 30
	lost := storedMember("lost", "x")
	lost.at = 3
	badBlock := deflated("block", data)
	badBlock.packed = bytes.Clone(badBlock.packed)
	copy(badBlock.packed[10_000:], strings.Repeat("\xff", 100))
	threeFiles := tarOf(file{"a", "1"}, file{"b", data}, file{"c", "3"})
	largeDictionary := bytes.Clone(xzLevel9)
	largeDictionary[16] = 29 // 96 MiB
	goodZip := zipOf(file{"a", "1"}, file{"b", "2"})
	dirAt := bytes.Index(goodZip, []byte("PK\x01\x02"))

	tests := []struct {
		name string
		data []byte
		want []string // path, call, reason; * for damage after some but not all bytes
	}{
		{"cut.gz", half(gz(data)), []string{"cut.gz entry truncated *"}},
		{"header.gz", gz(data)[:5], []string{"header.gz entry truncated"}},
		{"trailer.gz", gz(data)[:len(gz(data))-3], []string{"trailer.gz entry truncated ="}},
		{"second.gz", join(gz(data), gz(data)[:5]), []string{"second.gz entry truncated ="}},
		{"method.gz", broken(gz(data), 2), []string{"method.gz entry corrupt"}},
		{"crc.gz", broken(gz(data), len(gz(data))-8), []string{"crc.gz entry corrupt ="}},
		{"garbage.gz", join(gz(data), []byte("garbage")), []string{"garbage.gz entry corrupt ="}},
		{"zeros-garbage.gz", join(gz(data), []byte("\x00\x00garbage")), []string{"zeros-garbage.gz entry corrupt ="}},
		{"cut.zst", zst(data)[:len(zst(data))*9/10], []string{"cut.zst entry truncated *"}},
		{"garbage.zst", join(zst(data), []byte("garbage")), []string{"garbage.zst entry corrupt ="}},
		{"window.zst", []byte("\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00"), []string{"window.zst entry unsupported"}},
		{"cut.bz2", half(bz1), []string{"cut.bz2 entry truncated"}},
		{"crc.bz2", broken(bz1, 12), []string{"crc.bz2 entry corrupt ="}},
		{"crc.sz", broken(snap(data), 15), []string{"crc.sz entry corrupt"}},

		{"cut.xz", half(xzOf(data)), []string{"cut.xz entry truncated *"}},
		{"header.xz", xzOf(data)[:9], []string{"header.xz entry truncated"}},
		{"trailer.xz", xzOf(data)[:len(xzOf(data))-3], []string{"trailer.xz entry truncated ="}},
		{"second.xz", join(xzOf(data), xzOf(data)[:9]), []string{"second.xz entry truncated ="}},
		{"crc.xz", broken(xzOf(data), len(xzOf(data))-30), []string{"crc.xz entry corrupt ="}},
		{"garbage.xz", join(xzOf(data), []byte("this is no stream")), []string{"garbage.xz entry corrupt ="}},
		{"larger.xz", join(xz1, xzLevel9), []string{"larger.xz entry unsupported"}},
		{"huge.xz", largeDictionary, []string{"huge.xz damaged limit_memory"}},
		{"two.xz", xzNested, []string{"two.xz damaged limit_memory"}},
		{"cut.lz4", half(lz4Of(data)), []string{"cut.lz4 entry truncated"}},
		{"header.lz4", lz4Of(data)[:5], []string{"header.lz4 entry truncated"}},
		{"trailer.lz4", lz4Of(data)[:len(lz4Of(data))-3], []string{"trailer.lz4 entry truncated ="}},
		{"second.lz4", join(lz4Of(data), lz4Of(data)[:5]), []string{"second.lz4 entry truncated ="}},
		{"crc.lz4", broken(lz4Of(data), len(lz4Of(data))-4), []string{"crc.lz4 entry corrupt ="}},
		{"garbage.lz4", join(lz4Of(data), []byte("garbage")), []string{"garbage.lz4 entry corrupt ="}},

		{"a.7z", []byte("7z\xbc\xaf\x27\x1c\x00\x04"), []string{"a.7z damaged unsupported"}},
		{"a.rar", []byte("Rar!\x1a\x07\x01\x00"), []string{"a.rar damaged unsupported"}},
		{"legacy.lz4", []byte("\x02\x21\x4c\x18\x64\x40"), []string{"legacy.lz4 damaged unsupported"}},
		{"7z.tar", tarOf(file{"x.7z", "7z\xbc\xaf\x27\x1c"}, file{"b", "2"}), []string{"x.7z damaged unsupported", "b entry"}},

		{"data.tar", threeFiles[:2000], []string{"a entry", "b entry truncated *"}},
		{"header.tar", threeFiles[:1100], []string{"a entry", "header.tar damaged truncated"}},
		{"edge.tar", threeFiles[:1024], []string{"a entry", "edge.tar damaged truncated"}},
		{"broken.tar", broken(threeFiles, 1024), []string{"a entry", "broken.tar damaged corrupt"}},
		{"first.tar", broken(threeFiles, 0), []string{"first.tar damaged corrupt"}},
		{"garbage.tar", join(threeFiles, []byte("garbage")), []string{"a entry", "b entry =", "c entry", "garbage.tar damaged corrupt"}},
		{"cut.tgz", half(gz(string(threeFiles))), []string{"a entry", "b entry truncated *"}},
		{"crc.tgz", broken(gz(string(threeFiles)), len(gz(string(threeFiles)))-8), []string{"a entry", "b entry =", "c entry", "crc.tgz damaged corrupt"}},
		{
			"inner.tar", tarOf(file{"i.tgz", string(half(gz(string(threeFiles))))}, file{"z", "9"}),
			[]string{"i.tgz!a entry", "i.tgz!b entry truncated *", "z entry"},
		},
		{"inner.zip", zipOf(file{"i.gz", string(half(gz(data)))}, file{"z", "9"}), []string{"i.gz entry truncated *", "z entry"}},

		{
			"members.zip", rawZip(false, storedMember("a", "1"), encrypted, wrongCRC, short, cut, badBlock,
				method("d64", 9), method("lzma", 14), method("what", 77), far, lost, storedMember("z", "9")),
			[]string{
				"a entry", "secret damaged encrypted", "sum entry corrupt =", "short entry corrupt =", "cut entry truncated *",
				"block entry corrupt *", "d64 damaged unsupported", "lzma damaged unsupported", "what damaged unsupported",
				"far damaged truncated", "lost damaged corrupt", "z entry",
			},
		},
		{"overlap.zip", overlapping(), []string{"a entry", "b damaged corrupt", "c damaged corrupt", "z entry"}},
		{"cut.zip", half(goodZip), []string{"cut.zip damaged truncated"}},
		{"end.zip", goodZip[:len(goodZip)-1], []string{"end.zip damaged truncated"}},
		{"start.zip", goodZip[30:], nil},
		{"directory.zip", broken(goodZip, dirAt), []string{"directory.zip damaged corrupt"}},
		{"count.zip", broken(goodZip, len(goodZip)-12), []string{"a entry", "b entry", "count.zip damaged corrupt"}},
		{"size.zip", broken(goodZip, len(goodZip)-7), []string{"size.zip damaged truncated"}},
		{"none.zip", join([]byte("PK\x03\x04"), zipOf()), []string{"none.zip damaged corrupt"}},
		{"split.zip", broken(goodZip, len(goodZip)-18), []string{"split.zip damaged unsupported"}},
		{"dir-with-data.zip", rawZip(false, storedMember("d/", "data"), storedMember("z", "9")), []string{"d/ damaged corrupt", "z entry"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := walk(t, tt.name, tt.data, feed.Limits{})
			if tt.want == nil { // without its first bytes it is nothing known
				tt.want = []string{tt.name + " entry"}
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got %v\nwant %q", brief(got), tt.want)
			}
			for i, g := range got {
				w := append(strings.Fields(tt.want[i]), "", "")
				if g.path != w[0] || g.call != w[1] || string(g.reason) != strings.Trim(w[2], "=*") {
					t.Errorf("got %v\nwant %q", brief(got[i:i+1]), tt.want[i])
				}
				switch {
				case strings.HasSuffix(tt.want[i], "*") && (!strings.HasPrefix(data, g.data) || g.data == "" || g.data == data):
					t.Errorf("%s: %d bytes, want some of %d", g.path, len(g.data), len(data))
				case strings.HasSuffix(tt.want[i], "=") && g.data != data && g.data != "bzip2 one\n":
					t.Errorf("%s: %d bytes, want all %d", g.path, len(g.data), len(data))
				}
			}
		})
	}
}

// overlapping returns a zip whose members b and c are inside a, so that its bytes
// would be used three times.
func overlapping() []byte {
	inner := rawZip(false, storedMember("b", "2"))
	inner = inner[:localHeaderLen+2]
	a := storedMember("a", "x"+string(inner)+string(inner))
	b, c := storedMember("b", "2"), storedMember("c", "2")
	b.at = localHeaderLen + 2
	c.at = localHeaderLen + 2 + int64(len(inner))
	return rawZip(false, a, b, c, storedMember("z", "9"))
}

func TestDamageMessage(t *testing.T) {
	z := rawZip(false, storedMember("ok.json", "1"), rawMember{name: "big.json", method: 9, packed: []byte("x"), size: 1})
	var got *Damage
	v := visitor{
		func(Entry, io.Reader) error { return nil },
		func(d *Damage) error { got = d; return nil },
	}
	if err := Walk(t.Context(), "in/z.zip", &memObject{data: z}, feed.Limits{}, v); err != nil {
		t.Fatal(err)
	}
	want := `entry 1 "big.json": unsupported after 0 bytes: zip: compression method 9 (Deflate64, which Windows uses for files over 2 GB): ` +
		`send it plain, or as gzip, zstd, bzip2, snappy, xz, lz4, zip or tar`
	if got.Error() != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !same(errors.Unwrap(got), got.Err) {
		t.Error("Unwrap does not give Err")
	}
}

func samples() map[string][]byte {
	text := noise(3000)
	return map[string][]byte{
		"plain":   []byte(text),
		"gzip":    gz(text),
		"members": join(gz(text[:1000]), gz(text[1000:])),
		"zstd":    zst(text),
		"bzip2":   bz1,
		"xz":      xz1,
		"lz4":     lz4Of(noise(5_000)),
		"snappy":  snap(text),
		"tar":     tarOf(file{"a", text[:1000]}, file{"b", text[1000:]}),
		"tar.gz":  gz(string(tarOf(file{"a", text[:1000]}, file{"b", text[1000:]}))),
		"zip":     zipOf(file{"a", text[:1000]}, file{"b", text[1000:]}),
		"zip64":   rawZip(true, wideMember(deflated("a", text[:1000])), wideMember(deflated("b", text[1000:]))),
		"nested":  gz(string(zipOf(file{"a", string(zst(text[:1000]))}, file{"b", text[1000:]}))),
	}
}

// TestSourceFailures checks failures of the source at every byte: they are never
// damage, and Walk returns the error unchanged, even one that decoders return for damage.
func TestSourceFailures(t *testing.T) {
	for name, data := range samples() {
		for _, fail := range []error{errors.New("connection reset"), io.ErrUnexpectedEOF} {
			for at := range data {
				c := &collector{t: t}
				o := &memObject{data: data, failAt: int64(at), err: fail}
				if err := Walk(t.Context(), name, o, feed.Limits{}, c); !same(err, fail) {
					t.Fatalf("%s fails at byte %d of %d: Walk returned %v, want %v", name, at, len(data), err, fail)
				}
				if c.damages() > 0 {
					t.Fatalf("%s fails at byte %d of %d: damage: %v", name, at, len(data), brief(c.got))
				}
			}
		}
	}
}

// shortObject has a larger size than its stream.
type shortObject struct{ *memObject }

func (o shortObject) Size() int64 { return o.memObject.Size() + 10 }

func TestShortSourceIsNotDamage(t *testing.T) {
	for name, data := range samples() {
		c := &collector{t: t}
		err := Walk(t.Context(), name, shortObject{&memObject{data: data}}, feed.Limits{}, c)
		if !errors.Is(err, io.ErrUnexpectedEOF) || c.damages() > 0 {
			t.Errorf("%s: error %v, %v", name, err, brief(c.got))
		}
	}
}

func TestOpenFailure(t *testing.T) {
	want := errors.New("access denied")
	if err := Walk(t.Context(), "a", unopened{want}, feed.Limits{}, visitor{}); !same(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// TestTruncation truncates objects at every byte and checks that it is reported.
func TestTruncation(t *testing.T) {
	// Below these lengths the magic is not complete, so the rest is plain.
	// Snappy has no end mark, so that its header alone is whole.
	known := map[string]int{"gzip": 2, "members": 2, "zstd": 4, "bzip2": 10, "xz": 6, "lz4": 4, "snappy": 11, "tar": 512, "tar.gz": 2, "zip": 4, "zip64": 4, "nested": 2}
	for name, data := range samples() {
		from, ok := known[name]
		if !ok {
			continue
		}
		full := walk(t, name, data, feed.Limits{})
		for n := from; n < len(data); n++ {
			c := &collector{t: t}
			if err := Walk(t.Context(), name, &memObject{data: data[:n]}, feed.Limits{}, c); err != nil {
				t.Fatalf("%s cut to %d: %v", name, n, err)
			}
			if c.damages() == 0 && (!reflect.DeepEqual(c.got, full) || name != "tar") && !cutBetween(name, data, n) {
				t.Fatalf("%s cut to %d of %d: no damage, got %v", name, n, len(data), brief(c.got))
			}
		}
	}
}

// cutBetween reports whether an object is truncated after a complete gzip member:
// the format has no information that another one is missing.
func cutBetween(name string, data []byte, n int) bool {
	return name == "members" && n == bytes.LastIndex(data, []byte("\x1f\x8b\x08"))
}

// TestNoSilentCorruption changes every byte of objects with checksums: what is read
// without damage is equal to the original.
func TestNoSilentCorruption(t *testing.T) {
	for _, name := range []string{"gzip", "members", "zstd", "bzip2", "xz", "lz4", "zip", "zip64"} {
		data := samples()[name]
		contents := map[string]bool{}
		for _, s := range walk(t, name, data, feed.Limits{}) {
			contents[s.data] = true
		}
		for at := 10; at < len(data); at++ {
			for _, flip := range []byte{0x01, 0x80, 0xff} {
				bad := bytes.Clone(data)
				bad[at] ^= flip
				c := &collector{t: t}
				if err := Walk(t.Context(), name, &memObject{data: bad}, feed.Limits{}, c); err != nil {
					t.Fatalf("%s, byte %d ^ %#x: %v", name, at, flip, err)
				}
				whole := 0
				for _, s := range c.got {
					if s.reason != "" {
						continue
					}
					whole++
					if !contents[s.data] {
						t.Fatalf("%s, byte %d ^ %#x: delivered as sound: %v", name, at, flip, brief(c.got))
					}
				}
				if c.damages() == 0 && whole != len(contents) {
					t.Fatalf("%s, byte %d ^ %#x: %d entries of %d and no damage", name, at, flip, whole, len(contents))
				}
			}
		}
	}
}
