package unpack_test

import (
	"strconv"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// A gatherer that was killed while it divided a single object into parts has left the
// upload with its lease. Its retry, or another gatherer, finds the object among others: it is
// completed, though the lease looks as if the object was being read.
func TestKilledReaderOfASmallObject(t *testing.T) {
	for _, reader := range []string{"event", "another invocation"} { // "event" is the gatherer itself
		t.Run(reader, func(t *testing.T) {
			w := newGatherFixture(t, feed.Format{Kind: feed.NDJSON})
			shards := map[int]string{}
			var files map[string][]byte
			for i := 0; files == nil; i++ { // two objects of one shard
				key, body := "k"+strconv.Itoa(i), []byte("{\"n\":"+strconv.Itoa(i)+"}\n")
				etag := w.s3.Set("src", key, body)
				shard := ledger.WaitingShard(ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: key, ETag: etag}).ID)
				if other := shards[shard]; other != "" {
					files = map[string][]byte{key: body, other: nil}
					files[other], _ = w.s3.Get("src", other)
				}
				shards[shard] = key
			}
			entered := w.enter(files)
			for key, body := range files {
				etag := w.s3.Set("src", key, body)
				u := ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: key, ETag: etag, Size: int64(len(body)), Time: w.s3.Modified})
				begun := ledger.Upload{Upload: u, Shards: 1, PartBytes: 8 << 10, Reader: reader, ReaderUntil: time.Now().Add(300 * time.Millisecond)}
				if _, err := w.unpack.Ledger.Begin(t.Context(), begun); err != nil {
					t.Fatal(err)
				}
				break
			}
			if failed := w.gather(entered...); failed != nil {
				t.Error(failed)
			}
			for key := range files {
				if u := w.of(key); u.State != ledger.Loaded || u.Stored != 1 {
					t.Errorf("%s: %+v", key, u)
				}
			}
		})
	}
}
