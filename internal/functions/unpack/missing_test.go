package unpack_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"testing"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// An object that was deleted when its event is processed, and is put again unchanged,
// is an upload like any other, wherever the first invocation was interrupted.
func TestObjectIsPutAgain(t *testing.T) {
	body := manyParts(100)
	whole := newFixture(t, feed.Format{Kind: feed.NDJSON})
	want := whole.run("k", body, 1)
	for place := range 20 {
		w := newFixture(t, feed.Format{Kind: feed.NDJSON})
		n := w.at(place, func() error { return errCut })
		_ = w.unpack.Handle(t.Context(), notification("k", want.ETag)) // it fails where it is interrupted
		cut := *n > place
		w.untouched()
		u := w.run("k", body, 1)
		if u.State != ledger.Loaded || u.Counts != want.Counts || u.Shards != want.Shards || u.PartBytes != want.PartBytes || u.Stored != want.Stored || u.Message != want.Message {
			t.Fatalf("cut at place %d: %+v, want %+v", place, u, want)
		}
		if !cut {
			return
		}
	}
	t.Error("more than 20 places to cut")
}

// While one invocation reads an object, it is deleted. A second invocation, of the
// same event, finds it deleted, and leaves the upload to the first one, which has the
// whole object.
func TestDeletedForOneOfTwoInvocations(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.NDJSON})
	etag := w.s3.Set("src", "k", []byte(strings.Repeat(fmt.Sprintf("{\"pad\":%q}\n", strings.Repeat("x", 100)), 2000)))
	var once sync.Once
	ended := make(chan struct{})
	w.s3.FailPut = func(key string) (bool, error) {
		if _, name := path.Split(key); strings.HasPrefix(key, "landing/") && name > ids.PartName(0, 4) {
			<-ended
		}
		return false, nil
	}
	w.unpack.Dispatch = func(ctx context.Context, ref ids.PartRef) error {
		err := w.dispatch(ctx, ref)
		if ref.Part == ids.PartName(0, 2) {
			once.Do(func() {
				w.s3.Delete("src", "k")
				err = errors.Join(err, w.unpack.Handle(t.Context(), notification("k", etag)))
				close(ended)
			})
		}
		return err
	}
	if err := w.unpack.Handle(t.Context(), notification("k", etag)); err != nil {
		t.Fatal(err)
	}
	w.loadAll()
	u := w.upload("k", etag)
	if u.State != ledger.Loaded || !u.Balanced() || u.Stored != 2000 || u.Records != 2000 || len(u.Reasons) > 0 || u.Parts != u.PartsLoaded {
		t.Errorf("ledger %+v", u)
	}
}

// loadAll loads the dispatched parts.
func (w *fixture) loadAll() {
	w.t.Helper()
	for len(w.dispatched) > 0 {
		ref := w.dispatched[0]
		w.dispatched = w.dispatched[1:]
		w.loadPart(ref, 1)
	}
}
