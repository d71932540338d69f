package unpack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
)

// newGatherFixture is a feed whose small objects are gathered.
func newGatherFixture(t *testing.T, format feed.Format) *fixture {
	t.Helper()
	w := newReplayWorld(t, format)
	w.unpack.Window = time.Millisecond
	w.unpack.Self = func(_ context.Context, v any) error {
		payload, err := json.Marshal(v)
		w.self = append(w.self, payload)
		return err
	}
	return w
}

// enter enters objects as waiting, as their events do while another invocation gathers.
func (w *fixture) enter(files map[string][]byte) (shards []int) {
	w.t.Helper()
	for _, key := range slices.Sorted(maps.Keys(files)) {
		etag := w.s3.Set("src", key, files[key])
		shards = append(shards, w.enterEvent(s3event.Object{Bucket: "src", Key: key, ETag: etag, Size: int64(len(files[key]))}))
	}
	slices.Sort(shards)
	return slices.Compact(shards)
}

func (w *fixture) enterEvent(o s3event.Object) (shard int) {
	w.t.Helper()
	id := ids.New(ids.Upload{Feed: "orders", Bucket: o.Bucket, Key: o.Key, VersionID: o.VersionID, ETag: o.ETag}).ID
	err := w.unpack.Ledger.PutWaiting(w.t.Context(), "orders", ledger.Waiting{ID: id, Bucket: o.Bucket, Key: o.Key, VersionID: o.VersionID, ETag: o.ETag, Size: o.Size})
	if err != nil {
		w.t.Fatal(err)
	}
	return ledger.WaitingShard(id)
}

// gather gathers shards, runs what the invocation dispatches, and loads the parts. It
// returns the errors of dispatched invocations.
func (w *fixture) gather(shards ...int) (failed []error) {
	w.t.Helper()
	for _, shard := range shards {
		w.again(func() error {
			return w.unpack.Handle(w.sameEvent(), fmt.Appendf(nil, `{"gather":{"feed":"orders","shard":%d}}`, shard))
		}, 1)
	}
	for n := 0; len(w.self)+len(w.resume) > 0; n++ {
		if n > 1000 {
			w.t.Fatal("the invocations dispatch one another without end")
		}
		var payload []byte
		if len(w.self) > 0 {
			payload, w.self = w.self[0], w.self[1:]
		} else {
			var err error
			if payload, err = json.Marshal(w.resume[0]); err != nil {
				w.t.Fatal(err)
			}
			w.resume = w.resume[1:]
		}
		if err := w.unpack.Handle(w.sameEvent(), payload); err != nil {
			failed = append(failed, err)
		}
	}
	for len(w.dispatched) > 0 {
		ref := w.dispatched[0]
		w.dispatched = w.dispatched[1:]
		w.loadPart(ref, 1)
	}
	for shard := range ledger.WaitingShards {
		list, err := w.unpack.Ledger.ListWaiting(w.t.Context(), "orders", shard, "", 1)
		if err != nil || len(list) > 0 {
			w.t.Errorf("waiting %+v, error %v", list, err)
		}
	}
	return failed
}

func (w *fixture) of(key string) ledger.Upload {
	w.t.Helper()
	body, ok := w.s3.Get("src", key)
	if !ok {
		w.t.Fatalf("no object %s", key)
	}
	return w.upload(key, w.s3.Set("src", key, body))
}

// smallFiles are files of all kinds, with those of one record repeated, so that each shard
// has several.
func smallFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{
		"two.ndjson":       []byte("{\"n\":1}\n{\"n\":2}\n"),
		"rejected.ndjson":  []byte("{\"n\":1}\n{\"n\":tru}\n{\"n\":3}\n{\"reject\":1}\n"),
		"nothing.ndjson":   []byte("\n\n"),
		"all-bad.ndjson":   []byte("{\n"),
		"packed.gz":        gzipped(t, "{\"n\":1}\n"),
		"archive.zip":      zipped(t, map[string]string{"a": `{"n":1}`, "b": "{\"n\":2}\n{\"n\":x}"}),
		"damaged.gz":       gzipped(t, strings.Repeat("{\"n\":1}\n", 100))[:30],
		"deep.ndjson":      []byte(strings.Repeat("[", 40) + strings.Repeat("]", 40)),
		"large.gz":         gzipped(t, strings.Repeat(`{"text":"`+strings.Repeat("x", 2000)+"\"}\n", 3000)),
		"dir/é&.ndjson":    []byte("{\"n\":1}\n"),
		"folder/k.ndjson/": []byte("{\"n\":1}\n"),
	}
	for i := range 60 {
		files[fmt.Sprintf("tiny-%d", i)] = fmt.Appendf(nil, "{\"file\":%d}\n", i)
	}
	return files
}

// Objects that share parts have the same records, quarantine and counts as others.
func TestGatheredObjectsAreAsOthers(t *testing.T) {
	refuse := func(it fake.Item) bool { return strings.Contains(string(it["data"]), "reject") }
	alone := newReplayWorld(t, feed.Format{Kind: feed.NDJSON})
	alone.db.Refuse = refuse
	w := newGatherFixture(t, feed.Format{Kind: feed.NDJSON})
	w.db.Refuse = refuse
	files := smallFiles(t)
	shards := w.enter(files)
	if failed := w.gather(shards...); len(failed) > 0 {
		t.Errorf("failed: %v", failed)
	}
	shared := 0
	for key, body := range files {
		want, got := alone.run(key, body, 1), w.of(key)
		if got.Shared != "" {
			shared++
		}
		if (got.Shared == "") != (got.Parts == 0 || key == "large.gz") {
			t.Errorf("%s is in the shared part %q", key, got.Shared)
		}
		for _, u := range []*ledger.Upload{&want, &got} {
			u.Shared, u.SharedLoaded, u.PartBytes, u.BytesLanded, u.Reader, u.Checkpoint = "", false, 0, 0, "", ledger.Checkpoint{}
			u.StartedAt, u.UnpackedAt, u.LoadedAt, u.ReaderUntil = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) || got.State != ledger.Loaded || !got.Balanced() {
			t.Errorf("%s:\n%+v, alone:\n%+v", key, got, want)
		}
	}
	if shared < 60 {
		t.Errorf("%d objects share parts", shared)
	}
	got, want := w.stored(), alone.stored()
	for id, it := range want {
		if fmt.Sprint(it) != fmt.Sprint(got[id]) {
			t.Errorf("record %s is %s, alone %s", id, got[id], it)
		}
	}
	bad, wantBad := w.quarantined(), alone.quarantined()
	if len(got) != len(want) || !maps.Equal(bad, wantBad) {
		t.Errorf("%d of %d records, quarantine %+v of %+v", len(got), len(want), bad, wantBad)
	}
	for _, r := range bad {
		if _, ok := w.s3.Get("landing", r.Copy); r.Copy != "" && !ok {
			t.Errorf("%s has no copy of its file", r.ID)
		}
	}
	// The same events once more change nothing.
	before := len(w.s3.Keys("landing", ""))
	if failed := w.gather(w.enter(files)...); len(failed) > 0 || len(w.s3.Keys("landing", "")) != before {
		t.Errorf("repeated events: errors %v, %d objects instead of %d", failed, len(w.s3.Keys("landing", "")), before)
	}
	// Each upload is replayed by itself.
	w.db.Refuse = nil
	u := w.replay(w.of("rejected.ndjson"), "", 1)
	if u.State != ledger.Loaded || u.Stored != 3 || u.RejectedByLoad != 0 || u.RejectedByUnpack != 1 || !u.Balanced() || u.PartsLoaded != u.Parts {
		t.Errorf("replayed: %+v", u)
	}
}

// forbidden answers reads of some objects with 403: those of their content, and with head
// of their metadata.
type forbidden struct {
	*fake.S3
	content, head map[string]bool
}

func (f forbidden) GetObject(ctx context.Context, in *s3.GetObjectInput, options ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	if f.content[*in.Key] || f.head[*in.Key] {
		return nil, fake.ResponseError(http.StatusForbidden, errors.New("access denied"))
	}
	return f.S3.GetObject(ctx, in, options...)
}

func (f forbidden) HeadObject(ctx context.Context, in *s3.HeadObjectInput, options ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	if f.head[*in.Key] {
		return nil, fake.ResponseError(http.StatusForbidden, errors.New("access denied"))
	}
	return f.S3.HeadObject(ctx, in, options...)
}

// What cannot be read fails by itself: the other objects of the shard are stored.
func TestUnreadableSmallObjects(t *testing.T) {
	w := newGatherFixture(t, feed.Format{Kind: feed.NDJSON})
	s := forbidden{w.s3, map[string]bool{"content": true}, map[string]bool{"all": true}}
	w.unpack.S3 = s
	files := map[string][]byte{"content": []byte("{}\n"), "all": []byte("{}\n"), "gone": []byte("{}\n"), "back": []byte("{}\n")}
	for i := range 40 {
		files[fmt.Sprint("k", i)] = []byte("{}\n")
	}
	shards := w.enter(files)
	gone := w.s3.Set("src", "gone", []byte("{}\n"))
	w.s3.Delete("src", "gone")
	// An earlier event of the object has found that it was deleted.
	back := ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: "back", ETag: w.s3.Set("src", "back", []byte("{}\n")), Time: time.Now()})
	if _, err := w.unpack.Ledger.Missing(t.Context(), ledger.Upload{Upload: back}, "deleted"); err != nil {
		t.Fatal(err)
	}
	failed := w.gather(shards...)
	if len(failed) != 2 || !strings.Contains(errors.Join(failed...).Error(), "s3://src/all") || !strings.Contains(errors.Join(failed...).Error(), "s3://src/content") {
		t.Errorf("failed: %v", failed)
	}
	for key := range files {
		switch key {
		case "all":
		case "gone":
			if u := w.upload(key, gone); u.State != ledger.Missing {
				t.Errorf("%s: %+v", key, u)
			}
		case "content":
			if u := w.of(key); u.State != ledger.Unpacking {
				t.Errorf("%s: %+v", key, u)
			}
		default:
			if u := w.of(key); u.State != ledger.Loaded || u.Stored != 1 || u.Message != "" {
				t.Errorf("%s: %+v", key, u)
			}
		}
	}
	// Once they can be read, their events are repeated: by Lambda, or by `ingest replay`.
	clear(s.content)
	clear(s.head)
	time.Sleep(400 * time.Millisecond) // the leases expire
	if failed := w.gather(w.enter(files)...); len(failed) > 0 {
		t.Errorf("failed: %v", failed)
	}
	for _, key := range []string{"all", "content"} {
		if u := w.of(key); u.State != ledger.Loaded || u.Stored != 1 {
			t.Errorf("%s: %+v", key, u)
		}
	}
}

// An event without a size, such as one that is dispatched by hand, waits like others. A
// large object, an empty one and a folder marker do not.
func TestWhatWaits(t *testing.T) {
	w := newGatherFixture(t, feed.Format{Kind: feed.NDJSON})
	large := []byte(strings.Repeat("{}\n", ledger.SmallObjectBytes/3+1))
	for key, body := range map[string][]byte{"small": []byte("{}\n"), "large": large, "empty": nil, "folder/": nil} {
		etag := w.s3.Set("src", key, body)
		puts := w.db.Calls["DeleteItem"]
		if err := w.unpack.Handle(w.sameEvent(), notification(key, etag)); err != nil {
			t.Fatal(err)
		}
		if waited := w.db.Calls["DeleteItem"] > puts; waited != (key == "small") {
			t.Errorf("%s waited: %v", key, waited)
		}
	}
	if failed := w.gather(); len(failed) > 0 {
		t.Errorf("failed: %v", failed)
	}
	if u := w.of("small"); u.State != ledger.Loaded || u.Shared != "" {
		t.Errorf("a small object that comes alone: %+v", u)
	}
	if u := w.of("large"); u.State != ledger.Loaded || u.Stored != int64(len(large)/3) {
		t.Errorf("a large object: %+v", u)
	}
}

// An object that kills each invocation which reads it does not stop the others: after two
// invocations without progress each is processed by itself.
func TestObjectsAreProcessedApartAfterKills(t *testing.T) {
	w := newGatherFixture(t, feed.Format{Kind: feed.NDJSON})
	files := map[string][]byte{}
	for i := range 60 {
		files[fmt.Sprint("k", i)] = []byte("{}\n")
	}
	shards := w.enter(files)
	lease := ledger.Lease{Owner: "killed", Until: time.Now().Add(-time.Second)}
	for range 2 {
		if _, ok, err := w.unpack.Ledger.StartGathering(t.Context(), "orders", shards[0], lease); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if failed := w.gather(shards...); len(failed) > 0 {
		t.Errorf("failed: %v", failed)
	}
	for key := range files {
		u := w.of(key)
		apart := ledger.WaitingShard(u.ID) == shards[0]
		if u.State != ledger.Loaded || u.Stored != 1 || (u.Shared == "") != apart {
			t.Errorf("%s, apart %v: %+v", key, apart, u)
		}
	}
}

// An invocation was killed after it has written a shared part, and the feed's format was
// changed: the part is completed with the format that it was begun with.
func TestFormatIsChangedBeforeTheUploadsAreEntered(t *testing.T) {
	w := newGatherFixture(t, feed.Format{Kind: feed.NDJSON})
	files := map[string][]byte{}
	for i := range 60 {
		files[fmt.Sprint("k", i)] = []byte("{}\n")
	}
	shards := w.enter(files)
	killed := false
	w.db.Before = func(operation string, body []byte) (int, string) {
		killed = killed || operation == "UpdateItem" && strings.Contains(string(body), "shared_part") && strings.Contains(string(body), "source_time")
		if killed {
			return http.StatusBadRequest, "AccessDeniedException"
		}
		return 0, ""
	}
	if err := w.unpack.Handle(w.sameEvent(), fmt.Appendf(nil, `{"gather":{"feed":"orders","shard":%d}}`, shards[0])); err == nil || !killed {
		t.Fatalf("killed: %v, error %v", killed, err)
	}
	w.db.Before = nil
	first := w.s3.Keys("landing", "landing/")
	w.unpack.Spec.Format = feed.Format{Kind: feed.JSON}
	if failed := w.gather(shards...); len(failed) > 0 || len(first) != 1 {
		t.Errorf("failed: %v; parts of the first invocation: %v", failed, first)
	}
	readings := map[string]bool{}
	for key := range files {
		u := w.of(key)
		readings[u.Reading] = true
		if u.State != ledger.Loaded || u.Stored != 1 || u.Shared == "" {
			t.Errorf("%s: %+v", key, u)
		}
	}
	if len(readings) != 2 {
		t.Errorf("formats of the uploads: %v", readings)
	}
}
