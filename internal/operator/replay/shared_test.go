package replay

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// shared enters a part that two uploads share, and its object.
func (w *fixture) shared() (ledger.Part, []ledger.Upload) {
	w.t.Helper()
	ctx := w.t.Context()
	lease := ledger.Lease{Owner: "gatherer", Until: time.Now().Add(-time.Minute)}
	if _, _, err := w.ledger.StartGathering(ctx, "orders", 0, lease); err != nil {
		w.t.Fatal(err)
	}
	p := ledger.Part{Feed: "orders", Upload: ids.NewSharedID(), Name: ledger.SharedPart, Key: "shared", Records: 4, Bytes: 10, Shards: 1, Time: time.Now()}
	var uploads []ledger.Upload
	for i := range 2 {
		of := ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: fmt.Sprint("k", i), ETag: "e", Time: time.Now()})
		m := ledger.Member{Upload: of.ID, Millis: of.Time.UnixMilli(), Landed: 2, Entries: 1}
		p.Members = append(p.Members, m)
		u := p.Member(m)
		u.Upload = of
		uploads = append(uploads, u)
	}
	err := w.ledger.BeginShared(ctx, p, 0, lease)
	for i, u := range uploads {
		err = errors.Join(err, w.ledger.EnterMember(ctx, u))
		now, _, getErr := w.ledger.GetUpload(ctx, u.Feed, u.ID)
		uploads[i], err = now, errors.Join(err, getErr)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.s3.Set("landing", "shared", []byte("lines"))
	return p, uploads
}

// Uploads that wait for a part that they share: it is dispatched once.
func TestStuckUploadsOfASharedPart(t *testing.T) {
	w := newFixture(t)
	p, uploads := w.shared()
	w.r.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	w.replay()
	want := `load {"feed":"orders","upload":"` + p.Upload + `","part":"0000000-000000"}`
	if len(w.dispatched) != 1 || w.dispatched[0] != want {
		t.Errorf("dispatched %q", w.dispatched)
	}
	w.r.now = nil
	w.r.Upload = &uploads[1]
	if result := w.replay(); len(w.dispatched) != 1 || w.dispatched[0] != want || len(result.Uploads) != 1 || result.Uploads[0].Parts[0] != ledger.SharedPart {
		t.Errorf("one upload: dispatched %q, %+v", w.dispatched, result)
	}
}

// A shared part that was set aside waits again also by the replay of one upload.
func TestSharedPartSetAside(t *testing.T) {
	w := newFixture(t)
	ctx := t.Context()
	p, uploads := w.shared()
	if _, err := w.ledger.PutWork(ctx, p.Ref()); err != nil {
		t.Fatal(err)
	}
	claimed, _, _, err := w.ledger.ClaimWork(ctx, "orders", ledger.Lease{Owner: "loader", Until: time.Now().Add(time.Minute)})
	if err == nil {
		err = w.ledger.SetAside(ctx, claimed, errors.New("boom"))
	}
	if err != nil {
		t.Fatal(err)
	}
	w.r.Upload = &uploads[0]
	w.replay()
	if _, setAside, err := w.ledger.ListWork(ctx, "orders", 10); err != nil || len(setAside) != 0 || len(w.dispatched) != 1 {
		t.Errorf("set aside %+v, error %v, dispatched %q", setAside, err, w.dispatched)
	}
}

// One upload of a shared part is loaded again by itself.
func TestReloadOfOneUpload(t *testing.T) {
	w := newFixture(t)
	ctx := t.Context()
	p, uploads := w.shared()
	p.Stored = 4
	if err := w.ledger.PartLoaded(ctx, p); err != nil {
		t.Fatal(err)
	}
	u, _, err := w.ledger.GetUpload(ctx, "orders", uploads[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	w.r.Upload, w.r.Part = &u, ledger.SharedPart
	for range 2 {
		w.replay()
		if len(w.dispatched) != 1 || w.dispatched[0] != `load {"feed":"orders","upload":"`+u.ID+`","part":"0000000-000000"}` {
			t.Errorf("dispatched %q", w.dispatched)
		}
		for i, want := range []ledger.State{ledger.Unpacked, ledger.Loaded} {
			if now, _, err := w.ledger.GetUpload(ctx, "orders", uploads[i].ID); err != nil || now.State != want {
				t.Errorf("upload %d: %+v, error %v", i, now, err)
			}
		}
	}
}

// Small objects wait, and the invocation that would have gathered them has failed.
func TestWaitingObjectsAreGathered(t *testing.T) {
	w := newFixture(t)
	ctx := t.Context()
	u := ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: "k", ETag: "e"})
	shard := ledger.WaitingShard(u.ID)
	if err := w.ledger.PutWaiting(ctx, "orders", ledger.Waiting{ID: u.ID, Bucket: "src", Key: "k", ETag: "e", Size: 1}); err != nil {
		t.Fatal(err)
	}
	w.r.DryRun = true
	if result := w.replay(); len(w.dispatched) != 0 || len(result.Events) != 1 || result.Events[0].Objects[0] != "s3://src/k" || result.Events[0].Dispatched {
		t.Errorf("dispatched %q, %+v", w.dispatched, result)
	}
	w.r.DryRun = false
	if result := w.replay(); len(w.dispatched) != 1 || w.dispatched[0] != fmt.Sprintf(`unpack {"gather":{"feed":"orders","shard":%d}}`, shard) || !result.Events[0].Dispatched {
		t.Errorf("dispatched %q, %+v", w.dispatched, result)
	}
	if _, _, err := w.ledger.StartGathering(ctx, "orders", shard, ledger.Lease{Owner: "gatherer", Until: time.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if result := w.replay(); len(w.dispatched) != 0 || len(result.Events) != 0 {
		t.Errorf("while they are gathered: dispatched %q, %+v", w.dispatched, result)
	}
}
