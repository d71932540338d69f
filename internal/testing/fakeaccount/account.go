// Package fakeaccount is an AWS account with two feeds, for the tests of the operator's
// commands and of the page. It serves the requests of the SDK's clients: to DynamoDB and
// S3 by package fake, to SQS, CloudWatch Logs and Lambda as far as these tests need.
package fakeaccount

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/quarantine"
	"example.com/ingestion/internal/testing/fake"
)

// Account is an account with two feeds in one table. It serves the requests of the AWS
// clients that the command creates.
type Account struct {
	t  *testing.T
	DB *fake.DynamoDB
	S3 fake.S3
	// Depth is the number of messages of queues, by their names.
	Depth map[string]int
	// Messages are the bodies of the messages of the failure queues.
	Messages []string
	// Logs are the lines of the log group of each function unpack.
	Logs   []string
	Config aws.Config
	Stacks *fake.CloudFormation
}

// New returns an account whose feeds have no uploads.
func New(t *testing.T) *Account {
	t.Helper()
	c := &Account{t: t, DB: fake.NewTable(), Depth: map[string]int{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.Config = aws.Config{
		Region: "eu-central-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
		RetryMaxAttempts: 1,
	}
	c.Stacks = &fake.CloudFormation{}
	for _, name := range []string{"orders", "returns"} {
		prefix := map[string]string{"returns": "in/"}[name]
		id := strings.ToUpper(name[:1]) + name[1:]
		metadata, err := json.Marshal(map[string]any{"Metadata": map[string]any{"Ingestion": map[string]any{
			// The fields of operator.Static.
			id: map[string]any{"Spec": feed.Spec{Feed: name, Sources: []feed.Source{{Kind: feed.OwnBucket, Prefix: prefix}}}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		c.Stacks.Stacks = append(c.Stacks.Stacks, fake.Stack{Name: id, Template: string(metadata), Tags: map[string]string{"app": "ingestion"}, Outputs: map[string]string{
			id + "Feed": name, id + "LandingPrefix": "landing/" + name + "/", id + "LandingBucket": "landing", id + "Table": "table",
			id + "SourceBucket": name + "-source", id + "UnpackFunction": name + "-unpack", id + "LoadFunction": name + "-load",
			id + "FailureQueueUrl": server.URL + "/" + name + "-failures",
		}})
	}
	return c
}

// ServeHTTP implements DynamoDB, and the requests to SQS and S3 that the verbs make.
func (c *Account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch target := r.Header.Get("X-Amz-Target"); {
	case strings.HasPrefix(target, "DynamoDB_20120810."):
		c.DB.ServeHTTP(w, r)
	case target == "AmazonSQS.GetQueueAttributes":
		var in struct {
			URL string `json:"QueueUrl"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		fmt.Fprintf(w, `{"Attributes":{"ApproximateNumberOfMessages":"%d"}}`, c.Depth[in.URL[strings.LastIndexByte(in.URL, '/')+1:]])
	case target == "AmazonSQS.ReceiveMessage":
		var out struct {
			Messages []map[string]any `json:"Messages"`
		}
		for i, body := range c.Messages {
			out.Messages = append(out.Messages, map[string]any{
				"MessageId": strconv.Itoa(i), "ReceiptHandle": strconv.Itoa(i), "Body": body,
				"Attributes": map[string]string{"SentTimestamp": strconv.FormatInt(At(13, 0).UnixMilli(), 10)},
			})
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if err := json.NewEncoder(w).Encode(out); err != nil {
			c.t.Error(err)
		}
	case target == "AmazonSQS.ChangeMessageVisibility":
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	case target == "Logs_20140328.FilterLogEvents":
		c.filterLogs(w, r)
	case strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/"):
		name := strings.Split(r.URL.Path, "/")[3]
		fmt.Fprintf(w, `{"FunctionName":%q,"LoggingConfig":{"LogGroup":%q}}`, name, name+"-logs")
	case target == "" && r.URL.Query().Has("versions"):
		// The buckets have no versions; the SDK's listing of versions falls back.
		w.WriteHeader(http.StatusForbidden)
	case target == "" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		c.S3.ServeHTTP(w, r)
	default:
		http.Error(w, "the fake does not implement "+r.Method+" "+target+" "+r.URL.String(), http.StatusNotImplemented)
	}
}

// filterLogs implements FilterLogEvents for a filter pattern of one quoted text.
func (c *Account) filterLogs(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Group   string `json:"logGroupName"`
		Pattern string `json:"filterPattern"`
		Start   int64  `json:"startTime"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	type event struct {
		ID        string `json:"eventId"`
		Timestamp int64  `json:"timestamp"`
		Message   string `json:"message"`
	}
	events := []event{}
	for i, message := range c.Logs {
		e := event{strconv.Itoa(i), At(13, i).UnixMilli(), message}
		if strings.HasSuffix(in.Group, "-unpack-logs") && e.Timestamp >= in.Start && strings.Contains(message, strings.Trim(in.Pattern, `"`)) {
			events = append(events, e)
		}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err := json.NewEncoder(w).Encode(map[string]any{"events": events}); err != nil {
		c.t.Error(err)
	}
}

// ledgerTime is the layout of times in the ledger.
const ledgerTime = "2006-01-02T15:04:05.000Z"

// At is a time on 1 March 2026.
func At(hour, minute int) time.Time { return time.Date(2026, 3, 1, hour, minute, 0, 0, time.UTC) }

// Put puts an item with strings, times and numbers.
func (c *Account) Put(pk, sk string, attributes map[string]any) {
	c.t.Helper()
	item := map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk},
	}
	for name, v := range attributes {
		switch v := v.(type) {
		case string:
			item[name] = &types.AttributeValueMemberS{Value: v}
		case int:
			item[name] = &types.AttributeValueMemberN{Value: strconv.Itoa(v)}
		case time.Time:
			item[name] = &types.AttributeValueMemberS{Value: v.Format(ledgerTime)}
		case types.AttributeValue:
			item[name] = v
		default:
			c.t.Fatalf("attribute %s is a %T", name, v)
		}
	}
	if _, err := dynamodb.NewFromConfig(c.Config).PutItem(c.t.Context(), &dynamodb.PutItemInput{TableName: aws.String("table"), Item: item}); err != nil {
		c.t.Fatal(err)
	}
}

// Upload puts an upload into the ledger.
func (c *Account) Upload(feedName, key string, modified time.Time, more map[string]any) ids.Upload {
	c.t.Helper()
	return c.uploadOf(ids.Upload{Feed: feedName, Bucket: feedName + "-source", Key: key, VersionID: "v1", ETag: "e", Size: 123456, Time: modified}, more)
}

// uploadOf puts an upload without its ID into the ledger.
func (c *Account) uploadOf(u ids.Upload, more map[string]any) ids.Upload {
	c.t.Helper()
	u = ids.New(u)
	attributes := map[string]any{
		"upload": u.ID, "feed": u.Feed, "bucket": u.Bucket, "key": u.Key, "version_id": u.VersionID, "etag": u.ETag, "bytes_in": int(u.Size),
		"source_time": u.Time, "shards": 2, "ledger_feed": u.Feed, "ledger_time": u.Time.Format(ledgerTime) + "#" + u.ID, "started_at": u.Time.Add(time.Second),
	}
	maps.Copy(attributes, more)
	c.Put(ids.LedgerKey(u.Feed, u.ID), "upload", attributes)
	return u
}

// Part puts a part of an upload into the ledger.
func (c *Account) Part(u ids.Upload, entry, part int, more map[string]any) {
	c.t.Helper()
	name := ids.PartName(entry, part)
	attributes := map[string]any{
		"part": name, "upload": u.ID, "feed": u.Feed, "entry": entry, "landing_key": u.PartKey("landing/", entry, part), "source_time": u.Time,
	}
	maps.Copy(attributes, more)
	c.Put(ids.LedgerKey(u.Feed, u.ID), "part#"+name, attributes)
}

// Record stores a record of the first entry of an upload.
func (c *Account) Record(u ids.Upload, ordinal int, data types.AttributeValue) {
	c.t.Helper()
	id := ids.RecordID(u.ID, 0, int64(ordinal))
	c.Put(ids.PartitionKey(u.Feed, u.ID, ids.Shard(int64(ordinal), 2)), id[ids.IDLength+1:], map[string]any{
		"entry": "", "data": data,
	})
}

// WithUploads is an account whose feed orders has uploads in all states; the feed
// returns is idle.
func WithUploads(t *testing.T) (c *Account, broken ids.Upload) {
	c = New(t)
	c.Upload("returns", "returns.json", At(8, 0), map[string]any{
		"state": "loaded", "entries": 1, "records": 7, "stored": 7, "parts": 1, "parts_loaded": 1, "unpacked_at": At(8, 1), "loaded_at": At(8, 2),
	})
	c.Upload("orders", "2026/gone.json", At(9, 0), map[string]any{"state": "missing", "message": "the object was deleted before it was read"})
	broken = c.Upload("orders", "2026/bröken\x1b[31m.zip", At(10, 0), map[string]any{
		"state": "loaded", "entries": 2, "records": 2000, "stored": 1996, "rejected_by_unpack": 3, "rejected_by_load": 1, "parts": 3, "parts_loaded": 3,
		"bytes_unpacked": 1234567, "bytes_landed": 98765, "unpacked_at": At(10, 1), "loaded_at": At(10, 2),
		"reason#invalid_json": 3, "reason#item_too_large": 1, "message": "record 17 of a.json: not JSON",
	})
	for i := range 2 {
		c.Part(broken, 0, i, map[string]any{"state": "loaded", "records": 900, "stored": 900, "bytes": 40000, "landed_at": At(10, 1), "loaded_at": At(10, 2)})
	}
	c.Part(broken, 1, 0, map[string]any{
		"state": "loaded", "records": 197, "stored": 196, "rejected": 1, "bytes": 18765, "landed_at": At(10, 1), "loaded_at": At(10, 2),
		"reason#item_too_large": 1, "message": "an item of 500,000 bytes",
	})
	w := quarantine.NewWriter(t.Context(), &c.S3, "landing", "quarantine/", broken, "unpack")
	for i, raw := range []string{`{"a":`, "{\"b\":\x1b[31m 'red'}", strings.Repeat("x", 100)} {
		r := quarantine.Record{
			ID: ids.RecordID(broken.ID, 0, int64(17+i)), Feed: "orders", Source: broken.Source(), Version: "v1", Entry: "a.json",
			Ordinal: int64(17 + i), Offset: int64(1000 * i), Stage: "unpack", Reason: "invalid_json", Detail: "not JSON", Rest: i == 2,
		}
		r.SetRaw([]byte(raw))
		for range 2 { // as after a repeated invocation
			if err := w.Add(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = quarantine.NewWriter(t.Context(), &c.S3, "landing", "quarantine/", broken, "load")
	r := quarantine.Record{
		ID: ids.RecordID(broken.ID, 1, 5), Feed: "orders", Source: broken.Source(), Version: "v1", Entry: "b.json", Ordinal: 5, Offset: -1,
		Stage: "load", Reason: "item_too_large", Detail: "an item of 500,000 bytes", Copy: quarantine.CopyKey("quarantine/", broken),
	}
	r.SetRaw([]byte{0xff, 0xfe})
	if err := w.Add(r); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c.S3.Set("landing", quarantine.CopyKey("quarantine/", broken), []byte("not NDJSON"))
	c.Upload("orders", "2026/orders.json", At(11, 0), map[string]any{
		"state": "unpacked", "entries": 1, "records": 1000, "stored": 500, "parts": 2, "parts_loaded": 1, "unpacked_at": At(11, 1),
	})
	c.Upload("orders", "2026/orders2.json", At(12, 0), map[string]any{"state": "unpacking", "checkpoint": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"continuations": &types.AttributeValueMemberN{Value: "2"}}}})
	return c, broken
}
