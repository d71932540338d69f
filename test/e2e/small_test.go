package e2e

import (
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"

	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/local/feedtest"
)

// manySmallFiles puts many small files at once into two feeds: they share parts, as far as
// they arrive faster than they are processed, and each of their records is in the table and
// in Snowflake once.
func manySmallFiles(t *testing.T, m *modes) {
	const n = 80
	for _, f := range []*feedtest.Feed{m.heavy, m.parts} {
		puts, ctx := errgroup.WithContext(t.Context())
		puts.SetLimit(16)
		for i := range n {
			file := feedtest.File{Key: fmt.Sprintf("small/%s-%d.ndjson", f.Name, i), Records: int64(1 + i%5)}
			file.Body = lines(file.Key, file.Records)
			m.sent[f] = append(m.sent[f], file)
			puts.Go(func() error {
				_, err := f.Put(ctx, file)
				return err
			})
		}
		if err := puts.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	m.checkCounts(t)
	for _, f := range []*feedtest.Feed{m.heavy, m.parts} {
		uploads, err := f.Uploads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		parts, small := map[string]bool{}, 0
		for _, u := range uploads {
			if len(u.Key) < len("small/") || u.Key[:len("small/")] != "small/" {
				continue
			}
			small++
			err := f.Ledger.PartsOf(t.Context(), u, func(p ledger.Part) bool {
				parts[p.Key] = true
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("feed %s: %d small files in %d parts", f.Name, small, len(parts))
		if small != n || len(parts) >= n {
			t.Errorf("feed %s: %d small files in %d parts", f.Name, small, len(parts))
		}
	}
}
