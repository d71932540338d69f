package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"example.com/ingestion/feed"

	"github.com/klauspost/compress/zstd"
)

// zeros reads n zero bytes.
func zeros(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// bomb returns n zeros as zstd, with a ratio of about thirty thousand.
func bomb(n int64) []byte {
	var b bytes.Buffer
	w := must(zstd.NewWriter(&b))
	must(io.Copy(w, zeros(n)))
	check(w.Close())
	return b.Bytes()
}

// counter is a Visitor that counts and stores no content.
type counter struct {
	bytes    int64
	entries  int
	reasons  []Reason
	messages []string
}

func (c *counter) Entry(_ Entry, r io.Reader) error {
	c.entries++
	n, err := io.Copy(io.Discard, r)
	c.bytes += n
	var d *Damage
	if errors.As(err, &d) {
		return c.Damaged(d)
	}
	return err
}

func (c *counter) Damaged(d *Damage) error {
	c.reasons = append(c.reasons, d.Reason)
	c.messages = append(c.messages, d.Error())
	return nil
}

func count(t *testing.T, data []byte, limits feed.Limits) *counter {
	t.Helper()
	c := &counter{}
	if err := Walk(t.Context(), "object", &memObject{data: data}, limits, c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRatio(t *testing.T) {
	const size = 1 << 30
	b := bomb(size)
	member := rawMember{name: "bomb", method: 93, packed: b, size: size}
	sparse := sparseTar(size)
	for name, data := range map[string][]byte{
		"zstd":       b,
		"tar.zst":    zst(string(tarOf(file{"a", string(b)}))),
		"zip":        rawZip(false, member, storedMember("after", "1")),
		"two layers": gz(string(b)),
		"nested zip": gz(string(rawZip(false, member))),
		"sparse tar": sparse,
	} {
		c := count(t, data, feed.Limits{})
		if !reflect.DeepEqual(c.reasons, []Reason{LimitRatio}) || c.bytes < 60<<20 || c.bytes > 80<<20 {
			t.Errorf("%s of %d bytes: %d entries, %d bytes delivered, %q", name, len(data), c.entries, c.bytes, c.messages)
		}
	}
	if c := count(t, b, feed.Limits{MaxRatio: 100_000}); c.reasons != nil || c.bytes != size {
		t.Errorf("with a higher limit: %d bytes, %q", c.bytes, c.messages)
	}
	if c := count(t, bomb(60<<20), feed.Limits{MaxRatio: 1}); c.reasons != nil {
		t.Errorf("60 MiB are free: %q", c.messages)
	}
}

// sparseTar returns a GNU tar with a sparse file that has no data.
func sparseTar(size int64) []byte {
	b := tarOf(file{"hole", ""})
	h := b[:512]
	h[156] = 'S'
	copy(h[257:], "ustar  \x00")
	clear(h[265:512])
	copy(h[483:], fmt.Sprintf("%011o\x00", size))
	copy(h[148:], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

func TestEntryLimits(t *testing.T) {
	files := []file{{"a", "1"}, {"b", "2"}, {".DS_Store", ""}, {"c", "3"}}
	for name, data := range map[string][]byte{
		"tar": tarOf(files...), "zip": zipOf(files...),
		"nested": tarOf(file{"i.zip", string(zipOf(files[:2]...))}, files[3]),
	} {
		if c := count(t, data, feed.Limits{MaxEntries: 3}); !reflect.DeepEqual(c.reasons, []Reason{LimitEntries}) || c.entries != 2 {
			t.Errorf("%s: %d entries, %q", name, c.entries, c.messages)
		}
		if c := count(t, data, feed.Limits{MaxEntries: 4}); c.reasons != nil {
			t.Errorf("%s at the limit: %q", name, c.messages)
		}
	}
}

func TestEntryBytes(t *testing.T) {
	files := []file{{"a", "12345"}, {"b", strings.Repeat("x", 1_000_000)}, {"c.gz", string(gz("123456"))}, {"d", "9"}}
	want := []seen{
		whole("a", "12345"),
		{"b", "xxxxx", LimitEntryBytes, 5, "entry"},
		{"c.gz", "12345", LimitEntryBytes, 5, "entry"},
		whole("d", "9"),
	}
	for name, data := range map[string][]byte{"tar": tarOf(files...), "zip": zipOf(files...), "tgz": gz(string(tarOf(files...)))} {
		if got := walk(t, name, data, feed.Limits{MaxEntryBytes: 5}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v", name, brief(got))
		}
	}
}

func TestDepth(t *testing.T) {
	layers := func(n int) []byte {
		b := []byte("core")
		for range n {
			b = gz(string(b))
		}
		return b
	}
	if got := walk(t, "a", layers(4), feed.Limits{}); !reflect.DeepEqual(got, []seen{whole("a", "core")}) {
		t.Errorf("four layers: %v", brief(got))
	}
	deep := []seen{{path: "a", reason: LimitDepth, call: "damaged"}}
	if got := walk(t, "a", layers(5), feed.Limits{}); !reflect.DeepEqual(got, deep) {
		t.Errorf("five layers: %v", brief(got))
	}
	if got := walk(t, "a", layers(17), feed.Limits{MaxDepth: 16}); !reflect.DeepEqual(got, deep) {
		t.Errorf("seventeen layers: %v", brief(got))
	}
	inArchives := tarOf(file{"t", string(zipOf(file{"z", string(layers(1))}, file{"y", "1"}))}, file{"x", "2"})
	want := []seen{{path: "t!z", reason: LimitDepth, call: "damaged"}, whole("t!y", "1"), whole("x", "2")}
	if got := walk(t, "a", inArchives, feed.Limits{MaxDepth: 2}); !reflect.DeepEqual(got, want) {
		t.Errorf("in archives: %v", brief(got))
	}

	// Each zstd layer may need a window of 8 MiB.
	b := []byte("core")
	for range 3 {
		b = zst(string(b))
	}
	large := []seen{{path: "a", reason: LimitMemory, call: "damaged"}}
	if got := walk(t, "a", b, feed.Limits{}); !reflect.DeepEqual(got, large) {
		t.Errorf("three zstd layers: %v", brief(got))
	}

	// Of nested zips, the default depth fits in memory.
	nested := "core"
	for range 4 {
		nested = string(zipOf(file{"z", nested}))
	}
	if got, want := walk(t, "a", []byte(nested), feed.Limits{}), []seen{whole("z!z!z!z", "core")}; !reflect.DeepEqual(got, want) {
		t.Errorf("four nested zips: %v", brief(got))
	}
	if got := walk(t, "a", zipOf(file{"z", nested}), feed.Limits{}); len(got) != 1 || got[0].reason != LimitDepth {
		t.Errorf("five nested zips: %v", brief(got))
	}
}

func TestNestedZipInFile(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	big := noise(nestedZipInMemory + 1<<20)
	inner := rawZip(false, storedMember("big", big), storedMember("small", "1"))
	outer := tarOf(file{"i.zip", string(inner)}, file{"after", "2"})
	want := []seen{whole("i.zip!big", big), whole("i.zip!small", "1"), whole("after", "2")}
	if got := walk(t, "o.tar", outer, feed.Limits{}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", brief(got))
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	// Without temporary space the walk fails, to be tried elsewhere: the data is good.
	t.Setenv("TMPDIR", t.TempDir()+"/none")
	c := &collector{t: t}
	if err := Walk(t.Context(), "o.tar", &memObject{data: outer}, feed.Limits{}, c); err == nil || len(c.got) > 0 {
		t.Errorf("without a temporary folder: %v, %v", err, brief(c.got))
	}
}

func TestNestedZipTooLarge(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var b bytes.Buffer
	w := must(zstd.NewWriter(&b))
	must(io.Copy(w, io.MultiReader(strings.NewReader("PK\x03\x04"), zeros(nestedZipBytes))))
	check(w.Close())
	if c := count(t, b.Bytes(), feed.Limits{MaxRatio: 1_000_000}); !reflect.DeepEqual(c.reasons, []Reason{LimitNestedZip}) {
		t.Errorf("%q", c.messages)
	}
}
