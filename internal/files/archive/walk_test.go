package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"example.com/ingestion/feed"
)

func whole(path, data string) seen { return seen{path: path, data: data, call: "entry"} }

func TestWalkForms(t *testing.T) {
	long := strings.Repeat(`{"a":1}`+"\n", 100_000) // beyond every buffer
	xyz := []file{{"x.json", "1"}, {"d/y.json", ""}, {"d/z.json", long}}
	xyzSeen := []seen{whole("x.json", "1"), whole("d/y.json", ""), whole("d/z.json", long)}
	tests := []struct {
		name string // of the object
		data []byte
		want []seen
	}{
		{"in/a.json", []byte(`{"a":1}`), []seen{whole("a.json", `{"a":1}`)}},
		{"empty.json", nil, []seen{whole("empty.json", "")}},
		{"one-byte", []byte("\x1f"), []seen{whole("one-byte", "\x1f")}},
		{"long.json", []byte(long), []seen{whole("long.json", long)}},
		{"misnamed.zip", []byte("plain"), []seen{whole("misnamed.zip", "plain")}},
		{"BZh", []byte("BZh9 is how a text may begin"), []seen{whole("BZh", "BZh9 is how a text may begin")}},

		{"a.json.gz", gz(long), []seen{whole("a.json.gz", long)}},
		{"empty.gz", gz(""), []seen{whole("empty.gz", "")}},
		{"members.gz", join(gz("a\n"), gz(""), gz("b\n"), gz(long)), []seen{whole("members.gz", "a\nb\n"+long)}},
		{"padded.gz", join(gz("a\n"), make([]byte, 100_000)), []seen{whole("padded.gz", "a\n")}},
		{"a.json.zst", zst(long), []seen{whole("a.json.zst", long)}},
		{
			"frames.zst", join([]byte("\x50\x2a\x4d\x18\x03\x00\x00\x00abc"), zst("a\n"), []byte("\x5f\x2a\x4d\x18\x01\x00\x00\x00a"), zst(long)),
			[]seen{whole("frames.zst", "a\n"+long)},
		},
		{"a.bz2", bz1, []seen{whole("a.bz2", "bzip2 one\n")}},
		{"streams.bz2", join(bz1, bzEmpty, bz2), []seen{whole("streams.bz2", "bzip2 one\nand two\n")}},
		{"empty.bz2", bzEmpty, []seen{whole("empty.bz2", "")}},
		{"a.sz", snap(long), []seen{whole("a.sz", long)}},
		{"a.s2", join(s2s("a\n"), s2s(long)), []seen{whole("a.s2", "a\n"+long)}},

		{"a.xz", xzOf(long), []seen{whole("a.xz", long)}},
		{"streams.xz", join(xz1, make([]byte, 8), xzEmpty, xzOf(long)), []seen{whole("streams.xz", "xz one\n"+long)}},
		{"repeated.xz", xzRepeated, []seen{whole("repeated.xz", repeated)}},
		{"level9.xz", xzLevel9, []seen{whole("level9.xz", "x")}},
		{"empty.xz", xzEmpty, []seen{whole("empty.xz", "")}},
		{"a.lz4", lz4Of(long), []seen{whole("a.lz4", long)}},
		{
			"frames.lz4", join(lz4Of("a\n"), []byte("\x50\x2a\x4d\x18\x03\x00\x00\x00abc"), lz4Of(""), lz4Of(long)),
			[]seen{whole("frames.lz4", "a\n"+long)},
		},
		{"linked.lz4", lz4Linked, []seen{whole("linked.lz4", repeated)}},

		{"a.tar", tarOf(xyz...), xyzSeen},
		{"a.tgz", gz(string(tarOf(xyz...))), xyzSeen},
		{"a.tar.xz", xzOf(string(tarOf(xyz...))), xyzSeen},
		{"a.tar.lz4", lz4Of(string(tarOf(xyz...))), xyzSeen},
		{"a.tar.zst", zst(string(tarOf(xyz...))), xyzSeen},
		{"two.tar", join(tarOf(file{"a", "1"}), make([]byte, 5*512), tarOf(file{"b", "2"})), []seen{whole("a", "1"), whole("b", "2")}},
		{"v7.tar", v7Tar("old.json", "[1]"), []seen{whole("old.json", "[1]")}},
		{"a.zip", zipOf(xyz...), xyzSeen},
		{"empty.zip", zipOf(), nil},
		{"same-names.zip", zipOf(file{"a", "1"}, file{"a", "2"}), []seen{whole("a", "1"), whole("a", "2")}},
		{"prefixed.tar", tarOf(file{"s.zip", string(join([]byte("PK\x03\x04"), zipOf(file{"a", "1"})))}), []seen{whole("s.zip!a", "1")}},
		{
			"methods.zip", rawZip(false,
				storedMember("stored", "abc"), deflated("deflated", long),
				rawMember{name: "bz", method: 12, packed: bz1, size: 10, crc: crc("bzip2 one\n")},
				rawMember{name: "zstd", method: 93, packed: zst(long), size: int64(len(long)), crc: crc(long)},
				rawMember{name: "zstd-old", method: 20, packed: zst("x"), size: 1, crc: crc("x")}),
			[]seen{whole("stored", "abc"), whole("deflated", long), whole("bz", "bzip2 one\n"), whole("zstd", long), whole("zstd-old", "x")},
		},
		{
			"zip64.zip", rawZip(true, wideMember(deflated("a", long)), wideMember(storedMember("b", "2")), storedMember("c", "3")),
			[]seen{whole("a", long), whole("b", "2"), whole("c", "3")},
		},

		{"gz.zip", zipOf(file{"a.gz", string(gz(long))}, file{"b", "2"}), []seen{whole("a.gz", long), whole("b", "2")}},
		{"gz.gz", gz(string(gz(long))), []seen{whole("gz.gz", long)}},
		{
			"zip.tar", tarOf(file{"in/a.zip", string(zipOf(xyz...))}, file{"b", "2"}),
			[]seen{whole("in/a.zip!x.json", "1"), whole("in/a.zip!d/y.json", ""), whole("in/a.zip!d/z.json", long), whole("b", "2")},
		},
		{"zip.gz", gz(string(zipOf(file{"a", "1"}))), []seen{whole("a", "1")}},
		{"zip.zip", zipOf(file{"a.zip", string(zipOf(file{"b", "2"}))}, file{"c", "3"}), []seen{whole("a.zip!b", "2"), whole("c", "3")}},
		{"xz.xz", xzOf(string(xzOf(long))), []seen{whole("xz.xz", long)}},
		{"tgz.zip", zipOf(file{"o.tgz", string(gz(string(tarOf(file{"i/x", "1"}))))}, file{"c", "3"}), []seen{whole("o.tgz!i/x", "1"), whole("c", "3")}},
		{"tar.tar", tarOf(file{"o.tar", string(tarOf(file{"i", "1"}))}, file{"c", "3"}), []seen{whole("o.tar!i", "1"), whole("c", "3")}},
	}
	reads := map[string]func(io.Reader) ([]byte, error){
		"all":   io.ReadAll,
		"halve": func(r io.Reader) ([]byte, error) { return io.ReadAll(iotest.HalfReader(r)) },
		"big":   readBig,
	}
	for _, tt := range tests {
		for how, read := range reads {
			t.Run(tt.name+"/"+how, func(t *testing.T) {
				c := &collector{t: t, read: read}
				if err := Walk(t.Context(), tt.name, &memObject{data: tt.data}, feed.Limits{}, c); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(c.got, tt.want) {
					t.Errorf("got %v\nwant %v", brief(c.got), brief(tt.want))
				}
			})
		}
	}
}

func readBig(r io.Reader) ([]byte, error) {
	var out []byte
	b := make([]byte, 1<<20)
	for {
		n, err := r.Read(b)
		if out = append(out, b[:n]...); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return out, err
		}
	}
}

func brief(s []seen) string {
	var b strings.Builder
	for _, e := range s {
		fmt.Fprintf(&b, "\n  %s %q %.40q (%d bytes) %s@%d", e.call, e.path, e.data, len(e.data), e.reason, e.offset)
	}
	return b.String()
}

// v7Tar returns a tar in the format before ustar: without a magic number, with a checksum.
func v7Tar(name, data string) []byte {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	copy(h[124:], fmt.Sprintf("%011o\x00%011o\x00", len(data), 0))
	copy(h[148:], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	body := make([]byte, 512)
	copy(body, data)
	return join(h, body, make([]byte, 1024))
}

func TestSkippedMembers(t *testing.T) {
	appleDouble := "\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X"
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "d/", Typeflag: tar.TypeDir},
		{Name: "link", Linkname: "a.json", Typeflag: tar.TypeSymlink},
		{Name: "hard", Linkname: "a.json", Typeflag: tar.TypeLink},
		{Name: "fifo", Typeflag: tar.TypeFifo},
		{Name: "incremental/", Size: 9, Typeflag: 'D'},
		{Name: "PaxHeader", Size: 5, Typeflag: 'X'},
		{Name: ".DS_Store", Size: 1, Typeflag: tar.TypeReg},
		{Name: "d/._a.json", Size: int64(len(appleDouble)), Typeflag: tar.TypeReg},
		{Name: "d/._b.json", Size: 2, Typeflag: tar.TypeReg},
	} {
		check(w.WriteHeader(&h))
		must(io.WriteString(w, (appleDouble + "xx")[:h.Size]))
	}
	check(w.Close())
	// ._b.json has the name of a resource fork, but not the content.
	if got, want := walk(t, "a.tar", b.Bytes(), feed.Limits{}), []seen{whole("d/._b.json", "\x00\x05")}; !reflect.DeepEqual(got, want) {
		t.Errorf("tar: got %v\nwant %v", brief(got), brief(want))
	}

	link := storedMember("link", "a.json")
	link.attrs = 0o120777 << 16
	z := rawZip(false, storedMember("d/", ""), link, storedMember("__MACOSX/._a", "x"), storedMember("d/.DS_Store", "x"),
		storedMember(`w\`, ""), storedMember("d/._a", appleDouble), storedMember("a", "1"))
	if got, want := walk(t, "a.zip", z, feed.Limits{}), []seen{whole("a", "1")}; !reflect.DeepEqual(got, want) {
		t.Errorf("zip: got %v\nwant %v", brief(got), brief(want))
	}
}

// TestEmptyTar reads the end of an archive without members, and zeros that are none.
func TestEmptyTar(t *testing.T) {
	for blocks, want := range map[int][]seen{
		2: nil, 20: nil,
		1: {whole("a", string(make([]byte, tarBlock)))}, 21: {whole("a", string(make([]byte, 21*tarBlock)))},
	} {
		data := make([]byte, blocks*tarBlock)
		if got := walk(t, "a", data, feed.Limits{}); !reflect.DeepEqual(got, want) {
			t.Errorf("%d blocks: got %v", blocks, brief(got))
		}
		if got := walk(t, "a", gz(string(data)), feed.Limits{}); !reflect.DeepEqual(got, want) {
			t.Errorf("%d blocks, compressed: got %v", blocks, brief(got))
		}
	}
	odd := make([]byte, 2*tarBlock+1)
	if got, want := walk(t, "a", odd, feed.Limits{}), []seen{whole("a", string(odd))}; !reflect.DeepEqual(got, want) {
		t.Errorf("not whole blocks: got %v", brief(got))
	}
}

func TestZipWithPrefix(t *testing.T) {
	// In a zip that something was put before, offsets are off by its length.
	data := zipOf(file{"a", "1"}, file{"b", "2"})
	prefix := []byte("PK\x03\x04 and whatever else")
	want := []seen{whole("a", "1"), whole("b", "2")}
	for name, z := range map[string][]byte{
		"plain": join(prefix, data),
		"zip64": join(prefix, rawZip(true, storedMember("a", "1"), storedMember("b", "2"))),
	} {
		if got := walk(t, "a.zip", z, feed.Limits{}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v\nwant %v", name, brief(got), brief(want))
		}
	}
}

func TestZipWithManyMembers(t *testing.T) {
	const n = 70_000 // more than a directory without Zip64 can count
	files := make([]file, n)
	for i := range files {
		files[i] = file{fmt.Sprintf("%d.json", i), strconv.Itoa(i)}
	}
	data := zipOf(files...)
	o, c := &memObject{data: data}, &collector{t: t}
	if err := Walk(t.Context(), "a.zip", o, feed.Limits{}, c); err != nil {
		t.Fatal(err)
	}
	if len(c.got) != n {
		t.Fatalf("%d entries, want %d", len(c.got), n)
	}
	for i, s := range c.got {
		if s != whole(files[i].name, files[i].data) {
			t.Fatalf("entry %d: %+v", i, s)
		}
	}
	// Long ranges, not one for each member.
	if most := len(data)/(256<<10) + 10; o.ranges.Load() > int64(most) {
		t.Errorf("%d ranged reads of %d bytes, want at most %d", o.ranges.Load(), len(data), most)
	}
}

// TestUnreadEntries checks that an entry can be read after one that was not read to its end.
func TestUnreadEntries(t *testing.T) {
	long := strings.Repeat("0123456789", 200_000)
	files := []file{{"a", long}, {"b", long}, {"c.gz", string(gz(long))}, {"d", "4"}}
	for name, data := range map[string][]byte{
		"zip": zipOf(files...), "tar": tarOf(files...), "tar.gz": gz(string(tarOf(files...))),
	} {
		for _, n := range []int64{0, 10, 700_000} {
			c := &collector{t: t, read: func(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, n)) }}
			if err := Walk(t.Context(), name, &memObject{data: data}, feed.Limits{}, c); err != nil {
				t.Fatal(err)
			}
			want := []seen{whole("a", long[:n]), whole("b", long[:n]), whole("c.gz", long[:n]), whole("d", "4"[:min(n, 1)])}
			if !reflect.DeepEqual(c.got, want) {
				t.Errorf("%s, %d bytes: got %v", name, n, brief(c.got))
			}
		}
	}
}

type visitor struct {
	entry   func(Entry, io.Reader) error
	damaged func(*Damage) error
}

func (v visitor) Entry(e Entry, r io.Reader) error { return v.entry(e, r) }
func (v visitor) Damaged(d *Damage) error          { return v.damaged(d) }

func TestVisitorErrors(t *testing.T) {
	errFull := errors.New("disk full")
	encrypted := storedMember("e", "x")
	encrypted.flags = 1
	for name, data := range map[string][]byte{
		"tar.gz": gz(string(tarOf(file{"a", "1"}, file{"b", "2"}))),
		"zip":    zipOf(file{"a", "1"}, file{"b", "2"}),
		"damage": rawZip(false, encrypted, encrypted),
	} {
		calls := 0
		v := visitor{
			func(Entry, io.Reader) error { calls++; return errFull },
			func(*Damage) error { calls++; return errFull },
		}
		if err := Walk(t.Context(), name, &memObject{data: data}, feed.Limits{}, v); !same(err, errFull) || calls != 1 {
			t.Errorf("%s: error %v after %d calls", name, err, calls)
		}
	}
}

func TestReadAfterEntry(t *testing.T) {
	var kept io.Reader
	v := visitor{entry: func(_ Entry, r io.Reader) error { kept = r; return nil }}
	if err := Walk(t.Context(), "a", &memObject{data: gz("abc")}, feed.Limits{}, v); err != nil {
		t.Fatal(err)
	}
	if n, err := kept.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read after Entry: %d, %v", n, err)
	}
}

func TestContext(t *testing.T) {
	long := strings.Repeat("x", 10<<20)
	for name, data := range map[string][]byte{
		"gz": gz(long), "zip": zipOf(file{"a", long}), "nested": gz(string(zipOf(file{"a", long}))), "plain": []byte(long),
	} {
		ctx, cancel := context.WithCancel(t.Context())
		v := visitor{entry: func(_ Entry, r io.Reader) error {
			cancel()
			_, err := io.Copy(io.Discard, r)
			return err
		}}
		if err := Walk(ctx, name, &memObject{data: data}, feed.Limits{}, v); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestDisplayName(t *testing.T) {
	for in, want := range map[string]string{
		"a/b.json":                "a/b.json",
		"h\xc3\xa9":               "hé",
		"caf\x82":                 `caf\x82`,
		"a\x00\n\x7f":             `a\x00\x0a\x7f`,
		"\xc2\x85":                `\xc2\x85`,
		"../../etc/passwd":        "../../etc/passwd",
		strings.Repeat("n", 5000): strings.Repeat("n", maxNameLen+1) + "...",
	} {
		if got := displayName([]byte(in)); got != want {
			t.Errorf("displayName(%.20q) = %q, want %q", in, got, want)
		}
	}
}

func TestByteRanges(t *testing.T) {
	var e byteRanges
	steps := []struct {
		start, end int64
		free       bool
		ranges     int
	}{
		{100, 200, true, 1},
		{200, 300, true, 1}, // adjacent
		{316, 400, true, 1}, // a data descriptor between
		{1000, 1100, true, 2},
		{0, 100, true, 2},
		{150, 160, false, 2}, // within
		{399, 500, false, 2}, // at the end
		{990, 1001, false, 2},
		{0, 5000, false, 2},  // around all
		{400, 1000, true, 1}, // the gap
	}
	for _, s := range steps {
		if free := e.add(s.start, s.end); free != s.free || len(e) != s.ranges {
			t.Errorf("add(%d, %d) = %v with %d ranges, want %v with %d", s.start, s.end, free, len(e), s.free, s.ranges)
		}
	}
}
