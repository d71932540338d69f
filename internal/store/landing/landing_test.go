package landing_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/testing/fake"
)

func testUpload() ids.Upload {
	return ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: `we"ird,"data":<&>.json`, ETag: "e", Time: time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)})
}

// land writes n records in two entries and returns the parts by key.
func land(t *testing.T, s3 *fake.S3, n int) (map[string]landing.Part, error) {
	t.Helper()
	var mu sync.Mutex
	parts := map[string]landing.Part{}
	w, err := landing.NewWriter(t.Context(), landing.Config{
		API: s3, Bucket: "landing", Prefix: "landing/", Upload: testUpload(), PartBytes: 1000,
		Landed: func(_ context.Context, p landing.Part) error {
			mu.Lock()
			defer mu.Unlock()
			parts[p.Key] = p
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var recordErr error
	for entry, path := range []string{"", `x"/é.json`} {
		if err := w.StartEntry(entry, path); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if recordErr = w.Record(int64(i), fmt.Appendf(nil, `{"n":%d}`, i)); recordErr != nil {
				break
			}
		}
	}
	if recordErr == nil {
		recordErr = w.Finish()
	}
	count, size, err := w.Close()
	if err == nil && count != int64(len(parts)) {
		t.Errorf("Close returned %d parts of %d bytes, %d were landed", count, size, len(parts))
	}
	return parts, errors.Join(recordErr, err)
}

func lines(t *testing.T, object []byte) []string {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(gz)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestPartsHoldEveryRecordOnce(t *testing.T) {
	s3 := &fake.S3{}
	const n = 500
	parts, err := land(t, s3, n)
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) < 6 {
		t.Errorf("%d parts, PartBytes requires more", len(parts))
	}
	next := map[string]int64{}
	for _, key := range s3.Keys("landing", "") {
		object, _ := s3.Get("landing", key)
		got := lines(t, object)
		if p := parts[key]; p.Records != int64(len(got)) || p.Bytes != int64(len(object)) {
			t.Errorf("%s: notified as %+v, has %d lines, %d bytes", key, p, len(got), len(object))
		}
		for _, line := range got {
			l, err := landing.ParseLine([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			o, err := landing.ParseOrigin([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			if l.Ordinal != next[o.Entry] || o.Ordinal != l.Ordinal || o.ID != string(l.ID) || !strings.HasSuffix(o.ID, string(l.Sort)) ||
				string(l.Data) != fmt.Sprintf(`{"n":%d}`, l.Ordinal) || o.Source != testUpload().Source() {
				t.Fatalf("line %s is %+v of %+v", line, l, o)
			}
			next[o.Entry]++
		}
	}
	if next[""] != n || next[`x"/é.json`] != n {
		t.Errorf("records by entry: %v", next)
	}
}

func TestWritingIsIdempotent(t *testing.T) {
	s3 := &fake.S3{}
	first, err := land(t, s3, 100)
	if err != nil {
		t.Fatal(err)
	}
	second, err := land(t, s3, 100)
	if err != nil || len(first) != len(second) {
		t.Fatalf("%d parts, then %d, %v", len(first), len(second), err)
	}
	for name, n := range s3.Puts {
		if n != 1 {
			t.Errorf("%s was written %d times", name, n)
		}
	}
}

func TestFailedUploadEndsTheWriter(t *testing.T) {
	broken := errors.New("S3 is down")
	s3 := &fake.S3{FailPut: func(string) (bool, error) { return false, broken }}
	if _, err := land(t, s3, 10_000); !errors.Is(err, broken) || !strings.Contains(err.Error(), "landing/orders/") {
		t.Errorf("error %v", err)
	}
}

func TestParseLineErrors(t *testing.T) {
	for _, line := range []string{"", "{}", `{"id":"short"}`, strings.Repeat("x", 100)} {
		if _, err := landing.ParseLine([]byte(line)); err == nil {
			t.Errorf("ParseLine(%q) accepted it", line)
		}
	}
}

// load and the statements in Snowflake depend on the form of a line.
func TestLine(t *testing.T) {
	s3 := &fake.S3{}
	if _, err := land(t, s3, 1); err != nil {
		t.Fatal(err)
	}
	keys := s3.Keys("landing", "")
	slices.Sort(keys)
	object, _ := s3.Get("landing", keys[0])
	want := `{"id":"` + testUpload().ID + `/0000001/000000000000","feed":"orders","source":"s3://src/we\"ird,\"data\":\u003c\u0026\u003e.json","version":"e","source_time":"2026-03-04T05:06:07.008Z","entry":"x\"/é.json","ordinal":0,"data":{"n":0}}`
	if got := lines(t, object)[1]; got != want {
		t.Errorf("line is\n%s, want\n%s", got, want)
	}
}
