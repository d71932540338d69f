package unpack_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

func invocation(t *testing.T, requestID string) context.Context {
	return lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: requestID})
}

// The reader of an object fails after the object was deleted. The other invocation of
// the same event waits until the reader's lease has expired, and then completes the
// upload with what the reader has landed.
func TestReaderFailsAndObjectIsDeleted(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.NDJSON})
	etag := w.s3.Set("src", "k", manyParts(1000))
	ctx, stop := context.WithCancel(invocation(t, "reader"))
	landed, failed := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	w.unpack.Dispatch = func(ctx context.Context, ref ids.PartRef) error {
		once.Do(func() { close(landed) })
		return w.dispatch(ctx, ref)
	}
	w.s3.FailPut = func(key string) (bool, error) {
		if strings.HasSuffix(key, "-000006.ndjson.gz") {
			<-ctx.Done() // the invocation is killed here: its lease stays
			return false, ctx.Err()
		}
		return false, nil
	}
	go func() { failed <- w.unpack.Handle(ctx, notification("k", etag)) }()
	<-landed
	w.s3.Delete("src", "k")
	stop()
	if err := <-failed; err == nil {
		t.Fatal("the reader did not fail")
	}
	if err := w.unpack.Handle(invocation(t, "second"), notification("k", etag)); err != nil {
		t.Fatal(err)
	}
	w.loadAll()
	u := w.upload("k", etag)
	if u.State != ledger.Loaded || !u.Balanced() || u.Stored != int64(len(w.stored())) || u.Reasons["source_deleted"] != 1 || u.Parts != u.PartsLoaded {
		t.Errorf("%d items, ledger %+v", len(w.stored()), u)
	}
}

// A deployment between two tries of an upload changes its format and limits: the
// upload keeps those that it was begun with, and the next one has the new ones.
func TestDeploymentBetweenTries(t *testing.T) {
	var body strings.Builder
	for i := range 400 {
		fmt.Fprintf(&body, `{"n":%d,"pad":"%s"}`+"\n", i, strings.Repeat("x", 50+i%200))
	}
	whole := newFixture(t, feed.Format{Kind: feed.NDJSON})
	want := whole.run("k", []byte(body.String()), 1)

	w := newFixture(t, feed.Format{Kind: feed.NDJSON})
	etag := w.s3.Set("src", "k", []byte(body.String()))
	w.s3.FailPut = func(key string) (bool, error) {
		if strings.HasSuffix(key, "-000003.ndjson.gz") {
			return false, errors.New("S3 failed")
		}
		return false, nil
	}
	if err := w.unpack.Handle(invocation(t, "event"), notification("k", etag)); err == nil {
		t.Fatal("the first try did not fail")
	}
	w.s3.FailPut = nil
	w.unpack.Spec.Limits.MaxRecordBytes = 150 // refuses every second record
	w.unpack.Spec.PartBytes = 16 << 10
	if err := w.unpack.Handle(invocation(t, "event"), notification("k", etag)); err != nil {
		t.Fatal(err)
	}
	w.loadAll()
	got := w.upload("k", etag)
	if got.State != ledger.Loaded || got.Counts != want.Counts || got.Stored != want.Stored || !maps.Equal(keys(w.stored()), keys(whole.stored())) {
		t.Errorf("after the deployment %+v, without it %+v", got, want)
	}
	if next := w.run("next", []byte(body.String()), 1); next.RejectedByUnpack == 0 || next.Reading == got.Reading {
		t.Errorf("the next upload has the old limits: %+v", next)
	}
}

// An event that is delivered twice is processed by one of two invocations at the same
// time; the other one ends without an error and changes nothing.
func TestEventIsDeliveredTwice(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.NDJSON})
	etag := w.s3.Set("src", "k", manyParts(1000))
	release := make(chan struct{})
	w.s3.FailPut = func(key string) (bool, error) {
		if strings.HasSuffix(key, "-000002.ndjson.gz") {
			<-release
		}
		return false, nil
	}
	first := make(chan error, 1)
	go func() { first <- w.unpack.Handle(invocation(t, "first"), notification("k", etag)) }()
	for { // until the first invocation has the lease
		u, ok, err := w.unpack.Ledger.GetUpload(t.Context(), "orders", ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: "k", ETag: etag}).ID)
		if err != nil {
			t.Fatal(err)
		}
		if ok && u.Reader == "first" {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := w.unpack.Handle(invocation(t, "second"), notification("k", etag)); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	parts := map[string]int{}
	for _, ref := range w.dispatched {
		parts[ref.Part]++
	}
	for name, n := range parts {
		if n != 1 {
			t.Errorf("part %s was dispatched %d times", name, n)
		}
	}
	w.loadAll()
	if u := w.upload("k", etag); u.State != ledger.Loaded || !u.Balanced() {
		t.Errorf("ledger: %+v", u)
	}
}
