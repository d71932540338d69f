package ids_test

import (
	"testing"
	"time"

	"example.com/ingestion/internal/ids"
)

func example() ids.Upload {
	return ids.New(ids.Upload{
		Feed: "orders", Bucket: "b", Key: "in/a b.json", VersionID: "v1", ETag: `"e"`, Size: 5,
		Time: time.Date(2026, 3, 4, 23, 30, 0, 0, time.FixedZone("", -3600)),
	})
}

// The names are a contract: objects and items of users have them.
func TestNames(t *testing.T) {
	u := example()
	const id = "emt58ev0g6dp5s6huellb4b6vs"
	for what, pair := range map[string][2]string{
		"id":        {u.ID, id},
		"etag":      {u.ETag, "e"},
		"part":      {u.PartKey("landing/", 3, 12), "landing/orders/2026/03/05/" + id + "/0000003-000012.ndjson.gz"},
		"record":    {ids.RecordID(u.ID, 3, 12), id + "/0000003/000000000012"},
		"partition": {ids.PartitionKey(u.Feed, u.ID, 7), "orders#" + id + "#7"},
		"ledger":    {ids.LedgerKey(u.Feed, u.ID), "orders#" + id},
		"source":    {u.Source(), "s3://b/in/a b.json"},
		"key time":  {ids.KeyTime(u.Time, u.ID), "2026-03-05T00:30:00.000Z#" + id},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, want %q", what, pair[0], pair[1])
		}
	}
}

func TestSplitPartitionKey(t *testing.T) {
	u := example()
	if feed, upload, ok := ids.SplitPartitionKey(ids.PartitionKey(u.Feed, u.ID, 63)); feed != u.Feed || upload != u.ID || !ok {
		t.Errorf("%q, %q, %v", feed, upload, ok)
	}
	for _, pk := range []string{ids.LedgerKey(u.Feed, u.ID), "orders#file#a", "loading", "orders#work", "a#" + u.ID + "#1#2"} {
		if _, _, ok := ids.SplitPartitionKey(pk); ok {
			t.Errorf("%q is a record's", pk)
		}
	}
}

func TestDifferentOriginsHaveDifferentIDs(t *testing.T) {
	seen := map[string]bool{}
	for _, change := range []func(*ids.Upload){
		func(*ids.Upload) {},
		func(u *ids.Upload) { u.Feed = "order"; u.Bucket = "sb" },
		func(u *ids.Upload) { u.Bucket = "c" },
		func(u *ids.Upload) { u.Key = "in/ab.json" },
		func(u *ids.Upload) { u.VersionID = "v2" },
		func(u *ids.Upload) { u.VersionID = "" },
	} {
		u := example()
		change(&u)
		seen[ids.New(u).ID] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d IDs for 6 origins", len(seen))
	}
	same := example()
	same.Time, same.Size = time.Now(), 99
	if ids.New(same).ID != example().ID {
		t.Error("the ID hangs on more than feed, bucket, key and version")
	}
	null := example()
	null.VersionID = "null"
	if v := ids.New(null).Version(); v != "e" {
		t.Errorf("version of an object from before versioning is %q, want its ETag", v)
	}
}

func TestShards(t *testing.T) {
	for size, want := range map[int64]int{0: 1, 1 << 20: 1, 3 << 20: 2, 1 << 40: ids.MaxShards} {
		if got := ids.Shards(size); got != want {
			t.Errorf("Shards(%d) = %d, want %d", size, got, want)
		}
	}
	counts := make([]int, 16)
	for i := range int64(160_000) {
		counts[ids.Shard(i, 16)]++
	}
	for shard, n := range counts {
		if n < 9_500 || n > 10_500 {
			t.Errorf("shard %d has %d of 160000 records", shard, n)
		}
	}
}
