package fakeaccount

import (
	"bytes"
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/klauspost/compress/gzip"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/quarantine"
)

// WithFaults is an account whose feed returns, which reads the prefix in/, has one file
// of each fault:
//
//	good         all of its records are in the table
//	empty        it has no records
//	partial      one of three records is in quarantine
//	rejected     its header is not the feed's: no record could be stored
//	gone         it was deleted before it was read
//	stuck        unpack has started and not finished
//	not-loaded   its part is not loaded
//	throttled    load has failed on its part; the event is in the failure queue
//	denied       unpack has failed on it; the event is in the failure queue
//	lost         no notification of it has arrived
//	deleted      two of its items were deleted from the table
//	extra        an item was inserted by hand
//	unbalanced   the counts in the ledger are inconsistent
//
// and an object outside of the prefix. The feed orders has no files.
func WithFaults(t *testing.T) *Account {
	t.Helper()
	c := New(t)
	at := func(minute int) time.Time { return At(11, minute) }
	loaded := func(records, stored int, more map[string]any) map[string]any {
		attributes := map[string]any{"state": "loaded", "entries": 1, "records": records, "stored": stored, "unpacked_at": at(50), "loaded_at": at(51)}
		if stored > 0 {
			attributes["parts"], attributes["parts_loaded"] = 1, 1
		}
		maps.Copy(attributes, more)
		return attributes
	}
	part := map[string]any{"state": "loaded", "bytes": 100, "landed_at": at(50), "loaded_at": at(51)}

	c.stored(c.file("good", 3, loaded(3, 3, nil)), 3, 3, part)
	c.file("empty", 0, loaded(0, 0, map[string]any{"message": "the file is empty"}))

	partial := c.file("partial", 3, loaded(3, 2, map[string]any{"rejected_by_unpack": 1, "reason#invalid_quote": 1, "message": "record 2: line 4: a quote inside a field"}))
	c.stored(partial, 2, 2, part)
	c.quarantine(partial, quarantine.Record{Ordinal: 2, Offset: 24, Reason: "invalid_quote", Detail: "line 4: a quote inside a field"}, `3|12" disk|x`)

	rejected := c.file("rejected", 3, loaded(1, 0, map[string]any{"rejected_by_unpack": 1, "reason#header_mismatch": 1, "message": "line 1: the header row has 1 column, the feed's columns are 3"}))
	c.quarantine(rejected, quarantine.Record{Reason: "header_mismatch", Detail: "line 1: the header row has 1 column, the feed's columns are 3", Rest: true}, "id,item,note")

	gone := c.file("gone", 1, map[string]any{"state": "missing", "message": "the object was deleted before it was read"})
	c.S3.Delete(gone.Bucket, gone.Key)

	c.file("stuck", 3, map[string]any{"state": "unpacking"})

	unpacked := map[string]any{"state": "unpacked", "entries": 1, "records": 2, "parts": 1, "unpacked_at": at(50)}
	landed := map[string]any{"state": "landed", "bytes": 100, "landed_at": at(50)}
	c.stored(c.file("not-loaded", 2, unpacked), 2, 0, landed)
	throttled := c.file("throttled", 2, unpacked)
	c.stored(throttled, 2, 0, landed)

	c.object("in/denied.csv", 2)
	const failure = `{"requestContext":{"functionArn":"arn:aws:lambda:eu-central-1:1:function:returns-%s"},"requestPayload":%s,"responsePayload":{"errorMessage":"%s"}}`
	c.Messages = []string{
		fmt.Sprintf(failure, "load", `{"feed":"returns","upload":"`+throttled.ID+`","part":"`+ids.PartName(0, 0)+`"}`, "throttled by the table"),
		fmt.Sprintf(failure, "unpack", `{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"returns-source"},"object":{"key":"in/denied.csv"}}}]}`, "access denied by KMS"),
	}
	c.Depth["returns-failures"] = len(c.Messages)
	c.object("in/lost.csv", 2)

	c.stored(c.file("deleted", 3, loaded(3, 3, nil)), 3, 1, part)
	c.stored(c.file("extra", 1, loaded(1, 1, nil)), 1, 2, part)
	c.stored(c.file("unbalanced", 5, loaded(5, 3, nil)), 3, 3, part)
	c.object("archive/old.csv", 1)
	c.Logs = []string{"START RequestId: 1", `{"level":"ERROR","msg":"failed","object":"s3://returns-source/in/denied.csv","error":"access denied by KMS"}`}
	return c
}

// object puts an object with n rows into the bucket of the feed returns, and returns its
// size and ETag.
func (c *Account) object(key string, n int) (size int64, etag string) {
	body := []byte("id|item|note\n")
	for i := range n {
		body = fmt.Appendf(body, "%d|%s|x\n", i, key)
	}
	return int64(len(body)), c.S3.Set("returns-source", key, body)
}

// file puts in/<name>.csv with n rows into the bucket, and its upload into the ledger.
func (c *Account) file(name string, n int, attributes map[string]any) ids.Upload {
	c.t.Helper()
	key := "in/" + name + ".csv"
	size, etag := c.object(key, n)
	return c.uploadOf(ids.Upload{Feed: "returns", Bucket: "returns-source", Key: key, ETag: etag, Size: size, Time: At(11, 40)}, attributes)
}

// stored lands a part with n records, and puts so many items into the table.
func (c *Account) stored(u ids.Upload, n, items int, attributes map[string]any) {
	c.t.Helper()
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	for i := range n {
		if _, err := fmt.Fprintf(w, `{"id":%q,"feed":%q,"source":%q,"version":%q,"entry":%q,"ordinal":%d,"data":{"id":"%d"}}`+"\n",
			ids.RecordID(u.ID, 0, int64(i)), u.Feed, u.Source(), u.Version(), u.Key, i, i); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		c.t.Fatal(err)
	}
	c.S3.Set("landing", u.PartKey("landing/", 0, 0), body.Bytes())
	more := map[string]any{"records": n}
	if attributes["state"] == "loaded" {
		more["stored"] = n
	}
	maps.Copy(more, attributes)
	c.Part(u, 0, 0, more)
	for i := range items {
		c.Record(u, i, &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: strconv.Itoa(i)}}})
	}
}

// quarantine writes a record of an upload to quarantine.
func (c *Account) quarantine(u ids.Upload, r quarantine.Record, raw string) {
	c.t.Helper()
	w := quarantine.NewWriter(c.t.Context(), &c.S3, "landing", "quarantine/", u, "unpack")
	r.ID, r.Feed, r.Source, r.Version, r.Entry, r.Stage = ids.RecordID(u.ID, 0, r.Ordinal), u.Feed, u.Source(), u.Version(), u.Key, "unpack"
	r.SetRaw([]byte(raw))
	if err := w.Add(r); err != nil {
		c.t.Fatal(err)
	}
	if _, _, err := w.Close(); err != nil {
		c.t.Fatal(err)
	}
}
