package export_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/klauspost/compress/gzip"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/functions/export"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
)

const (
	bucket   = "landing"
	uploadID = "0123456789abcdefghijklmnov"
	created  = 1772603999 // 2026-03-04T05:59:59Z
)

func newHandler(log io.Writer) (*export.Handler, *fake.S3) {
	s3 := &fake.S3{}
	uploads := func(_ context.Context, feedName, id string) (ledger.Upload, bool, error) {
		u := ledger.Upload{Upload: ids.Upload{ID: id, Feed: feedName, Bucket: "src", Key: "ké.json", VersionID: `v"1`, Time: time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)}}
		return u, id == uploadID, nil
	}
	return &export.Handler{Bucket: bucket, S3: s3, Uploads: uploads, Log: slog.New(slog.NewJSONHandler(log, nil))}, s3
}

// change is one record of an event in Lambda's form.
func change(name string, sequence int, pk, sk, image string) string {
	if image != "" {
		image = `,"NewImage":` + image
	}
	return fmt.Sprintf(`{"eventID":"e%d","eventName":"%s","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1",`+
		`"dynamodb":{"ApproximateCreationDateTime":%d.0,"Keys":{"sk":{"S":"%s"},"pk":{"S":"%s"}}%s,"OldImage":{"pk":{"S":"x"}},`+
		`"SequenceNumber":"%d","SizeBytes":99,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventSourceARN":"arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/s"}`,
		sequence, name, created+sequence, sk, pk, image, sequence)
}

func sortKey(n int) string {
	return fmt.Sprintf("%0*d/%0*d", ids.EntryDigits, 0, ids.OrdinalDigits, n)
}

// put is the change of a record that load writes.
func put(feedName string, n int, data string) string {
	pk := ids.PartitionKey(feedName, uploadID, n%5)
	wire, _, err := batchwrite.Attributes(nil, fmt.Appendf(nil,
		`{"pk":"%s","sk":"%s","entry":"a/b.json","data":%s}`, pk, sortKey(n), data), 0)
	if err != nil {
		panic(err)
	}
	return change("INSERT", n, pk, sortKey(n), "{"+string(wire)+"}")
}

func event(t testing.TB, changes ...string) export.Event {
	t.Helper()
	var e export.Event
	if err := json.Unmarshal([]byte(`{"Records":[`+strings.Join(changes, ",")+`]}`), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// lines are the lines of the only object under changes/<feed>/.
func lines(t *testing.T, s3 *fake.S3, feedName string) (key string, lines []string) {
	t.Helper()
	keys := s3.Keys(bucket, feed.DefaultChangesPrefix+feedName+"/")
	if len(keys) != 1 {
		t.Fatalf("objects of %s: %q", feedName, keys)
	}
	object, _ := s3.Get(bucket, keys[0])
	gz, err := gzip.NewReader(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(gz)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		t.Errorf("the object does not end with a line break: %q", text)
	}
	return keys[0], strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestLine(t *testing.T) {
	h, s3 := newHandler(io.Discard)
	pk := "orders#" + uploadID + "#2"
	if err := h.Handle(t.Context(), event(t,
		put("orders", 2, `{"price":1.50,"big":12345678901234567890123456789,"tags":["é",null,true]}`),
		change("MODIFY", 3, pk, sortKey(2), `{"data":{"SS":["a","b"]},"Data":{"S":"another"},"extra":{"B":"AA=="},"ordinal":{"N":"2"}}`),
		change("REMOVE", 4, pk, sortKey(2), ""),
		change("INSERT", 5, strings.Replace(pk, uploadID, strings.Repeat("a", len(uploadID)), 1), sortKey(3), `{"data":{"S":"x"}}`),
		// An item of an earlier version has its origin.
		change("INSERT", 6, pk, sortKey(4), `{"source":{"S":"s3://old/k"},"version":{"S":"e"},"entry":{"S":"k"},"ordinal":{"N":"4"},"data":{"S":"y"}}`),
	)); err != nil {
		t.Fatal(err)
	}
	key, got := lines(t, s3, "orders")
	keys := `"pk":"` + pk + `","sk":"0000000/000000000002","id":"` + uploadID + `/0000000/000000000002","feed":"orders","upload":"` + uploadID + `"`
	want := []string{
		`{"event":"INSERT","sequence":"` + strings.Repeat("0", 39) + `2","event_id":"e2","changed_at":"2026-03-04T06:00:01Z",` + keys +
			`,"source":"s3://src/ké.json","version":"v\"1","source_time":"2026-03-04T05:06:07.008Z","entry":"a/b.json","ordinal":2,"data":{"price":1.50,"big":12345678901234567890123456789,"tags":["é",null,true]}}`,
		// A foreign write through DynamoDB's API: what the item lacks is the upload's.
		`{"event":"MODIFY","sequence":"` + strings.Repeat("0", 39) + `3","event_id":"e3","changed_at":"2026-03-04T06:00:02Z",` + keys +
			`,"source":"s3://src/ké.json","version":"v\"1","source_time":"2026-03-04T05:06:07.008Z","entry":"ké.json","ordinal":2,"data":["a","b"]}`,
		`{"event":"REMOVE","sequence":"` + strings.Repeat("0", 39) + `4","event_id":"e4","changed_at":"2026-03-04T06:00:03Z",` + keys + `}`,
		// The ledger does not have the upload.
		`{"event":"INSERT","sequence":"` + strings.Repeat("0", 39) + `5","event_id":"e5","changed_at":"2026-03-04T06:00:04Z",` +
			strings.ReplaceAll(strings.ReplaceAll(keys, uploadID, strings.Repeat("a", len(uploadID))), "0002\"", "0003\"") + `,"source":null,"version":null,"source_time":null,"entry":null,"ordinal":3,"data":"x"}`,
		`{"event":"INSERT","sequence":"` + strings.Repeat("0", 39) + `6","event_id":"e6","changed_at":"2026-03-04T06:00:05Z",` +
			strings.ReplaceAll(keys, "0002\"", "0004\"") + `,"source":"s3://old/k","version":"e","source_time":"2026-03-04T05:06:07.008Z","entry":"k","ordinal":4,"data":"y"}`,
	}
	if len(got) != len(want) {
		t.Fatalf("%d lines: %q", len(got), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("line %d is\n%s, want\n%s", i, got[i], want[i])
		}
	}
	prefix := "changes/orders/2026/03/04/" + strings.Repeat("0", 39) + "2-" + strings.Repeat("0", 39) + "6-"
	if !strings.HasPrefix(key, prefix) || !strings.HasSuffix(key, ".ndjson.gz") || len(key) != len(prefix)+16+len(".ndjson.gz") {
		t.Errorf("key %s", key)
	}
}

func TestRepeatedBatchIsIdempotent(t *testing.T) {
	h, s3 := newHandler(io.Discard)
	var changes []string
	for i := range 500 {
		changes = append(changes, put("orders", i+1, fmt.Sprintf(`{"n":%d}`, i)))
	}
	for range 3 {
		if err := h.Handle(t.Context(), event(t, changes...)); err != nil {
			t.Fatal(err)
		}
	}
	key, got := lines(t, s3, "orders")
	if len(got) != 500 || s3.Puts[bucket+"/"+key] != 1 {
		t.Errorf("%d lines, written %d times", len(got), s3.Puts[bucket+"/"+key])
	}
	for i, line := range got {
		if !strings.Contains(line, fmt.Sprintf(`"sequence":"%040d"`, i+1)) {
			t.Fatalf("line %d is %s", i, line)
		}
	}
	// The same bytes in an empty bucket.
	again, other := newHandler(io.Discard)
	if err := again.Handle(t.Context(), event(t, changes...)); err != nil {
		t.Fatal(err)
	}
	a, _ := s3.Get(bucket, key)
	if b, _ := other.Get(bucket, key); !bytes.Equal(a, b) {
		t.Error("the same batch made another object")
	}
	// The same sequence numbers with other content, from another shard, make another object.
	changes[7] = put("orders", 8, `{"n":"other"}`)
	if err := h.Handle(t.Context(), event(t, changes...)); err != nil {
		t.Fatal(err)
	}
	if keys := s3.Keys(bucket, "changes/"); len(keys) != 2 {
		t.Errorf("objects: %q", keys)
	}
}

func TestOnlyRecordsAreExported(t *testing.T) {
	var log bytes.Buffer
	h, s3 := newHandler(&log)
	id := uploadID
	ledger, foreign := [][2]string{
		{ids.LedgerKey("orders", id), "upload"},
		{ids.LedgerKey("orders", id), "part#" + ids.PartName(0, 0)},
		{"orders#seen#their-bucket", "in/a.json"},
		{"orders#seen#1", sortKey(1)}, // an object may be called like a record
		{"orders#discover", "0123abcd"},
		{"orders#backfill", "0123abcd"},
		{"orders#watch", "0123abcd"},
		{"orders#spec", "0123456789ab"},
		{"orders#work", "wait#2026-03-01T00:00:00.000Z#u#p"},
		{"orders#file#in/a#1.json", "2026-03-01T00:00:00.000Z#" + id},
		{"loading", "slot#01"},
	}, [][2]string{
		{"config", "x"},
		{"Orders#seen#b", "k"},
		{"orders#other", "k"},
		{"orders#" + id + "#0", "note"},
		{"orders#" + id + "#100", sortKey(1)},
		{"orders#" + id + "#07", sortKey(1)},
		{"orders#" + id + "#", sortKey(1)},
		{"orders#" + id[1:] + "#1", sortKey(1)},
		{"orders#" + strings.ToUpper(id) + "#1", sortKey(1)},
		{"Orders#" + id + "#1", sortKey(1)},
		{"../x#" + id + "#1", sortKey(1)},
		{strings.Repeat("a", 41) + "#" + id + "#1", sortKey(1)},
		{"#" + id + "#1", sortKey(1)},
		{"orders#" + id + "#1#2", sortKey(1)},
		{"orders#" + id + "#1", sortKey(1) + "0"},
		{"orders#" + id + "#1", strings.Replace(sortKey(1), "/", "#", 1)},
		{"orders#" + id + "#1", strings.Replace(sortKey(1), "0", "x", 1)},
	}
	var changes []string
	for i, keys := range append(ledger, foreign...) {
		changes = append(changes, change("INSERT", i+1, keys[0], keys[1], `{"pk":{"S":"x"}}`))
	}
	if err := h.Handle(t.Context(), event(t, changes...)); err != nil {
		t.Fatal(err)
	}
	if keys := s3.Keys(bucket, ""); len(keys) != 0 {
		t.Errorf("objects %q", keys)
	}
	var line struct {
		Msg                                string
		Changes, Exported, Ledger, Foreign int
	}
	if err := json.Unmarshal(log.Bytes(), &line); err != nil { // fails on a second line, too
		t.Fatalf("%s: %v", log.Bytes(), err)
	}
	if line.Msg != "exported" || line.Changes != len(changes) || line.Exported != 0 || line.Ledger != len(ledger) || line.Foreign != len(foreign) {
		t.Errorf("log %s", log.Bytes())
	}
}

func TestSeveralFeedsInOneBatch(t *testing.T) {
	h, s3 := newHandler(io.Discard)
	if err := h.Handle(t.Context(), event(t,
		put("orders", 1, `1`), put("returns", 2, `2`), put("orders", 3, `3`), put("my-orders", 4, `4`), put("returns", 5, `5`),
	)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]int{"orders": {1, 3}, "returns": {2, 5}, "my-orders": {4}} {
		key, got := lines(t, s3, name)
		if len(got) != len(want) || !strings.Contains(key, fmt.Sprintf("/%040d-%040d-", want[0], want[len(want)-1])) {
			t.Errorf("%s: %s has %q", name, key, got)
			continue
		}
		for i, n := range want {
			if !strings.HasSuffix(got[i], fmt.Sprintf(`"data":%d}`, n)) || !strings.Contains(got[i], `"feed":"`+name+`"`) {
				t.Errorf("%s: line %s", name, got[i])
			}
		}
	}
}

// A change that cannot be read fails its batch, with an error that identifies it, and
// writes nothing: Lambda bisects the batch until the change is alone in it.
func TestUnreadableChangeFailsTheBatch(t *testing.T) {
	pk, sk := "orders#"+uploadID+"#1", sortKey(7)
	tests := map[string]struct{ change, want string }{
		"unknown type":     {change("INSERT", 7, pk, sk, `{"data":{"X":"1"}}`), `attribute "data": not an attribute value of DynamoDB: type "X"`},
		"bad number":       {change("INSERT", 7, pk, sk, `{"other":{"N":"NaN"}}`), `"NaN" at byte`},
		"image no object":  {change("INSERT", 7, pk, sk, `["a"]`), `new image: not an attribute`},
		"no image":         {change("MODIFY", 7, pk, sk, ""), `the stream's view type must be NEW_IMAGE or NEW_AND_OLD_IMAGES`},
		"unknown event":    {change("TRUNCATE", 7, pk, sk, `{}`), `event "TRUNCATE" is none of INSERT, MODIFY, REMOVE`},
		"no keys":          {strings.Replace(change("REMOVE", 7, pk, sk, ""), `"pk"`, `"key"`, 1), `no string keys pk and sk`},
		"no sequence":      {strings.Replace(change("REMOVE", 7, pk, sk, ""), `"SequenceNumber":"7"`, `"SequenceNumber":""`, 1), `not one of 1 to 40 digits`},
		"long sequence":    {strings.Replace(change("REMOVE", 7, pk, sk, ""), `"SequenceNumber":"7"`, `"SequenceNumber":"`+strings.Repeat("7", 41)+`"`, 1), `not one of 1 to 40 digits`},
		"foreign sequence": {strings.Replace(change("REMOVE", 7, pk, sk, ""), `"SequenceNumber":"7"`, `"SequenceNumber":"0x7"`, 1), `not one of 1 to 40 digits`},
		"milliseconds":     {strings.Replace(change("REMOVE", 7, pk, sk, ""), ".0,", "000,", 1), `is not a time in seconds`},
		"no time":          {strings.Replace(change("REMOVE", 7, pk, sk, ""), "ApproximateCreationDateTime", "Other", 1), `is not a time in seconds`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, s3 := newHandler(io.Discard)
			err := h.Handle(t.Context(), event(t, put("orders", 6, `6`), test.change, put("returns", 8, `8`)))
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "change 2 of 3, sequence number") || !strings.Contains(err.Error(), `event "e7"`) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if keys := s3.Keys(bucket, ""); len(keys) != 0 {
				t.Errorf("objects %q", keys)
			}
		})
	}
}

// Whichever PUT fails, before or after it took effect: after a retry of the batch each
// change is exported once.
func TestFailedWriteIsRetried(t *testing.T) {
	for name, stored := range map[string]bool{"before the effect": false, "after the effect": true} {
		for _, at := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, call %d", name, at), func(t *testing.T) {
				var log bytes.Buffer
				h, s3 := newHandler(&log)
				calls := 0
				s3.FailPut = func(string) (bool, error) {
					if calls++; calls == at {
						return stored, errors.New("connection reset")
					}
					return false, nil
				}
				e := event(t, put("orders", 1, `1`), put("returns", 2, `2`))
				if err := h.Handle(t.Context(), e); err == nil || !strings.Contains(err.Error(), "connection reset") || !strings.Contains(err.Error(), "feed ") {
					t.Fatalf("error %v", err)
				}
				if !strings.Contains(log.String(), `"level":"ERROR","msg":"failed"`) {
					t.Errorf("log %s", log.Bytes())
				}
				if err := h.Handle(t.Context(), e); err != nil {
					t.Fatal(err)
				}
				for _, name := range []string{"orders", "returns"} {
					if key, got := lines(t, s3, name); len(got) != 1 || s3.Puts[bucket+"/"+key] != 1 {
						t.Errorf("%s: written %d times: %q", key, s3.Puts[bucket+"/"+key], got)
					}
				}
			})
		}
	}
}

// The names that are accepted here are those that feed.Spec accepts.
func TestFeedNames(t *testing.T) {
	for _, name := range []string{"a", "my-orders-2", strings.Repeat("z", 40), "", "A", "1a", "-a", "a_b", "é", "a b", strings.Repeat("z", 41)} {
		h, s3 := newHandler(io.Discard)
		if err := h.Handle(t.Context(), event(t, change("REMOVE", 1, name+"#"+uploadID+"#0", sortKey(1), ""))); err != nil {
			t.Fatal(err)
		}
		valid := feed.Spec{Feed: name, Format: feed.Format{Kind: feed.JSON}}.WithDefaults().Validate() == nil
		if exported := len(s3.Keys(bucket, "")) == 1; exported != valid {
			t.Errorf("%q: exported %t, valid %t", name, exported, valid)
		}
	}
}

// payload is a batch of about 5 MB of ordinary records, in wire form.
func payload() []byte {
	var changes []string
	for i := range 5500 {
		changes = append(changes, put("orders", i+1, fmt.Sprintf(
			`{"order_id":"ord-%08d","created_at":"2026-03-04T05:06:07Z","customer":{"id":%d,"name":"Jürgen Müller","email":"user%d@example.com"},`+
				`"items":[{"sku":"SKU-%06d","qty":3,"price":19.90},{"sku":"SKU-%06d","qty":1,"price":5.25}],"note":"the quick \"brown\" fox","paid":true,"coupon":null}`, i, i*7, i, i*3, i*5)))
	}
	return []byte(`{"Records":[` + strings.Join(changes, ",") + `]}`)
}

func BenchmarkHandle(b *testing.B) {
	in := payload()
	h, s3 := newHandler(io.Discard)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		var e export.Event
		if err := json.Unmarshal(in, &e); err != nil {
			b.Fatal(err)
		}
		if err := h.Handle(b.Context(), e); err != nil {
			b.Fatal(err)
		}
		for _, key := range s3.Keys(bucket, "") {
			s3.Delete(bucket, key)
		}
	}
}

// BenchmarkDecode and BenchmarkDecodeLambdaGo measure decoding alone: into Event, which
// keeps the images in wire form, and into events.DynamoDBEvent, whose images would
// still have to be encoded.
func BenchmarkDecode(b *testing.B)         { benchmarkDecode[export.Event](b) }
func BenchmarkDecodeLambdaGo(b *testing.B) { benchmarkDecode[events.DynamoDBEvent](b) }

func benchmarkDecode[T any](b *testing.B) {
	in := payload()
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		var e T
		if err := json.Unmarshal(in, &e); err != nil {
			b.Fatal(err)
		}
	}
}
