package unpack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/metrics"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/partdispatch"
	"example.com/ingestion/internal/testing/fake"
)

var ndjson = feed.Format{Kind: feed.NDJSON}

// Each source is read by its own client, and the copy of a rejected object is
// streamed where that client cannot write it.
func TestClientsOfSources(t *testing.T) {
	w := newFixture(t, ndjson)
	theirs := &fake.S3{}
	w.unpack.Spec.Sources = []feed.Source{
		{Kind: feed.OwnBucket},
		{Kind: feed.ExternalBucket, Bucket: "theirs", RoleARN: "arn:aws:iam::1:role/r", RequesterPays: true},
	}
	w.unpack.SourceBucket = func(_ context.Context, s feed.Source, bucket string) (s3source.Bucket, error) {
		if s.Kind == feed.OwnBucket {
			return s3source.Bucket{API: w.s3}, nil
		}
		if bucket != "theirs" || s.RoleARN == "" {
			t.Errorf("client of bucket %s of %+v", bucket, s)
		}
		return s3source.Bucket{API: theirs, RequesterPays: s.RequesterPays, AssumedRole: true}, nil
	}
	body := []byte("{\"a\":1}\n" + strings.Repeat("x", 17<<20) + "\n")
	etag := theirs.Set("theirs", "a b/é+.json", body)
	payload := s3event.Notification(s3event.Object{Bucket: "theirs", Key: "a b/é+.json", ETag: etag})
	if err := w.unpack.Handle(t.Context(), payload); err != nil {
		t.Fatal(err)
	}
	u := ids.New(ids.Upload{Feed: "orders", Bucket: "theirs", Key: "a b/é+.json", ETag: etag})
	got, _, err := w.unpack.Ledger.GetUpload(t.Context(), "orders", u.ID)
	if err != nil || got.Records != 2 || got.RejectedByUnpack != 1 {
		t.Errorf("ledger %+v, %v", got, err)
	}
	copies := slices.DeleteFunc(w.s3.Keys("landing", "quarantine/"), func(key string) bool { return !strings.HasSuffix(key, "/source") })
	if len(copies) != 1 {
		t.Fatalf("copies %q", copies)
	}
	if kept, _ := w.s3.Get("landing", copies[0]); !bytes.Equal(kept, body) {
		t.Errorf("the copy has %d bytes of %d", len(kept), len(body))
	}
}

// An object that was deleted before it was read, and is put again with the same content, is read.
func TestMissingObjectIsPutAgain(t *testing.T) {
	w := newFixture(t, ndjson)
	first, second := []byte("{\"a\":1}\n"), []byte("{\"a\":2}\n")
	etag := w.s3.Set("src", "k", first)
	w.s3.Set("src", "k", second)
	if err := w.unpack.Handle(t.Context(), notification("k", etag)); err != nil {
		t.Fatal(err)
	}
	if u := w.upload("k", etag); u.State != ledger.Missing {
		t.Fatalf("state %s", u.State)
	}
	for range 2 { // the second event changes nothing
		u := w.run("k", first, 1)
		if u.State != ledger.Loaded || u.Records != 1 || u.Stored != 1 || u.Message != "" || u.Shards != 1 || u.Size != int64(len(first)) {
			t.Errorf("upload %+v", u)
		}
	}
	if len(w.stored()) != 1 {
		t.Errorf("stored %v", w.stored())
	}
}

type archived struct{ s3source.API }

func (archived) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return nil, fake.ResponseError(http.StatusForbidden, &smithy.GenericAPIError{Code: "InvalidObjectState"})
}

// An archived object is not retried: it is quarantined with the reason.
func TestArchivedObjects(t *testing.T) {
	for _, name := range []string{"k.json", "k.zip"} {
		w := newFixture(t, ndjson)
		etag := w.s3.Set("src", name, []byte("PK\x03\x04 and more"))
		w.unpack.SourceBucket = func(context.Context, feed.Source, string) (s3source.Bucket, error) {
			return s3source.Bucket{API: archived{w.s3}}, nil
		}
		for range 2 {
			if err := w.unpack.Handle(t.Context(), notification(name, etag)); err != nil {
				t.Fatal(err)
			}
		}
		u := w.upload(name, etag)
		if u.State != ledger.Loaded || u.Records != 1 || u.RejectedByUnpack != 1 || u.Reasons["source_archived"] != 1 || !strings.Contains(u.Message, "restore it") {
			t.Errorf("%s: upload %+v", name, u)
		}
	}
}

// Each event may be delivered twice, also a continuation and the dispatch of a part.
func TestEveryEventTwice(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.JSON})
	var out bytes.Buffer
	emitter := metrics.New(&out, strings.Join([]string{
		feed.MetricErrors, feed.MetricUploads, feed.MetricStored, feed.MetricRecords, feed.MetricQuarantined,
	}, ","), "table", "orders")
	w.unpack.Metrics, w.load.Metrics = emitter, func(string, string) *metrics.Emitter { return emitter }
	unpack := handler.Handle(w.unpack.Handle, emitter)
	expired := 1
	w.unpack.NearDeadline = func(context.Context) func() bool {
		expired--
		return func() bool { return expired == 0 } // the first invocation continues in another
	}
	twice := func(payload []byte) {
		t.Helper()
		for range 2 {
			if err := unpack(t.Context(), payload); err != nil {
				t.Fatal(err)
			}
		}
	}
	var records []string
	for i := range 2000 {
		records = append(records, fmt.Sprintf(`{"n":%d,"text":"some more of it"}`, i))
	}
	etag := w.s3.Set("src", "k", []byte("["+strings.Join(records, ",")+"]"))
	twice(notification("k", etag))
	for len(w.resume) > 0 {
		next, err := json.Marshal(w.resume[0])
		if err != nil {
			t.Fatal(err)
		}
		w.resume = w.resume[1:]
		twice(next)
	}
	for len(w.dispatched) > 0 {
		next := w.dispatched[0]
		w.dispatched = w.dispatched[1:]
		w.loadPart(next, 1)
		w.loadPart(next, 1)
	}
	u := w.upload("k", etag)
	if u.State != ledger.Loaded || u.Records != 2000 || u.Stored != 2000 || len(w.stored()) != 2000 || w.continuations == 0 {
		t.Errorf("upload %+v, %d stored, %d continuations", u, len(w.stored()), w.continuations)
	}
	stored, uploads := 0.0, 0.0
	for line := range strings.Lines(out.String()) {
		var v struct{ Stored, Uploads, Errors, Quarantined float64 }
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		stored, uploads = stored+v.Stored, uploads+v.Uploads
		if v.Errors > 1 || v.Quarantined != 0 {
			t.Errorf("metrics %s", line)
		}
	}
	if stored != 2000 || uploads != 1 {
		t.Errorf("metrics: %v stored, %v uploads", stored, uploads)
	}
}

// Without a table the records are in the parts alone, and the upload is loaded, whatever
// is repeated.
func TestNoTable(t *testing.T) {
	w := newFixture(t, ndjson)
	w.unpack.Dispatch = partdispatch.WithoutTable{Ledger: w.unpack.Ledger}.Dispatch
	body := []byte("{\"a\":1}\n{\n{\"a\":2}\n")
	for range 2 {
		u := w.run("k", body, 1)
		if u.State != ledger.Loaded || !u.Balanced() || u.Records != 3 || u.Stored != 2 || u.PartsLoaded != u.Parts || len(w.stored()) != 0 {
			t.Errorf("%d items, ledger %+v", len(w.stored()), u)
		}
	}
	if err := w.unpack.Dispatch(t.Context(), ids.PartRef{Feed: "orders", Upload: "none", Part: "0"}); err == nil {
		t.Error("a part that does not exist was dispatched")
	}
}

func TestClientOfSourceFails(t *testing.T) {
	w := newFixture(t, ndjson)
	broken := errors.New("broken")
	w.unpack.SourceBucket = func(context.Context, feed.Source, string) (s3source.Bucket, error) { return s3source.Bucket{}, broken }
	if err := w.unpack.Handle(t.Context(), notification("k", "e")); !errors.Is(err, broken) || !strings.Contains(err.Error(), "s3://src/k") {
		t.Errorf("error %v", err)
	}
}
