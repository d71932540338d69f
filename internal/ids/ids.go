// Package ids has the IDs and keys of uploads, entries, records and parts. Each is
// derived from its origin alone, which makes the functions idempotent: a duplicate
// event or a retry has the same IDs and writes the same keys.
package ids

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Widths of the zero-padded numbers in names, so that names sort in the order of
// the records in the file.
const (
	EntryDigits   = 7  // up to 9,999,999 entries in an upload
	OrdinalDigits = 12 // up to 999,999,999,999 records in an entry
	PartDigits    = 6  // up to 999,999 parts in an entry
	IDLength      = 26 // characters of an upload's ID
	// RecordIDLength is the length of a record's ID, see RecordID.
	RecordIDLength = IDLength + 1 + EntryDigits + 1 + OrdinalDigits
)

// Upload is one version of one source object: the unit of idempotency.
type Upload struct {
	// ID is a hash of feed, bucket, key and version: IDLength characters of [0-9a-v].
	ID   string `dynamodbav:"upload"`
	Feed string `dynamodbav:"feed"`
	// Bucket and Key name the source object; Key is as in the bucket, not URL-encoded.
	Bucket string `dynamodbav:"bucket"`
	Key    string `dynamodbav:"key"`
	// VersionID is the object's version, empty in a bucket without versions.
	VersionID string `dynamodbav:"version_id"`
	// ETag is the object's entity tag, without quotes.
	ETag string `dynamodbav:"etag"`
	// Size is the object's length in bytes.
	Size int64 `dynamodbav:"bytes_in"`
	// Time is when the source object was last modified, in UTC.
	Time time.Time `dynamodbav:"source_time"`
}

// New returns the upload with its ID filled in.
func New(u Upload) Upload {
	if u.VersionID == "null" { // what S3 calls the version of an object from before versioning
		u.VersionID = ""
	}
	u.ETag = strings.Trim(u.ETag, `"`)
	u.Time = u.Time.UTC()
	h := sha256.New()
	for _, s := range []string{u.Feed, u.Bucket, u.Key, u.Version()} {
		// The length goes first: ("a", "bc") and ("ab", "c") are different origins.
		h.Write(strconv.AppendInt(nil, int64(len(s)), 10))
		h.Write([]byte{':'})
		h.Write([]byte(s))
	}
	u.ID = idEncoding.EncodeToString(h.Sum(nil)[:16])
	return u
}

var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// Version is the version ID, or the ETag where the bucket has no versions.
func (u Upload) Version() string {
	if u.VersionID != "" {
		return u.VersionID
	}
	return u.ETag
}

// Source is the URI of the source object, s3://bucket/key.
func (u Upload) Source() string { return "s3://" + u.Bucket + "/" + u.Key }

// EntryName is the name of the entry of a file that is no archive: that of the file.
// sourceOrKey is its URI or its key. An item of the table has the path of its entry only
// where it is another one.
func EntryName(sourceOrKey string) string {
	return sourceOrKey[strings.LastIndexByte(sourceOrKey, '/')+1:]
}

// RecordID is the ID of a record: upload, entry and ordinal, separated by slashes.
func RecordID(id string, entry int, ordinal int64) string {
	return fmt.Sprintf("%s/%0*d/%0*d", id, EntryDigits, entry, OrdinalDigits, ordinal)
}

// PartName is the name of a part of an upload: entry and part, separated by a hyphen.
func PartName(entry, part int) string {
	return fmt.Sprintf("%0*d-%0*d", EntryDigits, entry, PartDigits, part)
}

// Folder is the key prefix of an upload's objects under prefix:
// <prefix><feed>/<yyyy>/<mm>/<dd>/<upload>/, by the date of the source object.
func (u Upload) Folder(prefix string) string {
	return prefix + u.Feed + u.Time.Format("/2006/01/02/") + u.ID + "/"
}

// PartKey is the key of one part in the landing bucket.
func (u Upload) PartKey(landingPrefix string, entry, part int) string {
	return u.Folder(landingPrefix) + PartName(entry, part) + ".ndjson.gz"
}

// Shards is the number of partition keys for the records of an upload, by the size of
// its object in bytes. DynamoDB limits a partition, and so a partition key, to 1,000
// write units a second, so large objects need several.
func Shards(sourceBytes int64) int {
	const bytesPerShard = 2 << 20
	return int(min(max(sourceBytes/bytesPerShard+1, 1), MaxShards))
}

// MaxShards bounds the partition keys of one upload: 64 of them take more than the
// default quota of a table, 40,000 write units a second.
const MaxShards = 64

// Shard is the shard of a record, from 0 to n-1. Consecutive records have different
// shards, so that a batch of them uses many partitions.
func Shard(ordinal int64, n int) int {
	if n <= 1 {
		return 0
	}
	// The finalizer of MurmurHash3: every bit of the ordinal affects every bit of the result.
	h := uint64(ordinal)
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return int(h % uint64(n))
}

// PartitionKey is the table's partition key of a record: <feed>#<upload>#<shard>.
func PartitionKey(feed, id string, shard int) string {
	return feed + "#" + id + "#" + strconv.Itoa(shard)
}

// SplitPartitionKey returns the feed and the upload of a record's partition key, or false
// for another item's.
func SplitPartitionKey(pk string) (feed, upload string, ok bool) {
	parts := strings.Split(pk, "#")
	if len(parts) != 3 || len(parts[1]) != IDLength {
		return "", "", false
	}
	return parts[0], parts[1], true
}

// TimeText is the time of a source object as the lines of parts and changes, and the index
// by key, have it: texts sort as the times.
func TimeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// KeyTime is what the sort keys of an upload's records begin with in the index by key: the
// time of the source object and, so that the order of records is the same whenever they
// arrive, the upload. Entry and ordinal follow, after a slash.
func KeyTime(sourceTime time.Time, id string) string {
	return TimeText(sourceTime) + "#" + id
}

// LedgerKey is the table's partition key of an upload's ledger items: <feed>#<upload>.
func LedgerKey(feed, id string) string { return feed + "#" + id }

// PartRef identifies a part.
type PartRef struct {
	Feed   string `json:"feed"`
	Upload string `json:"upload"`
	Part   string `json:"part"` // see PartName
	// Time is that of the source object: parts are loaded in this order.
	Time time.Time `json:"time,omitzero"`
}

// Load is the payload of load. It wakes a loader, which looks for the parts itself.
type Load struct {
	// Feed is where the loader looks first; empty for any.
	Feed string `json:"feed,omitempty"`
}

// Resume is the payload of a continuation of unpack.
type Resume struct {
	Resume Ref `json:"resume"`
}

// Ref identifies an upload.
type Ref struct {
	Feed   string `json:"feed"`
	Upload string `json:"upload"`
}
