package records_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
	"example.com/ingestion/records"
)

// table is a fake table with the uploads of several feeds.
type table struct {
	t  testing.TB
	db *fake.DynamoDB
}

func newTable(t testing.TB) table { return table{t, fake.NewDynamoDB(t)} }

func s(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
func n(v string) types.AttributeValue { return &types.AttributeValueMemberN{Value: v} }
func m(pairs ...any) types.AttributeValue {
	v := map[string]types.AttributeValue{}
	for i := 0; i < len(pairs); i += 2 {
		v[pairs[i].(string)] = pairs[i+1].(types.AttributeValue)
	}
	return &types.AttributeValueMemberM{Value: v}
}

// add stores an upload of a feed with these payloads, in a number of shards.
func (tb table) add(feedName, key string, day, shards int, data ...types.AttributeValue) string {
	tb.t.Helper()
	u := ids.New(ids.Upload{Feed: feedName, Bucket: "b", Key: key, ETag: "e", Time: time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC)})
	if _, err := ledger.New(tb.db.Client(), "t").Begin(tb.t.Context(), ledger.Upload{Upload: u, Shards: shards}); err != nil {
		tb.t.Fatal(err)
	}
	for i, v := range data {
		id := ids.RecordID(u.ID, 0, int64(i))
		item := map[string]types.AttributeValue{
			"pk": s(ids.PartitionKey(feedName, u.ID, ids.Shard(int64(i), shards))), "sk": s(id[ids.IDLength+1:]),
			"id": s(id), "feed": s(feedName), "source": s(u.Source()), "version": s("e"), "entry": s(""), "ordinal": n(strconv.Itoa(i)), "data": v,
		}
		if _, err := tb.db.Client().PutItem(tb.t.Context(), &dynamodb.PutItemInput{TableName: new(string), Item: item}); err != nil {
			tb.t.Fatal(err)
		}
	}
	return u.ID
}

func (tb table) feed(name string) *records.Feed { return records.New(tb.db.Client(), "t", name) }

func numbers(count int) []types.AttributeValue {
	var all []types.AttributeValue
	for i := range count {
		all = append(all, m("i", n(strconv.Itoa(i))))
	}
	return all
}

func lines(t *testing.T, f *records.Feed, q records.Query) []string {
	t.Helper()
	var all []string
	for r, err := range f.Read(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(r.AppendJSON(nil)))
	}
	return all
}

// Records are returned newest file first, in the order of each file whatever the
// number of shards, and none of another feed.
func TestReadReturnsFilesInOrder(t *testing.T) {
	tb := newTable(t)
	old := tb.add("orders", "old.json", 1, 64, numbers(1000)...)
	tb.add("orders", "new.json", 2, 1, numbers(3)...)
	tb.add("returns", "x.json", 3, 2, numbers(5)...)
	tb.add("orders", "none.json", 4, 1)
	got := lines(t, tb.feed("orders"), records.Query{})
	if len(got) != 1003 {
		t.Fatalf("%d records", len(got))
	}
	for i, line := range got {
		want := fmt.Sprintf(`"source":"s3://b/new.json","version":"e","entry":"","ordinal":%d,"data":{"i":%d}}`, i, i)
		if i >= 3 {
			want = fmt.Sprintf(`"source":"s3://b/old.json","version":"e","entry":"","ordinal":%d,"data":{"i":%d}}`, i-3, i-3)
		}
		if !strings.HasSuffix(line, want) {
			t.Fatalf("record %d: %s", i, line)
		}
	}
	if got := lines(t, tb.feed("orders"), records.Query{Upload: old}); len(got) != 1000 || !strings.Contains(got[0], old) {
		t.Errorf("one upload: %d records", len(got))
	}
}

func TestLimitBoundsTheQueries(t *testing.T) {
	tb := newTable(t)
	id := tb.add("orders", "k", 1, 4, numbers(2000)...)
	var calls, scans atomic.Int64
	tb.db.Before = func(operation string, _ []byte) (int, string) {
		switch operation {
		case "Query":
			calls.Add(1)
		case "Scan":
			scans.Add(1)
		}
		return 0, ""
	}
	if got := lines(t, tb.feed("orders"), records.Query{Upload: id, Limit: 3}); len(got) != 3 {
		t.Errorf("%d records", len(got))
	}
	if calls.Load() > 8 || scans.Load() != 0 { // two pages a shard at most
		t.Errorf("%d queries, %d scans", calls.Load(), scans.Load())
	}
}

// A loop that is left early leaves no goroutine running.
func TestBreakEndsTheGoroutines(t *testing.T) {
	table := generated{u: ids.New(ids.Upload{Feed: "orders", Key: "k"}), shards: 16, total: 100_000}
	before := runtime.NumGoroutine()
	for range 20 {
		for range records.New(table, "t", "orders").Read(t.Context(), records.Query{Upload: table.u.ID}) {
			break
		}
	}
	// A goroutine that has closed its channel may not have returned yet.
	if after := runtime.NumGoroutine(); after > before+16 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

func TestReadReturnsErrors(t *testing.T) {
	tb := newTable(t)
	id := tb.add("orders", "k", 1, 2, numbers(10)...)
	failed := func(ctx context.Context, q records.Query) error {
		var last error
		for _, err := range tb.feed("orders").Read(ctx, q) {
			if last != nil {
				t.Error("a value follows an error")
			}
			last = err
		}
		return last
	}
	if err := failed(t.Context(), records.Query{Upload: "none"}); err == nil || err.Error() != `feed "orders" has no upload "none"` {
		t.Errorf("error %v", err)
	}
	var broken atomic.Bool
	tb.db.Before = func(operation string, body []byte) (int, string) {
		if broken.Load() && operation == "Query" && bytes.Contains(body, []byte("#1")) {
			return 400, "AccessDeniedException"
		}
		return 0, ""
	}
	broken.Store(true)
	if err := failed(t.Context(), records.Query{Upload: id}); err == nil || !strings.Contains(err.Error(), "read records of s3://b/k: ") {
		t.Errorf("error %v", err)
	}
	broken.Store(false)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen int
	var last error
	for _, err := range tb.feed("orders").Read(ctx, records.Query{Upload: id}) {
		if seen++; seen == 2 {
			cancel()
		}
		last = err
	}
	if last != nil && !errors.Is(last, context.Canceled) {
		t.Errorf("after the context was cancelled: %v", last)
	}
}

func TestUploads(t *testing.T) {
	tb := newTable(t)
	tb.add("orders", "a", 1, 1)
	tb.add("orders", "b", 2, 1)
	var keys []string
	for u, err := range tb.feed("orders").Uploads(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, u.Key)
	}
	if strings.Join(keys, " ") != "b a" {
		t.Errorf("uploads %v", keys)
	}
}

// Values are returned as they were stored, numbers with all their digits.
func TestAppendJSON(t *testing.T) {
	const digits = "1234567890123456789012345678901234567.8"
	tb := newTable(t)
	tb.add("orders", "k", 1, 1, m(
		"number", n(digits), "small", n("1E-130"), "yes", &types.AttributeValueMemberBOOL{Value: true}, "no", &types.AttributeValueMemberBOOL{},
		"nothing", &types.AttributeValueMemberNULL{Value: true}, "list", &types.AttributeValueMemberL{Value: []types.AttributeValue{n("1"), s("two")}},
		"text", s("<a & \"b\"\n \u2028 é \x01>"), "deep", m("a.b", m()), "none", &types.AttributeValueMemberL{},
		"set", &types.AttributeValueMemberNS{Value: []string{"1"}}, "bytes", &types.AttributeValueMemberB{Value: []byte{0, 255}},
	))
	got := lines(t, tb.feed("orders"), records.Query{})
	const want = `"data":{"bytes":"AP8=","deep":{"a.b":{}},"list":[1,"two"],"no":false,"none":[],"nothing":null,"number":` + digits +
		`,"set":[1],"small":1E-130,"text":"<a & \"b\"\n \u2028 é \u0001>","yes":true}}`
	if len(got) != 1 || !strings.HasSuffix(got[0], want) || !json.Valid([]byte(got[0])) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// generated is a table that generates the records of one upload for each query.
type generated struct {
	ledger.API
	u      ids.Upload
	shards int
	total  int64
}

func (e generated) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: map[string]types.AttributeValue{
		"upload": s(e.u.ID), "feed": s(e.u.Feed), "shards": n(strconv.Itoa(e.shards)), "state": s("loaded"), "stored": n(strconv.FormatInt(e.total, 10)),
	}}, nil
}

func (e generated) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	var key string
	for _, value := range in.ExpressionAttributeValues {
		key = value.(*types.AttributeValueMemberS).Value
	}
	shard, err := strconv.Atoi(key[strings.LastIndexByte(key, '#')+1:])
	if err != nil {
		return nil, err
	}
	next := int64(0)
	if at, ok := in.ExclusiveStartKey["at"].(*types.AttributeValueMemberN); ok {
		if next, err = strconv.ParseInt(at.Value, 10, 64); err != nil {
			return nil, err
		}
	}
	out := &dynamodb.QueryOutput{}
	for ; next < e.total && len(out.Items) < int(*in.Limit); next++ {
		if ids.Shard(next, e.shards) == shard {
			out.Items = append(out.Items, map[string]types.AttributeValue{
				"sk": s(ids.RecordID(e.u.ID, 0, next)[ids.IDLength+1:]), "data": m("text", s(strings.Repeat("x", 1000))),
			})
		}
	}
	if next < e.total {
		out.LastEvaluatedKey = map[string]types.AttributeValue{"at": n(strconv.FormatInt(next, 10))}
	}
	return out, nil
}

// Memory does not grow with the number of records: 200 MB are read.
func TestReadBoundsMemory(t *testing.T) {
	table := generated{u: ids.New(ids.Upload{Feed: "orders", Key: "k"}), shards: 8, total: 200_000}
	feed := records.New(table, "t", "orders")
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	before, peak, count := stats.HeapAlloc, uint64(0), int64(0)
	for r, err := range feed.Read(t.Context(), records.Query{Upload: table.u.ID}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Ordinal != count {
			t.Fatalf("record %d after %d", r.Ordinal, count-1)
		}
		if count++; count%20_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&stats)
			peak = max(peak, stats.HeapAlloc)
		}
	}
	// 8 shards with two pages of 250 records each, some of them not decoded yet.
	if count != table.total || peak > before+16<<20 {
		t.Errorf("%d records, %d MB more than before", count, (peak-before)>>20)
	}
}
