package records_test

import (
	"fmt"
	"log"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/records"
)

// addKeyed stores an upload whose records have keys: those of the partition keys of the index.
func (tb table) addKeyed(feedName, file string, day int, keys ...string) string {
	tb.t.Helper()
	u := ids.New(ids.Upload{Feed: feedName, Bucket: "b", Key: file, ETag: "e", Time: time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC)})
	if _, err := ledger.New(tb.db.Client(), "t").Begin(tb.t.Context(), ledger.Upload{Upload: u, Shards: 1}); err != nil {
		tb.t.Fatal(err)
	}
	for i, key := range keys {
		sort := ids.RecordID(u.ID, 0, int64(i))[ids.IDLength+1:]
		item := map[string]types.AttributeValue{
			"pk": s(ids.PartitionKey(feedName, u.ID, 0)), "sk": s(sort), "data": m("file", s(file), "i", n(strconv.Itoa(i))),
			"record_key": s(key), "record_time": s(ids.KeyTime(u.Time, u.ID) + "/" + sort),
		}
		if _, err := tb.db.Client().PutItem(tb.t.Context(), &dynamodb.PutItemInput{TableName: new(string), Item: item}); err != nil {
			tb.t.Fatal(err)
		}
	}
	return u.ID
}

func versions(t *testing.T, f *records.Feed, q records.KeyQuery) []string {
	t.Helper()
	var all []string
	for r, err := range f.Versions(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %s %d %s", r.Feed, r.Source, r.Ordinal, r.Data))
	}
	return all
}

// Versions are returned newest file first and, in a file, the last record first, whatever
// the order of arrival; with a shared name, those of other feeds too.
func TestVersions(t *testing.T) {
	tb := newTable(t)
	tb.addKeyed("orders", "new.json", 9, "orders/id#1", "orders/id#2", "orders/id#1")
	tb.addKeyed("orders", "old.json", 1, "orders/id#1")
	tb.addKeyed("returns", "mid.json", 5, "customer#1", "orders/id#10")
	tb.addKeyed("orders", "mid.json", 6, "customer#1")
	orders := tb.feed("orders")
	orders.RecordKey = &feed.RecordKey{Fields: []string{"id"}}
	want := []string{
		`orders s3://b/new.json 2 {"file":"new.json","i":2}`,
		`orders s3://b/new.json 0 {"file":"new.json","i":0}`,
		`orders s3://b/old.json 0 {"file":"old.json","i":0}`,
	}
	if got := versions(t, orders, records.KeyQuery{Values: []string{"1"}}); !slices.Equal(got, want) {
		t.Errorf("versions\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := versions(t, orders, records.KeyQuery{Values: []string{"3"}}); len(got) != 0 {
		t.Errorf("versions of an unknown key: %q", got)
	}
	old, err := records.ParseFilter(`.source | endswith("old.json")`)
	if err != nil {
		t.Fatal(err)
	}
	if got := versions(t, orders, records.KeyQuery{Values: []string{"1"}, Filters: []*records.Filter{old}, Limit: 1}); !slices.Equal(got, want[2:]) {
		t.Errorf("filtered: %q", got)
	}
	orders.RecordKey = &feed.RecordKey{Fields: []string{"customer.id"}, Name: "customer"}
	want = []string{`orders s3://b/mid.json 0 {"file":"mid.json","i":0}`, `returns s3://b/mid.json 0 {"file":"mid.json","i":0}`}
	if got := versions(t, orders, records.KeyQuery{Values: []string{"1"}}); !slices.Equal(got, want) {
		t.Errorf("of two feeds: %q", got)
	}
}

// The newest version takes one Query, and the item of its upload.
func TestNewestVersionIsOneQuery(t *testing.T) {
	tb := newTable(t)
	for day := range 20 {
		tb.addKeyed("orders", fmt.Sprintf("%02d.json", day), 1+day, "orders/id#1")
	}
	var queries, gets atomic.Int64
	tb.db.Before = func(operation string, body []byte) (int, string) {
		switch operation {
		case "Query":
			queries.Add(1)
			if !strings.Contains(string(body), `"Limit":1`) {
				t.Errorf("query %s", body)
			}
		case "GetItem":
			gets.Add(1)
		}
		return 0, ""
	}
	orders := tb.feed("orders")
	orders.RecordKey = &feed.RecordKey{Fields: []string{"id"}}
	got := versions(t, orders, records.KeyQuery{Values: []string{"1"}, Limit: 1})
	if len(got) != 1 || !strings.Contains(got[0], "19.json") || queries.Load() != 1 || gets.Load() != 1 {
		t.Errorf("%q with %d queries and %d reads of items", got, queries.Load(), gets.Load())
	}
}

// A page ends within the records of one upload, and the next one continues after it.
func TestVersionsInPages(t *testing.T) {
	tb := newTable(t)
	keys := slices.Repeat([]string{"orders/id#1"}, 600)
	tb.addKeyed("orders", "a.json", 1, keys...)
	tb.addKeyed("orders", "b.json", 1, keys...)
	orders := tb.feed("orders")
	orders.RecordKey = &feed.RecordKey{Fields: []string{"id"}}
	got := versions(t, orders, records.KeyQuery{Values: []string{"1"}})
	slices.Sort(got)
	if got = slices.Compact(got); len(got) != 1200 {
		t.Errorf("%d versions", len(got))
	}
}

func TestVersionsReportsErrors(t *testing.T) {
	tb := newTable(t)
	for want, test := range map[string]struct {
		key    *feed.RecordKey
		values []string
	}{
		`feed "orders" has no key: deploy it with a RecordKey`:                                   {nil, []string{"1"}},
		`feed "orders": the key has 2 fields (region, id), and 1 values are given`:               {&feed.RecordKey{Fields: []string{"region", "id"}}, []string{"1"}},
		`feed "orders": the value of id is empty: a record without a value has no key`:           {&feed.RecordKey{Fields: []string{"id"}}, []string{""}},
		`feed "orders": the key has 2049 bytes, the limit of DynamoDB is 2048: no record has it`: {&feed.RecordKey{Fields: []string{"id"}}, []string{strings.Repeat("x", 2039)}},
	} {
		f := tb.feed("orders")
		f.RecordKey = test.key
		n := 0
		for _, err := range f.Versions(t.Context(), records.KeyQuery{Values: test.values}) {
			if n++; err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		}
		if n != 1 {
			t.Errorf("%d values, want an error: %s", n, want)
		}
	}
}

// A Limit of 1 is the newest version of a customer.
func ExampleFeed_Versions() {
	t := &cleanups{}
	defer t.run()
	tb := newTable(t)
	tb.addKeyed("customers", "monday.json", 2, "customers/id#4711")
	tb.addKeyed("customers", "tuesday.json", 3, "customers/id#4711", "customers/id#4712")
	customers := tb.feed("customers")
	customers.RecordKey = &feed.RecordKey{Fields: []string{"id"}} // Open finds it

	for r, err := range customers.Versions(t.Context(), records.KeyQuery{Values: []string{"4711"}, Limit: 1}) {
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(r.Source, string(r.Data))
	}
	// Output: s3://b/tuesday.json {"file":"tuesday.json","i":0}
}
