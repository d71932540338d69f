package shape_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/files/record"
	"example.com/ingestion/internal/files/shape"
)

// shapingSink shapes the records of an entry, and refuses those that cannot be shaped.
type shapingSink struct {
	t        testing.TB
	shaper   *shape.Shaper
	stored   []int64
	filtered []int64
	rejected []record.Rejection
}

func (s *shapingSink) Record(ordinal int64, data []byte) error {
	_, kept, err := s.shaper.Shape(s.t.Context(), data)
	var failure *shape.Failure
	switch {
	case errors.As(err, &failure):
		return record.Refuse(shape.Reason, failure.Error())
	case err != nil:
		return err
	case kept:
		s.stored = append(s.stored, ordinal)
	default:
		s.filtered = append(s.filtered, ordinal)
	}
	return nil
}

func (s *shapingSink) Reject(r record.Rejection) error {
	r.Raw = bytes.Clone(r.Raw)
	s.rejected = append(s.rejected, r)
	return nil
}

// Of a file with random values in each format, records = stored + rejected + filtered, and
// a rejection has the original bytes of its record at its offset.
func TestCountsAndOriginals(t *testing.T) {
	space := func(r *rand.Rand) string { return strings.Repeat(" ", r.IntN(3)) }
	object := func(r *rand.Rand, n, s string) string {
		return `{` + space(r) + `"n":` + space(r) + `"` + n + `","s" :"` + s + `"` + space(r) + `}`
	}
	formats := map[string]struct {
		format              feed.Format
		head, between, tail string
		text                func(r *rand.Rand, n, s string) string
	}{
		"array":  {feed.Format{Kind: feed.JSON}, "[", " ,\n ", "]", object},
		"path":   {feed.Format{Kind: feed.JSON, Path: "a"}, `{"a":[`, ",", `]}`, object},
		"stream": {feed.Format{Kind: feed.JSON}, "", "\n", "", object},
		"ndjson": {feed.Format{Kind: feed.NDJSON}, "", "\n", "\n", object},
		"csv": {feed.Format{Kind: feed.CSV, Delimiter: "|"}, "n|s\n", "\r\n", "", func(r *rand.Rand, n, s string) string {
			if r.IntN(2) == 0 {
				return `"` + n + `"|` + s
			}
			return n + "|" + s
		}},
		"fixed width": {feed.Format{Kind: feed.FixedWidth, Columns: []string{"n", "s"}, Widths: []int{6, 6}}, "", "\n", "\n", func(_ *rand.Rand, n, s string) string {
			return fmt.Sprintf("%-6s%-6s", n, s)
		}},
	}
	for name, f := range formats {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(50) {
				r := rand.New(rand.NewPCG(seed, 3))
				var want shapingSink
				var originals []string
				total := int64(1 + r.IntN(200))
				for i := range total {
					n := []string{"1", "2.5", "x1", "-"}[r.IntN(4)]
					s := []string{"keep", "drop"}[r.IntN(2)]
					originals = append(originals, f.text(r, n, s))
					switch {
					case s == "drop":
						want.filtered = append(want.filtered, i)
					case n == "x1" || n == "-":
						want.rejected = append(want.rejected, record.Rejection{Ordinal: i})
					default:
						want.stored = append(want.stored, i)
					}
				}
				file := f.head + strings.Join(originals, f.between) + f.tail
				got := shapingSink{t: t, shaper: newShaper(t, feed.DropWhere("s", "drop"), feed.Number("n"))}
				result, err := record.Split(&slowReader{r: r, text: file}, f.format, feed.Limits{}, &got)
				if err != nil {
					t.Fatal(err)
				}
				if result.Records+result.Rejected != total || result.Rejected != int64(len(got.rejected)) ||
					int64(len(got.stored)+len(got.filtered)) != result.Records {
					t.Fatalf("%+v of %d: %d stored, %d filtered, %d rejected", result, total, len(got.stored), len(got.filtered), len(got.rejected))
				}
				if fmt.Sprint(got.stored, got.filtered) != fmt.Sprint(want.stored, want.filtered) || len(got.rejected) != len(want.rejected) {
					t.Fatalf("stored and filtered %v %v, want %v %v", got.stored, got.filtered, want.stored, want.filtered)
				}
				for i, j := range got.rejected {
					original := strings.TrimRight(originals[j.Ordinal], " ")
					if j.Ordinal != want.rejected[i].Ordinal || string(j.Raw) != original || j.RawCut || j.Rest || j.Reason != shape.Reason ||
						!strings.HasPrefix(file[j.Offset:], original) || !strings.Contains(j.Detail, `operation 2 (number) of field "n": "`) {
						t.Fatalf("%+v of %q", j, original)
					}
				}
			}
		})
	}
}

// slowReader reads pieces of random sizes.
type slowReader struct {
	r    *rand.Rand
	text string
}

func (s *slowReader) Read(p []byte) (int, error) {
	if s.text == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1+s.r.IntN(100))], s.text)
	s.text = s.text[n:]
	return n, nil
}

// BenchmarkSplit splits an array without and with a shape.
func BenchmarkSplit(b *testing.B) {
	file := []byte("[" + strings.Repeat(string(order)+",", 20_000) + string(order) + "]")
	for name, operations := range map[string][]feed.Operation{
		"Unshaped": nil,
		"Shaped": {
			feed.Rename("order_id", "id"), feed.Rename("customer.id", "customer_id"), feed.Drop("note"), feed.Trim("customer.name"),
			feed.Number("amount"), feed.Boolean("gift"), feed.Constant("shop", "north"), feed.FromOrigin("file", feed.OriginFile),
			feed.DropWhere("status", "canceled"),
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				sink := shapingSink{t: b, shaper: newShaper(b, operations...), stored: make([]int64, 0, 20_001)}
				if result, err := record.Split(bytes.NewReader(file), feed.Format{Kind: feed.JSON}, feed.Limits{}, &sink); err != nil || len(sink.stored) != 20_001 {
					b.Fatal(result, err)
				}
			}
		})
	}
}
