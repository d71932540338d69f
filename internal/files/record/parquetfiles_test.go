package record

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"example.com/ingestion/feed"
)

var update = flag.Bool("update", false, "write the golden files")

// parquetSuite returns the files with which the Parquet library is tested: those of
// Apache's parquet-testing, and others that Spark, Impala, Arrow, Rust and AWS DMS wrote.
// They are in the module, whose version go.mod pins.
func parquetSuite(t *testing.T) map[string]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/parquet-go/parquet-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimSpace(string(out))
	files := map[string]string{}
	for _, pattern := range []string{"testdata/*.parquet", "testdata/*/*.parquet", "deprecated/testdata/*.parquet"} {
		matches, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range matches {
			rel, err := filepath.Rel(dir, m)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.ToSlash(rel)] = m
		}
	}
	if len(files) < 40 {
		t.Fatalf("%d files in %s", len(files), dir)
	}
	return files
}

// TestParquetSuite reads each file, as a whole and in windows, and compares the number of
// records with that in the footer, and the first records with a golden file.
func TestParquetSuite(t *testing.T) {
	var got bytes.Buffer
	files := parquetSuite(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b, err := os.ReadFile(files[name])
		if err != nil {
			t.Fatal(err)
		}
		f := feed.Format{Kind: feed.Parquet, NaNAsNull: true}
		c := collect(t, bytes.NewReader(b), f, feed.Limits{})
		lines := c.lines(t)
		var windows collected
		p := newParquetReader(f, feed.Limits{}, &windows)
		p.groupBytes = 1
		if _, err := p.split(atRandom{failing{t}, bytes.NewReader(b), int64(len(b))}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if other := windows.lines(t); !slices.Equal(other, lines) {
			t.Errorf("%s: %d records in windows, %d as a whole", name, len(other), len(lines))
		}
		for _, r := range c.records[:min(500, len(c.records))] {
			if !strict([]byte(r)) {
				t.Errorf("%s: %s is not a record", name, r)
			}
		}
		if file, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b))); err == nil && len(c.rejected) == 0 {
			rows := int64(0)
			for _, group := range file.RowGroups() {
				rows += group.NumRows()
			}
			if rows != int64(len(c.records)) {
				t.Errorf("%s: %d records, the footer has %d", name, len(c.records), rows)
			}
		}
		fmt.Fprintf(&got, "%s: %d records, %d rejected\n", name, len(c.records), len(c.rejected))
		for _, line := range lines[:min(2, len(lines))] {
			fmt.Fprintf(&got, "\t%.1500s\n", line)
		}
		for _, r := range c.rejected[:min(1, len(c.rejected))] {
			fmt.Fprintf(&got, "\t%s: %s\n", r.Reason, r.Detail)
		}
	}
	golden := filepath.Join("testdata", "parquet.golden")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		if i >= len(gotLines) || i >= len(wantLines) || gotLines[i] != wantLines[i] {
			t.Fatalf("line %d of %s differs: run this test with -update and look at the difference", i+1, golden)
		}
	}
}

// countingAt counts reads.
type countingAt struct {
	io.ReaderAt
	reads, bytes int
}

func (c *countingAt) ReadAt(b []byte, off int64) (int, error) {
	c.reads++
	c.bytes += len(b)
	return c.ReaderAt.ReadAt(b, off)
}

// TestParquetReadsOnce shows that ranges are long and that no byte is read twice, except
// for those of the footer.
func TestParquetReadsOnce(t *testing.T) {
	rows := make([]row, 5000)
	for i := range rows {
		rows[i] = full()
	}
	file := parquetFile(t, rows, rows)
	for _, group := range []int64{groupBytes, 1} {
		src := &countingAt{ReaderAt: bytes.NewReader(file)}
		p := newParquetReader(feed.Format{Kind: feed.Parquet}, feed.Limits{}, &collected{})
		p.groupBytes = group
		if _, err := p.split(atRandom{failing{t}, src, int64(len(file))}); err != nil {
			t.Fatal(err)
		}
		if src.reads > 60 || src.bytes > len(file)+len(file)/2+128<<10 {
			t.Errorf("row groups of %d bytes at once: %d reads of %d bytes, the file has %d", group, src.reads, src.bytes, len(file))
		}
	}
}

// discard counts records.
type discard struct {
	records  int64
	rejected []Rejection
}

func (d *discard) Record(int64, []byte) error { d.records++; return nil }

func (d *discard) Reject(r Rejection) error { d.rejected = append(d.rejected, r); return nil }

func TestParquetLimits(t *testing.T) {
	type wide struct {
		Text string  `parquet:"text"`
		List []int64 `parquet:"list,list"`
	}
	small := wide{Text: "a", List: []int64{1}}
	long := wide{List: make([]int64, 1_000_000)}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[wide](&b, parquet.PageBufferSize(64<<20), parquet.Compression(&parquet.Zstd))
	if _, err := w.Write([]wide{small, long, small, {Text: strings.Repeat("x", 3<<20)}, small}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := b.Bytes()
	var d discard
	if _, err := Split(bytes.NewReader(file), feed.Format{Kind: feed.Parquet}, feed.Limits{MaxRecordBytes: 1 << 20}, &d); err != nil {
		t.Fatal(err)
	}
	if d.records != 3 || len(d.rejected) != 2 || d.rejected[0].Reason != TooLarge || d.rejected[0].Ordinal != 1 || d.rejected[1].Ordinal != 3 || d.rejected[1].Rest {
		t.Errorf("large rows: %d records, %+v", d.records, d.rejected)
	}
	p := newParquetReader(feed.Format{Kind: feed.Parquet}, feed.Limits{}, &d)
	d = discard{}
	p.pages.limit = 1 << 20
	if _, err := p.split(bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	if len(d.rejected) != 1 || d.rejected[0].Reason != LimitPages || !strings.Contains(d.rejected[0].Detail, "write smaller pages") || !d.rejected[0].Rest {
		t.Errorf("large pages: %+v", d.rejected)
	}
}

// TestPageSizes checks pages that decompress to more than their headers say.
func TestPageSizes(t *testing.T) {
	const size = 1 << 20
	for name, codec := range map[string]interface {
		Encode(dst, src []byte) ([]byte, error)
	}{"snappy": &parquet.Snappy, "gzip": &parquet.Gzip, "zstd": &parquet.Zstd, "brotli": &parquet.Brotli, "lz4": &parquet.Lz4Raw} {
		page, err := codec.Encode(nil, make([]byte, size))
		if err != nil {
			t.Fatal(err)
		}
		kind := codec.(interface {
			CompressionCodec() format.CompressionCodec
		}).CompressionCodec()
		var s pageScanner
		for range 2 { // also when it is used again
			if err := s.check(kind, page, size); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for _, other := range []int64{0, size - 1, size + 1} {
				if err := s.check(kind, page, other); !errors.Is(err, errPageSize) {
					t.Errorf("%s: %d bytes instead of %d: %v", name, size, other, err)
				}
			}
		}
	}
}

// heap measures the memory while records are passed on.
type heap struct {
	discard
	peak uint64
}

func (h *heap) Record(ordinal int64, data []byte) error {
	if ordinal%20_000 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		h.peak = max(h.peak, m.HeapInuse)
	}
	return h.discard.Record(ordinal, data)
}

// TestParquetMemory reads a row group that is larger than what is read as a whole.
func TestParquetMemory(t *testing.T) {
	type numbers struct {
		A, B, C, D int64
		S          string
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "large.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	const rows = 1_500_000
	w := parquet.NewGenericWriter[numbers](file, parquet.MaxRowsPerRowGroup(rows))
	batch := make([]numbers, 10_000)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // test data
	for range rows / len(batch) {
		for i := range batch {
			batch[i] = numbers{random.Int64(), random.Int64(), random.Int64(), random.Int64(), strings.Repeat("x", 64+i%64)}
		}
		if _, err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var h heap
	if _, err := newParquetReader(feed.Format{Kind: feed.Parquet}, feed.Limits{}, &h).split(atRandom{failing{t}, file, info.Size()}); err != nil {
		t.Fatal(err)
	}
	t.Logf("a row group of %d MB: heap of %d MB before and up to %d MB while reading", info.Size()/1e6, before.HeapInuse/1e6, h.peak/1e6)
	if h.records != rows || len(h.rejected) > 0 {
		t.Errorf("%d records, %+v", h.records, h.rejected)
	}
	if info.Size() < groupBytes || h.peak > 160<<20 {
		t.Errorf("a row group of %d MB needs %d MB", info.Size()/1e6, h.peak/1e6)
	}
}
