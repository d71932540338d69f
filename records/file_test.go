package records_test

import (
	"context"
	"fmt"
	"log"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/ingestion/records"
)

// The records of a file are those of its newest version, without a listing of uploads.
func TestRecordsOfAFile(t *testing.T) {
	tb := newTable(t)
	tb.add("orders", "in/k.json", 1, 1, numbers(3)...)
	tb.add("orders", "in/k.json", 1, 1, numbers(3)...)
	tb.add("orders", "in/k.json.gz", 5, 4, numbers(500)...)
	orders := tb.feed("orders")
	var queries atomic.Int64
	tb.db.Before = func(operation string, body []byte) (int, string) {
		if operation == "Query" {
			queries.Add(1)
			if strings.Contains(string(body), "IndexName") {
				t.Errorf("query of an index: %s", body)
			}
		}
		return 0, ""
	}
	if got := lines(t, orders, records.Query{File: "in/k.json"}); len(got) != 3 || queries.Load() != 2 {
		t.Errorf("%d records with %d queries: %q", len(got), queries.Load(), got)
	}
	if got := lines(t, orders, records.Query{File: "in/k.json.gz", Limit: 400}); len(got) != 400 || !strings.Contains(got[399], `"i":399`) {
		t.Errorf("%d records", len(got))
	}
	for want, q := range map[string]records.Query{
		`feed "orders" has no upload of the file "in/"`:                                   {File: "in/"},
		`feed "orders": a query has the file "a" and the upload "b": give one of the two`: {File: "a", Upload: "b"},
	} {
		for _, err := range orders.Read(t.Context(), q) {
			if err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		}
	}
	var found []string
	for u, err := range orders.File(t.Context(), "in/k.json") {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, u.Source+" "+u.Version)
	}
	if !slices.Equal(found, []string{"s3://b/in/k.json e"}) {
		t.Errorf("uploads %q", found)
	}
}

func ExampleFeed_Read_file() {
	feed, end := exampleFeed()
	defer end()
	for r, err := range feed.Read(context.Background(), records.Query{File: "2026/orders.json", Limit: 1}) {
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(r.Source, string(r.Data))
	}
	// Output: s3://b/2026/orders.json {"amount":99.50,"customer":"ada"}
}
