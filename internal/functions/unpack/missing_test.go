package unpack_test

import (
	"context"
	"encoding/json"
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

// An object that is gone when its event is read, and is put again as it was, is
// an upload like any other, wherever the first invocation was cut off.
func TestAnObjectThatComesBack(t *testing.T) {
	body := manyParts(100)
	whole := newWorld(t, feed.Format{Kind: feed.NDJSON})
	want := whole.run("k", body, 1)
	for place := range 20 {
		w := newWorld(t, feed.Format{Kind: feed.NDJSON})
		n := w.at(place, func() error { return errCut })
		_ = w.unpack.Handle(t.Context(), notification("k", want.ETag)) // it fails where it is cut off
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

// One invocation reads the object to its end while it is deleted; a second, of
// the same event, finds it gone and ends the upload. The counts still add up.
func TestGoneForOneOfTwoInvocations(t *testing.T) {
	w := newWorld(t, feed.Format{Kind: feed.NDJSON})
	etag := w.s3.Set("src", "k", []byte(strings.Repeat(fmt.Sprintf("{\"pad\":%q}\n", strings.Repeat("x", 100)), 2000)))
	second := *w.unpack
	var once sync.Once
	ended := make(chan struct{})
	w.s3.FailPut = func(key string) (bool, error) {
		if _, name := path.Split(key); strings.HasPrefix(key, "landing/") && name > ids.PartName(0, 4) {
			<-ended
		}
		return false, nil
	}
	w.unpack.Dispatch = func(ctx context.Context, ref ids.PartRef) error {
		err := w.hand(ctx, ref)
		if ref.Part == ids.PartName(0, 2) {
			once.Do(func() {
				w.s3.Delete("src", "k")
				err = errors.Join(err, second.Handle(ctx, notification("k", etag)))
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
	if u.State != ledger.Loaded || !u.Balanced() || u.Stored != 2000 || u.Records != 2001 || u.Reasons["source_gone"] != 1 || u.Parts != u.PartsLoaded {
		t.Errorf("ledger %+v", u)
	}
}

// loadAll loads what was handed on.
func (w *world) loadAll() {
	w.t.Helper()
	for len(w.handed) > 0 {
		ref, err := json.Marshal(w.handed[0])
		if err != nil {
			w.t.Fatal(err)
		}
		w.handed = w.handed[1:]
		w.again(func() error { return w.load.Handle(w.t.Context(), ref) }, 1)
	}
}
