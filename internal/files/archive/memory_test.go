package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"runtime"
	"strconv"
	"testing"

	"example.com/ingestion/feed"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// records generates n bytes of JSON lines.
type records struct {
	left int64
	i    int
	line []byte
}

func (r *records) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.line) == 0 {
			if r.left <= 0 {
				return n, io.EOF
			}
			r.i++
			r.line = append(r.line[:0], `{"id":`...)
			r.line = strconv.AppendInt(r.line, int64(r.i)*2_654_435_761%1_000_003, 10)
			r.line = append(r.line, `,"name":"record","tags":["a","b"],"value":`...)
			r.line = strconv.AppendInt(r.line, int64(r.i), 10)
			r.line = append(r.line, "}\n"...)
			if int64(len(r.line)) > r.left {
				r.line = r.line[:r.left]
			}
			r.left -= int64(len(r.line))
		}
		c := copy(p[n:], r.line)
		n, r.line = n+c, r.line[c:]
	}
	return n, nil
}

// pack returns n bytes of records in a compressed format.
func pack(name string, n int64) []byte {
	forms := map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return must(gzip.NewWriterLevel(w, gzip.BestSpeed)) },
		"zstd": func(w io.Writer) io.WriteCloser { return must(zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))) },
		"zstd19": func(w io.Writer) io.WriteCloser {
			return must(zstd.NewWriter(w, zstd.WithWindowSize(zstdWindow), zstd.WithEncoderConcurrency(1)))
		},
		"snappy": func(w io.Writer) io.WriteCloser {
			return s2.NewWriter(w, s2.WriterSnappyCompat(), s2.WriterConcurrency(1))
		},
		"lz4": func(w io.Writer) io.WriteCloser { return lz4.NewWriter(w) },
		"s2": func(w io.Writer) io.WriteCloser {
			return s2.NewWriter(w, s2.WriterBlockSize(4<<20), s2.WriterConcurrency(1))
		},
		"tgz": func(w io.Writer) io.WriteCloser {
			z := must(gzip.NewWriterLevel(w, gzip.BestSpeed))
			t := tar.NewWriter(z)
			check(t.WriteHeader(&tar.Header{Name: "a", Size: n, Typeflag: tar.TypeReg}))
			return closers{t, t, z}
		},
		"zip": func(w io.Writer) io.WriteCloser {
			z := zip.NewWriter(w)
			z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
				return flate.NewWriter(w, flate.BestSpeed)
			})
			return closers{must(z.Create("a")), z}
		},
		"stored": func(w io.Writer) io.WriteCloser {
			z := zip.NewWriter(w)
			return closers{must(z.CreateHeader(&zip.FileHeader{Name: "a", Method: zip.Store})), z}
		},
	}
	var b bytes.Buffer
	w := forms[name](&b)
	must(io.Copy(w, &records{left: n}))
	check(w.Close())
	return b.Bytes()
}

// closers writes to its first element and closes the others in order.
type closers []any

func (c closers) Write(p []byte) (int, error) { return c[0].(io.Writer).Write(p) }

func (c closers) Close() error {
	for _, w := range c[1:] {
		if err := w.(io.Closer).Close(); err != nil {
			return err
		}
	}
	return nil
}

// heapSampler is a Visitor that samples the live heap while it reads.
type heapSampler struct {
	t     *testing.T
	bytes int64
	peak  uint64
}

func (g *heapSampler) Entry(_ Entry, r io.Reader) error {
	buf := make([]byte, 64<<10)
	for next := int64(0); ; {
		if g.bytes >= next {
			g.peak, next = max(g.peak, liveHeap()), next+32<<20
		}
		n, err := r.Read(buf)
		if g.bytes += int64(n); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (g *heapSampler) Damaged(d *Damage) error { return d }

func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestMemoryIsBounded(t *testing.T) {
	sizes := map[string]int64{ // in MiB; the first three are the most common formats
		"gzip": 300, "zip": 300, "zstd": 300,
		"zstd19": 50, "snappy": 50, "s2": 50, "lz4": 50, "tgz": 50, "stored": 50,
	}
	for name, size := range sizes {
		if size <<= 20; testing.Short() {
			size /= 10
		}
		data := pack(name, size)
		runtime.GC() // empties the pools
		base := liveHeap()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		g := &heapSampler{t: t}
		if err := Walk(t.Context(), name, &memObject{data: data}, feed.Limits{}, g); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if g.bytes != size {
			t.Errorf("%s: %d bytes, want %d", name, g.bytes, size)
		}
		held, allocated := int64(g.peak)-int64(base), after.TotalAlloc-before.TotalAlloc
		t.Logf("%-7s %4d MB packed: at most %5.1f MB live, %5.1f MB allocated in total", name, len(data)>>20, float64(held)/1e6, float64(allocated)/1e6)
		if held > maxMemory || allocated > 2*maxMemory {
			t.Errorf("%s: %d bytes live, %d allocated, want at most %d live", name, held, allocated, maxMemory)
		}
	}
}

// TestMemoryOfManyMembers reads a directory that is larger than the memory allowed for it.
func TestMemoryOfManyMembers(t *testing.T) {
	name := string(bytes.Repeat([]byte("n"), 1000))
	members := make([]rawMember, 60_000)
	for i := range members {
		members[i] = storedMember(name, "x")
	}
	data := rawZip(false, members...)
	base, peak, n := liveHeap(), uint64(0), 0
	v := visitor{entry: func(Entry, io.Reader) error {
		if n++; n%10_000 == 0 {
			peak = max(peak, liveHeap())
		}
		return nil
	}}
	if err := Walk(t.Context(), "a.zip", &memObject{data: data}, feed.Limits{}, v); err != nil {
		t.Fatal(err)
	}
	if held := int64(peak) - int64(base); n != 60_000 || held > 8<<20 {
		t.Errorf("%d members, %d bytes live", n, held)
	}
}
