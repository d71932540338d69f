package record

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"example.com/ingestion/feed"
)

// atRandom is an entry that can be read at any position.
type atRandom struct {
	io.Reader
	at   io.ReaderAt
	size int64
}

func (a atRandom) ReaderAt() (io.ReaderAt, int64, bool) { return a.at, a.size, true }

// failingAt fails at reads after its first bytes.
type failingAt struct {
	*bytes.Reader
	err error
}

func (f failingAt) ReadAt(b []byte, off int64) (int, error) {
	if off >= 4 && off < f.Size()/2 {
		return 0, f.err
	}
	return f.Reader.ReadAt(b, off)
}

type row struct {
	ID       int64            `parquet:"id"`
	Name     *string          `parquet:"name,optional"`
	Ok       bool             `parquet:"ok"`
	Small    int32            `parquet:"small"`
	Unsigned uint64           `parquet:"unsigned"`
	Ratio    float64          `parquet:"ratio"`
	Single   float32          `parquet:"single"`
	Raw      []byte           `parquet:"raw"`
	Price    int64            `parquet:"price,decimal(2:18)"`
	Day      int32            `parquet:"day,date"`
	At       time.Time        `parquet:"at,timestamp(microsecond)"`
	UUID     [16]byte         `parquet:"uuid,uuid"`
	Tags     []string         `parquet:"tags,list"`
	Codes    []int32          `parquet:"codes"`
	Map      map[string]int32 `parquet:"map"`
	Numbers  map[int32]string `parquet:"numbers"`
	Inner    *inner           `parquet:"inner,optional"`
	Inners   []inner          `parquet:"inners,list"`
}

type inner struct {
	A *int32   `parquet:"a,optional"`
	B []string `parquet:"b,list"`
}

func parquetFile(t testing.TB, groups ...[]row) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, parquet.Compression(&parquet.Snappy))
	for _, rows := range groups {
		if _, err := w.Write(rows); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func full() row {
	name, a := "Ann \"x\"\n", int32(7)
	return row{
		ID: 1, Name: &name, Ok: true, Small: -3, Unsigned: math.MaxUint64, Ratio: 1e21, Single: 0.1, Raw: []byte{0, 255}, Price: -5, Day: -1,
		At: time.Date(2026, 3, 1, 12, 0, 0, 1000, time.UTC), UUID: [16]byte{1, 2, 15: 255}, Tags: []string{"x", "y"}, Codes: []int32{1, 2, 3},
		Map: map[string]int32{"k": 1}, Numbers: map[int32]string{5: "five"}, Inner: &inner{A: &a, B: []string{"b"}}, Inners: []inner{{}, {A: &a, B: []string{"c", "d"}}},
	}
}

const (
	fullJSON = `{"id":1,"name":"Ann \"x\"\n","ok":true,"small":-3,"unsigned":18446744073709551615,"ratio":1e+21,"single":0.1,"raw":"AP8=","price":-0.05,` +
		`"day":"1969-12-31","at":"2026-03-01T12:00:00.000001Z","uuid":"01020000-0000-0000-0000-0000000000ff","tags":["x","y"],"codes":[1,2,3],"map":{"k":1},` +
		`"numbers":[{"key":5,"value":"five"}],"inner":{"a":7,"b":["b"]},"inners":[{"a":null,"b":[]},{"a":7,"b":["c","d"]}]}`
	emptyJSON = `{"id":0,"name":null,"ok":false,"small":0,"unsigned":0,"ratio":0,"single":0,"raw":"","price":0.00,"day":"1970-01-01","at":"1970-01-01T00:00:00Z",` +
		`"uuid":"00000000-0000-0000-0000-000000000000","tags":[],"codes":[],"map":{},"numbers":[],"inner":null,"inners":[]}`
)

func TestParquet(t *testing.T) {
	empty := row{At: time.Unix(0, 0)}
	file := parquetFile(t, []row{full(), empty}, []row{empty, full()})
	want := []string{fullJSON, emptyJSON, emptyJSON, fullJSON}
	f := feed.Format{Kind: feed.Parquet}
	for name, r := range map[string]io.Reader{
		"stream": bytes.NewReader(file),
		"ranges": atRandom{failing{t}, bytes.NewReader(file), int64(len(file))},
	} {
		c := collect(t, r, f, feed.Limits{})
		if got := c.lines(t); !slices.Equal(got, want) {
			t.Errorf("%s: got\n\t%s\nwant\n\t%s\n%+v", name, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), c.rejected)
		}
	}
	if c := collect(t, strings.NewReader(""), f, feed.Limits{}); len(c.lines(t)) > 0 {
		t.Errorf("an empty entry has %q", c.lines(t))
	}
	for limit, reason := range map[feed.Limits]string{{MaxColumns: 3}: "!limit_columns", {MaxRecordBytes: 300}: "!record_too_large"} {
		if got := collect(t, bytes.NewReader(file), f, limit).lines(t); len(got) == 0 || !strings.HasPrefix(got[0], reason) {
			t.Errorf("%+v: %q", limit, got)
		}
	}
}

// failing must not be read.
type failing struct{ t *testing.T }

func (f failing) Read([]byte) (int, error) {
	f.t.Error("the stream of an entry with random access is read")
	return 0, io.EOF
}

func TestParquetNaN(t *testing.T) {
	nan := row{ID: 1, Ratio: math.NaN(), At: time.Unix(0, 0)}
	file := parquetFile(t, []row{nan, full()})
	c := collect(t, bytes.NewReader(file), feed.Format{Kind: feed.Parquet}, feed.Limits{})
	if got := c.lines(t); len(got) != 2 || !strings.HasPrefix(got[0], "!invalid_json @-1") || got[1] != fullJSON || !strings.Contains(c.rejected[0].Detail, `row 1: column "ratio": NaN is not JSON`) {
		t.Errorf("got %q, %+v", got, c.rejected)
	}
	got := collect(t, bytes.NewReader(file), feed.Format{Kind: feed.Parquet, NaNAsNull: true}, feed.Limits{}).lines(t)
	if len(got) != 2 || !strings.Contains(got[0], `"ratio":null`) {
		t.Errorf("got %q", got)
	}
}

// resuming is a Sink that ignores the first records.
type resuming struct {
	collected
	from int64
}

func (r *resuming) From() int64 { return r.from }

func (r *resuming) Record(ordinal int64, data []byte) error {
	if ordinal < r.from {
		return nil
	}
	return r.collected.Record(ordinal, data)
}

func TestParquetResumes(t *testing.T) {
	rows := make([]row, 300)
	for i := range rows {
		rows[i] = row{ID: int64(i), At: time.Unix(0, 0)}
	}
	file := parquetFile(t, rows[:100], rows[100:250], rows[250:])
	for _, from := range []int64{0, 1, 99, 100, 101, 249, 250, 299, 300} {
		sink := &resuming{from: from}
		result, err := Split(bytes.NewReader(file), feed.Format{Kind: feed.Parquet}, feed.Limits{}, sink)
		if err != nil || result.Records != 300 {
			t.Fatalf("from %d: %+v, %v", from, result, err)
		}
		if len(sink.records) > 0 && (sink.ordinals[0] != from || sink.ordinals[len(sink.ordinals)-1] != 299) || len(sink.records) == 0 && from < 300 {
			t.Errorf("from %d: %d records, %v", from, len(sink.records), sink.ordinals)
		}
		for i, n := range sink.ordinals {
			if !strings.HasPrefix(sink.records[i], `{"id":`+strconv.FormatInt(n, 10)+",") {
				t.Fatalf("from %d: record %d is %s", from, n, sink.records[i])
			}
		}
	}
}

func TestParquetDamage(t *testing.T) {
	file := parquetFile(t, []row{full()})
	f := feed.Format{Kind: feed.Parquet}
	for name, tc := range map[string]struct {
		in   []byte
		want string
	}{
		"text":      {[]byte("id,name\n1,2\n3,4\n"), "!not_parquet"},
		"short":     {[]byte("PAR1"), "!not_parquet"},
		"truncated": {file[:len(file)-10], "!truncated"},
		"footer":    {append(bytes.Clone(file[:len(file)-8]), "\xff\xff\xff\x00PAR1"...), "!corrupt"},
		"encrypted": {append(bytes.Clone(file[:len(file)-4]), "PARE"...), "!not_parquet"},
	} {
		if got := collect(t, bytes.NewReader(tc.in), f, feed.Limits{}).lines(t); len(got) != 1 || !strings.HasPrefix(got[0], tc.want+" ") || !strings.HasSuffix(got[0], "rest cut") {
			t.Errorf("%s: %q", name, got)
		}
	}
	boom := errors.New("boom")
	_, err := Split(atRandom{failing{t}, failingAt{bytes.NewReader(file), boom}, int64(len(file))}, f, feed.Limits{}, &collected{})
	if !errors.Is(err, boom) {
		t.Errorf("a failure of the source: %v", err)
	}
	// A changed byte is an error, or another value: Parquet has no checksum of itself.
	for i := range file {
		changed := bytes.Clone(file)
		changed[i] ^= 0x55
		if _, err := Split(bytes.NewReader(changed), f, feed.Limits{}, &collected{}); err != nil {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
}

// TestParquetOfAnotherWriter reads a file of DuckDB.
func TestParquetOfAnotherWriter(t *testing.T) {
	file, err := os.ReadFile("testdata/duckdb.parquet")
	if err != nil {
		t.Fatal(err)
	}
	c := collect(t, bytes.NewReader(file), feed.Format{Kind: feed.Parquet}, feed.Limits{})
	want := []string{
		`{"i":1,"b":2,"s":"é","d":1.50,"big":12345678901234567890.123,"day":"2026-03-01","ts":"2026-03-01T12:00:00.5","tz":"2026-03-01T12:00:00Z",` +
			`"tm":"12:00:01","l":[1,null,3],"st":{"x":1,"y":[{"z":"q"}]},"m":{"k":1},"ll":[[1],[],null],"n":null,"bl":"YQ==","f":1.5,"e":"x",` +
			`"u":"01020000-0000-0000-0000-0000000000ff","ut":200,"t":true}`,
		`{"i":null,"b":null,"s":null,"d":null,"big":null,"day":null,"ts":null,"tz":null,"tm":null,"l":null,"st":null,"m":null,"ll":null,"n":null,` +
			`"bl":null,"f":null,"e":null,"u":null,"ut":null,"t":null}`,
	}
	if got := c.lines(t); !slices.Equal(got, want) {
		t.Errorf("got\n\t%s", strings.Join(got, "\n\t"))
	}
}

func FuzzParquet(f *testing.F) {
	f.Add(parquetFile(f, []row{full()}))
	f.Add([]byte("PAR1PAR1PAR1"))
	f.Fuzz(func(t *testing.T, in []byte) {
		c := &collected{}
		if _, err := Split(bytes.NewReader(in), feed.Format{Kind: feed.Parquet}, feed.Limits{}, c); err != nil {
			t.Fatal(err)
		}
		for _, r := range c.records {
			if !strict([]byte(r)) {
				t.Fatalf("%q is not a record", r)
			}
		}
	})
}
