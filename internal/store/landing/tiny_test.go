package landing_test

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"example.com/ingestion/internal/store/landing"
	"example.com/ingestion/internal/testing/fake"
)

// Millions of records of one byte are in parts of a million, and need no more memory than
// others: 32 MiB of such payloads are 7 GB of lines.
func TestTinyRecords(t *testing.T) {
	const records = 2*landing.MaxPartRecords + 500_000
	s3 := &fake.S3{}
	var mu sync.Mutex
	var parts []landing.Part
	w, err := landing.NewWriter(t.Context(), landing.Config{
		API: s3, Bucket: "landing", Prefix: "landing/", Upload: testUpload(), PartBytes: 32 << 20,
		Landed: func(_ context.Context, p landing.Part) error {
			mu.Lock()
			defer mu.Unlock()
			parts = append(parts, p)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.StartEntry(0, "tiny.ndjson"); err != nil {
		t.Fatal(err)
	}
	peak := uint64(0)
	for i := range int64(records) {
		if err := w.Record(i, []byte("1")); err != nil {
			t.Fatal(err)
		}
		if i%250_000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, p := range parts {
		total += p.Records
		if p.Records > landing.MaxPartRecords || p.Bytes > 16<<20 {
			t.Errorf("part %d has %d records in %d bytes", p.Number, p.Records, p.Bytes)
		}
	}
	t.Logf("%d records of a byte: %d parts, heap of up to %d MB", records, len(parts), peak>>20)
	if len(parts) != 3 || total != records || peak > 100<<20 {
		t.Errorf("%d parts with %d records, heap of %d MB", len(parts), total, peak>>20)
	}
}
