package shape_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/files/shape"
)

// randomValue returns compact JSON without duplicate keys.
func randomValue(r *rand.Rand, depth int) string {
	if depth > 0 && r.IntN(3) == 0 {
		var members []string
		if r.IntN(2) == 0 {
			for range r.IntN(4) {
				members = append(members, randomValue(r, depth-1))
			}
			return "[" + strings.Join(members, ",") + "]"
		}
		return randomObject(r, depth-1)
	}
	values := []string{
		`""`, `"x"`, `"a\"b\\"`, `"\\\\"`, `"{\"a\":1}"`, `"[}"`, `"\u00e9,:"`, `"12.50"`, `" yes"`, `"2025-01-02"`, `0`, `-1.50e+10`,
		`123456789012345678901234567890.10`, `true`, `false`, `null`, `"日本"`,
	}
	return values[r.IntN(len(values))]
}

func randomObject(r *rand.Rand, depth int) string {
	var members []string
	for _, key := range []string{`"a"`, `"b"`, `"c"`, `"\u0064"`, `"e.f"`, `"g\"\\"`} {
		if r.IntN(3) > 0 {
			members = append(members, key+":"+randomValue(r, depth))
		}
	}
	r.Shuffle(len(members), reflect.Swapper(members))
	return "{" + strings.Join(members, ",") + "}"
}

// What no operation changes is copied byte for byte, also when its object is opened.
func TestUnchangedRecordsAreVerbatim(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	s := newShaper(t, feed.Drop("x", "a.x", "b.a.x", "c.d.x", `e\.f.x`), feed.Trim("y"))
	for range 20_000 {
		in := randomObject(r, 4)
		got, kept, err := s.Shape(t.Context(), []byte(in))
		if err != nil || !kept || string(got) != in {
			t.Fatalf("%s became %s, %v, %v", in, got, kept, err)
		}
	}
}

// Every record is stored, filtered or quarantined; a stored one is valid JSON, and the
// same shaper and a new one have the same result.
func TestEveryRecordHasOneResult(t *testing.T) {
	paths := []string{"a", "b", "c", "d", `e\.f`, `g"\\`, "a.b", "b.d", "c.a.a", "new.a"}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		path := func() string { return paths[r.IntN(len(paths))] }
		makers := []func() feed.Operation{
			func() feed.Operation { return feed.Rename(path(), path()) },
			func() feed.Operation { return feed.Keep(path(), path(), path(), path(), path()) },
			func() feed.Operation { return feed.Drop(path()) },
			func() feed.Operation { return feed.Constant(path(), 1) },
			func() feed.Operation { return feed.Default(path(), "x") },
			func() feed.Operation { return feed.FromOrigin(path(), feed.OriginEntry) },
			func() feed.Operation { return feed.Number(path()) },
			func() feed.Operation { return feed.Boolean(path()) },
			func() feed.Operation { return feed.Timestamp("2006-01-02", "", path()) },
			func() feed.Operation { return feed.ParseJSON(path()) },
			func() feed.Operation { return feed.Trim(path()) },
			func() feed.Operation { return feed.Hash(path()) },
			func() feed.Operation { return feed.KeepWhere(path(), "x", "12.50", "0", "true") },
			func() feed.Operation { return feed.DropWhere(path(), "x", "null") },
			func() feed.Operation { return feed.JQ("select(.a != 0)") },
		}
		var operations []feed.Operation
		for range 1 + r.IntN(5) {
			operations = append(operations, makers[r.IntN(len(makers))]())
		}
		s := newShaper(t, operations...)
		for range 50 {
			in := randomObject(r, 3)
			result := func(s *shape.Shaper) string {
				given := []byte(in)
				got, kept, err := s.Shape(t.Context(), given)
				if string(given) != in {
					t.Fatalf("%v changed its input %s", operations, in)
				}
				var failure *shape.Failure
				switch {
				case err != nil && (kept || !errors.As(err, &failure)):
					t.Fatalf("%v of %s: %v", operations, in, err)
				case err != nil:
					return err.Error()
				case kept && (!json.Valid(got) || got[0] != '{'):
					t.Fatalf("%v of %s: %s is no JSON object", operations, in, got)
				}
				return fmt.Sprint(kept, string(got))
			}
			if a, b := result(s), result(newShaper(t, operations...)); a != b {
				t.Fatalf("%v of %s: %s, then %s", operations, in, a, b)
			}
		}
	}
}
