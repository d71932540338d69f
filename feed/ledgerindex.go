package feed

import (
	"fmt"
	"hash/fnv"
)

// LedgerIndexShards is over how many partition keys the index LedgerIndex spreads the
// uploads of a feed: DynamoDB writes at most 1,000 units a second under one of them.
const LedgerIndexShards = 16

// LedgerIndexKey is the partition key of an upload in LedgerIndex: <feed>#00 to <feed>#15,
// by a hash of its ID.
func LedgerIndexKey(feed, upload string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(upload)) // never fails
	return ledgerIndexKey(feed, int(h.Sum32()%LedgerIndexShards))
}

func ledgerIndexKey(feed string, shard int) string { return fmt.Sprintf("%s#%02d", feed, shard) }

// LedgerIndexKeys are the partition keys of a feed in LedgerIndex. The first is the name of
// the feed, under which versions before LedgerIndex have entered uploads.
func LedgerIndexKeys(feed string) []string {
	keys := []string{feed}
	for shard := range LedgerIndexShards {
		keys = append(keys, ledgerIndexKey(feed, shard))
	}
	return keys
}

// LedgerIndexAttributes are what LedgerIndex has of an upload, besides the keys: what a list
// of uploads shows.
func LedgerIndexAttributes() []string {
	return []string{
		"upload", "feed", "bucket", "key", "version_id", "etag", "bytes_in", "source_time",
		"shards", "part_bytes", "reading", "expire_in_snowflake", "announce", "started_at", LedgerIndexSettled,
	}
}
