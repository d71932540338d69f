package unpack_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/partdispatch"
)

// announcements are the events of a fixture: how often each was sent.
type announcements struct {
	mu   sync.Mutex
	sent map[string]int
	// fail, when set, is asked before an event is sent, and lose after it was.
	fail, lose func() error
}

func (w *fixture) announce() *announcements {
	a := &announcements{sent: map[string]int{}}
	send := func(ctx context.Context, u ledger.Upload) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.fail != nil {
			if err := a.fail(); err != nil {
				return err
			}
		}
		if now, _, err := w.load.Ledger.GetUpload(ctx, u.Feed, u.ID); err == nil && now.State == ledger.Loaded {
			w.t.Errorf("upload %s is announced after it was entered as loaded", u.Key)
		}
		a.sent[fmt.Sprintf("%s %s %d", u.Key, u.Outcome(), u.Replays)]++
		if a.lose != nil {
			return a.lose()
		}
		return nil
	}
	w.unpack.Spec.Announce = true
	w.unpack.Ledger, w.load.Ledger = w.unpack.Ledger.Announcing(send), w.load.Ledger.Announcing(send)
	return a
}

// An upload is announced when it is complete, once for each state, also if its event is
// delivered again.
func TestAnnouncements(t *testing.T) {
	w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
	a := w.announce()
	w.unpack.Spec.Limits.MaxRecordBytes = 30
	long := fmt.Sprintf("{\"n\":%q}\n", strings.Repeat("x", 50))
	files := map[string]string{"all": "{}\n{}\n", "some": "{}\n" + long + "{tru}\n", "none": long, "empty": ""}
	for range 2 {
		for key, body := range files {
			w.run(key, []byte(body), 1)
		}
	}
	want := map[string]int{"all loaded 0": 1, "some partial 0": 1, "none rejected 0": 1, "empty loaded 0": 1}
	if !maps.Equal(a.sent, want) {
		t.Errorf("announced %v, want %v", a.sent, want)
	}
	// A replay that stores what was in quarantine changes the state, or the counts.
	w.unpack.Spec.Limits.MaxRecordBytes = 0
	for _, key := range []string{"some", "none", "all"} {
		w.replay(w.upload(key, w.s3.Set("src", key, []byte(files[key]))), "", 1)
	}
	maps.Copy(want, map[string]int{"some partial 1": 1, "none loaded 1": 1})
	if !maps.Equal(a.sent, want) {
		t.Errorf("after the replay %v, want %v", a.sent, want)
	}
	w.unpack.Spec.Announce = false
	w.run("next", []byte("{}\n"), 1)
	if !maps.Equal(a.sent, want) {
		t.Errorf("without the prop %v", a.sent)
	}
}

// Wherever an invocation fails, an upload that is loaded was announced, in the right state.
func TestAnnouncementsWithFaults(t *testing.T) {
	for seed := range 30 {
		w := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
		a := w.announce()
		random := rand.New(rand.NewPCG(uint64(seed), 7))
		var mu sync.Mutex
		oneOf := func(n int) bool {
			mu.Lock()
			defer mu.Unlock()
			return random.IntN(n) == 0
		}
		fault := func() error {
			if oneOf(5) {
				return errors.New("killed")
			}
			return nil
		}
		a.fail, a.lose = fault, fault
		w.db.Before = func(string, []byte) (int, string) {
			if oneOf(5) {
				return 400, "AccessDeniedException"
			}
			return 0, ""
		}
		w.db.LoseResponse = func(string) bool { return oneOf(25) }
		w.run("all", manyParts(200), 300)
		if sent := slices.Collect(maps.Keys(a.sent)); len(sent) != 1 || sent[0] != "all partial 0" {
			t.Errorf("seed %d: announced %v", seed, a.sent)
		}
	}
}

// An event that cannot be sent keeps the upload from being loaded; once it can, the upload is.
func TestAnnouncementThatIsDenied(t *testing.T) {
	w := newFixture(t, feed.Format{Kind: feed.NDJSON})
	a := w.announce()
	a.fail = func() error { return errors.New("not authorized to perform: events:PutEvents") }
	w.load.Retries = w.load.Retries[:1]
	etag := w.s3.Set("src", "k", []byte("{}\n"))
	if err := w.unpack.Handle(w.sameEvent(), notification("k", etag)); err != nil {
		t.Fatal(err)
	}
	parts := w.dispatched
	w.dispatched = nil
	for range 3 {
		enter := partdispatch.Dispatcher{Ledger: w.load.Ledger, Feed: ledger.FeedWithWork{Feed: "orders"}, Wake: func(context.Context, ids.Load) error { return nil }}
		if err := enter.Dispatch(t.Context(), parts[0]); err != nil {
			t.Fatal(err)
		}
		if err := w.load.Handle(w.sameEvent(), []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	_, setAside, err := w.load.Ledger.ListWork(t.Context(), "orders", 10)
	if err != nil || len(setAside) != 1 || !strings.Contains(setAside[0].Error, "events:PutEvents") {
		t.Fatalf("set aside %+v, %v", setAside, err)
	}
	if u := w.upload("k", etag); u.State != ledger.Unpacked || len(a.sent) != 0 {
		t.Errorf("state %s, announced %v", u.State, a.sent)
	}
	a.fail = nil
	w.loadPart(parts[0], 1)
	if u := w.upload("k", etag); u.State != ledger.Loaded || len(a.sent) != 1 {
		t.Errorf("state %s, announced %v", u.State, a.sent)
	}
}

// Small objects that share a part have key, expiry and announcement like others: each by its
// own time.
func TestGatheredObjectsHaveKeyExpiryAndAnnouncement(t *testing.T) {
	w := newGatherFixture(t, feed.Format{Kind: feed.NDJSON})
	a := w.announce()
	w.unpack.Spec.RecordKey, w.unpack.Spec.ExpireAfterDays = &feed.RecordKey{Fields: []string{"id"}}, 30
	files := map[string][]byte{}
	for i := range 40 {
		w.s3.Modified = time.Date(2026, 3, 1+i%20, 12, 0, 0, 0, time.UTC)
		files[fmt.Sprintf("%02d", i)] = fmt.Appendf(nil, `{"id":1,"file":%d}`+"\n"+`{"file":%[1]d}`+"\n", i)
		if i%10 == 0 {
			files[fmt.Sprintf("%02d", i)] = nil
		}
	}
	w.gather(w.enter(files)...)
	want := map[string]int{}
	for key, body := range files {
		want[key+" partial 0"] = 1
		if body == nil {
			delete(want, key+" partial 0")
			want[key+" loaded 0"] = 1
		}
		if u := w.of(key); u.State != ledger.Loaded || len(body) > 0 && u.Reasons["key_missing"] != 1 {
			t.Errorf("%s: %+v", key, u)
		}
	}
	if !maps.Equal(a.sent, want) {
		t.Errorf("announced %v, want %v", a.sent, want)
	}
	stored := w.stored()
	if len(stored) != 36 {
		t.Errorf("%d records", len(stored))
	}
	for id, it := range stored {
		u := w.uploadByID(strings.Split(id, "/")[0])
		if time := ids.KeyTime(u.Time, u.ID) + id[ids.IDLength:]; it.Str("record_key") != "orders/id#1" || it.Str("record_time") != time || it.Str("expires_at") == "" {
			t.Errorf("record %s of %s: %v, want %s", id, u.Key, it, time)
		}
	}
}

func (w *fixture) uploadByID(id string) ledger.Upload {
	w.t.Helper()
	u, ok, err := w.unpack.Ledger.GetUpload(w.t.Context(), "orders", id)
	if err != nil || !ok {
		w.t.Fatal(ok, err)
	}
	return u
}
