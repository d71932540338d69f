package backfill_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/operator/backfill"
	"example.com/ingestion/internal/testing/fake"
)

// bucket is a bucket with that number of generated objects, which take no memory.
type bucket int

func key(i int) string { return fmt.Sprintf("in/%07d.json", i) }

func number(t *testing.T, key string) int {
	t.Helper()
	i, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(key, "in/"), ".json"))
	if err != nil {
		t.Error(err)
	}
	return i
}

func listed(i int) types.Object {
	modified := time.Date(2026, 3, 1, 0, 0, i, 0, time.UTC)
	return types.Object{Key: aws.String(key(i)), ETag: aws.String(strconv.Itoa(i)), Size: aws.Int64(10), LastModified: &modified}
}

func (b bucket) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	after := aws.ToString(in.StartAfter)
	if in.ContinuationToken != nil {
		after = *in.ContinuationToken
	}
	out := &s3.ListObjectsV2Output{IsTruncated: aws.Bool(false)}
	first := 0
	if after != "" {
		n, err := strconv.Atoi(after[3:10])
		if err != nil {
			return nil, err
		}
		first = n + 1
	}
	for i := first; i < int(b); i++ {
		if len(out.Contents) == 1000 {
			out.IsTruncated, out.NextContinuationToken = aws.Bool(true), out.Contents[999].Key
			break
		}
		out.Contents = append(out.Contents, listed(i))
	}
	return out, nil
}

func (b bucket) ListObjectVersions(context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options)) (*s3.ListObjectVersionsOutput, error) {
	return nil, &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusForbidden}}, Err: errors.New("AccessDenied"),
	}}
}

// addUpload adds the upload of an object to the ledger.
func addUpload(table *fake.DynamoDB, i int) {
	o := listed(i)
	id := backfill.ID("orders", "src", s3source.ListedObject{Key: *o.Key, ETag: *o.ETag})
	table.Put(map[string]string{"pk": ids.LedgerKey("orders", id), "sk": "upload", "upload": id, "state": "loaded"})
}

// fixture is a backfill of a generated bucket.
type fixture struct {
	t     *testing.T
	n     int
	table *fake.DynamoDB
	sent  []atomic.Int32
	total atomic.Int64
	b     *backfill.Backfill
}

func newFixture(t *testing.T, n int) *fixture {
	w := &fixture{t: t, n: n, table: fake.NewDynamoDB(t), sent: make([]atomic.Int32, n)}
	w.b = &backfill.Backfill{
		Feed: "orders", Sources: []backfill.Source{{Source: feed.Source{Kind: feed.ExistingBucket, Bucket: "src", Prefix: "in/"}, API: bucket(n)}},
		Rate: 1e6, DynamoDB: w.table.Client(), Table: "table", Send: w.send,
	}
	return w
}

func (w *fixture) send(_ context.Context, payload []byte) error {
	objects, err := s3event.Parse(payload)
	if err != nil || len(objects) != 1 || objects[0].Bucket != "src" {
		w.t.Errorf("payload %s: %v", payload, err)
		return err
	}
	w.sent[number(w.t, objects[0].Key)].Add(1)
	w.total.Add(1)
	return nil
}

const many = 100_000

func TestRunInterruptedTwice(t *testing.T) {
	w := newFixture(t, many)
	for i := 0; i < many; i += 10 {
		addUpload(w.table, i)
	}
	throttle := &smithy.GenericAPIError{Code: "TooManyRequestsException"}
	send := w.b.Send
	var calls atomic.Int64
	stop := func() {}
	w.b.Send = func(ctx context.Context, payload []byte) error {
		switch calls.Add(1) {
		case 1000:
			return throttle
		case 30_000, 70_000:
			stop()
		}
		return send(ctx, payload)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak uint64
	var looked atomic.Int64
	w.b.Step = func(n, _ int64) {
		if looked.Add(n)%10_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&after)
			peak = max(peak, after.HeapAlloc)
		}
	}
	plan, err := w.b.Plan(t.Context())
	if err != nil || len(plan) != 1 || plan[0].New != (backfill.Count{Objects: 90_000, Bytes: 900_000}) || plan[0].Known.Objects != 10_000 {
		t.Fatalf("plan %+v, %v", plan, err)
	}
	var sent, known int64
	for run := 1; ; run++ {
		ctx, cancel := context.WithCancel(t.Context())
		stop = cancel
		results, err := w.b.Run(ctx)
		cancel()
		for _, r := range results {
			sent, known = sent+r.Dispatched.Objects, known+r.Known.Objects
		}
		if err == nil {
			if run != 3 {
				t.Errorf("%d runs, want 3", run)
			}
			break
		}
		if !errors.Is(err, context.Canceled) || run == 3 {
			t.Fatalf("run %d: %v", run, err)
		}
	}
	for i := range w.sent {
		if n, want := w.sent[i].Load(), int32(min(i%10, 1)); n != want {
			t.Fatalf("object %d was dispatched %d times, want %d", i, n, want)
		}
	}
	if sent != 90_000 || known != 10_000 {
		t.Errorf("%d dispatched and %d known", sent, known)
	}
	if grown := int64(peak) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	// The next run begins at the first key.
	if plan, err = w.b.Plan(t.Context()); err != nil || plan[0].After != "" || plan[0].New.Objects+plan[0].Known.Objects != many {
		t.Errorf("plan %+v, %v", plan, err)
	}
}

// Without a cursor, after a crash, objects in the ledger are skipped.
func TestRunAfterACrash(t *testing.T) {
	w := newFixture(t, 2000)
	w.table.Before = func(operation string, _ []byte) (int, string) {
		if operation == "PutItem" {
			return http.StatusBadRequest, "AccessDeniedException"
		}
		return 0, ""
	}
	send := w.b.Send
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calls atomic.Int64
	w.b.Send = func(ctx context.Context, payload []byte) error {
		objects, err := s3event.Parse(payload)
		if err != nil {
			return err
		}
		if n := calls.Add(1); n < 900 {
			addUpload(w.table, number(t, objects[0].Key))
		} else if n == 1000 {
			cancel()
		}
		return send(ctx, payload)
	}
	if _, err := w.b.Run(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "AccessDeniedException") {
		t.Fatalf("error %v", err)
	}
	w.table.Before = nil
	if _, err := w.b.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	twice := 0
	for i := range w.sent {
		switch n := w.sent[i].Load(); n {
		case 1:
		case 2:
			twice++
		default:
			t.Fatalf("object %d was dispatched %d times", i, n)
		}
	}
	if twice > 120 { // objects that were not in the ledger yet
		t.Errorf("%d objects were dispatched twice", twice)
	}
}

func TestSinceAndUntil(t *testing.T) {
	w := newFixture(t, 300)
	w.b.Since, w.b.Until = time.Date(2026, 3, 1, 0, 0, 50, 0, time.UTC), time.Date(2026, 3, 1, 0, 1, 0, 0, time.UTC)
	if _, err := w.b.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range w.sent {
		if got, want := w.sent[i].Load() == 1, i >= 50 && i < 60; got != want {
			t.Errorf("object %d: dispatched %v", i, got)
		}
	}
}

func TestRunStopsAtAnError(t *testing.T) {
	w := newFixture(t, 300)
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}
	send := w.b.Send
	w.b.Send = func(ctx context.Context, payload []byte) error {
		if strings.Contains(string(payload), key(150)) {
			return denied
		}
		return send(ctx, payload)
	}
	results, err := w.b.Run(t.Context())
	if !errors.Is(err, denied) || !strings.Contains(err.Error(), "dispatch s3://src/"+key(150)) || results[0].After != key(149) {
		t.Fatalf("%+v, %v", results, err)
	}
	w.b.Send = send
	w.b.Restart = true
	plan, err := w.b.Plan(t.Context())
	if err != nil || plan[0].After != "" || plan[0].New.Objects != 300 {
		t.Errorf("restarted: %+v, %v", plan, err)
	}
	w.b.Restart = false
	if plan, err = w.b.Plan(t.Context()); err != nil || plan[0].After != key(149) || plan[0].New.Objects != 150 {
		t.Errorf("resumed: %+v, %v", plan, err)
	}
	text, err := json.Marshal(plan)
	if err != nil || !strings.HasPrefix(string(text), `[{"bucket":"src","prefix":"in/","after":"in/0000149.json","new":{"objects":150,"bytes":1500}`) {
		t.Errorf("%s, %v", text, err)
	}
}
