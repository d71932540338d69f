package reconcile_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/operator/reconcile"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
)

// putShared puts files that share parts, and loads the parts if loaded.
func (w *fixture) putShared(files map[string]string, loaded bool) {
	w.t.Helper()
	w.unpack.Self = func(context.Context, any) error { return nil }
	w.unpack.Window = time.Millisecond
	w.unpack.Spec.PartBytes = 1 << 20
	for key, body := range files {
		w.wait(key, body)
	}
	for shard := range ledger.WaitingShards {
		if err := w.unpack.Handle(w.t.Context(), fmt.Appendf(nil, `{"gather":{"feed":"orders","shard":%d}}`, shard)); err != nil {
			w.t.Fatal(err)
		}
	}
	w.put("one more", lines(1), loaded) // it loads the parts
}

// wait enters a file as waiting.
func (w *fixture) wait(key, body string) {
	w.t.Helper()
	etag := w.s3.Set("src", key, []byte(body))
	id := ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: key, ETag: etag}).ID
	if err := w.unpack.Ledger.PutWaiting(w.t.Context(), "orders", ledger.Waiting{ID: id, Bucket: "src", Key: key, ETag: etag, Size: int64(len(body))}); err != nil {
		w.t.Fatal(err)
	}
}

func TestSharedParts(t *testing.T) {
	w := newFixture(t)
	w.db.Refuse = func(it fake.Item) bool { return strings.Contains(string(it["data"]), `"bad"`) }
	files := map[string]string{}
	for i := range 50 {
		files[fmt.Sprint("small", i)] = lines(3)
	}
	files["refused"] = lines(3) + "{tru}\n{\"n\":\"bad\"}\n"
	w.putShared(files, true)
	result := w.reconcile()
	if len(result.Findings) != 0 || len(result.Uploads) != 52 {
		t.Fatalf("%d uploads, findings %+v", len(result.Uploads), result.Findings)
	}
	for _, u := range result.Uploads {
		if *u.InFile != u.Records || *u.InTable != u.Stored || u.Differs || u.State == "" {
			t.Errorf("%+v", u)
		}
	}
	// Two records of one of them are lost.
	lost := ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: "small7", ETag: w.s3.Set("src", "small7", []byte(lines(3)))})
	w.db.Remove(func(it fake.Item) bool {
		return it.Str("pk") == ids.PartitionKey("orders", lost.ID, 0) && !strings.HasSuffix(it.Str("sk"), "1")
	})
	found := w.reconcile().Findings
	if len(found) != 1 || found[0].Kind != reconcile.Missing || found[0].Upload != lost.ID || found[0].Count != 2 || fmt.Sprint(found[0].Ordinals) != "[0 2]" ||
		found[0].Remedy != "ingest replay orders --upload "+lost.ID+" --part 0000000-000000" {
		t.Errorf("%+v", found)
	}
}

func TestSharedPartIsNotLoaded(t *testing.T) {
	w := newFixture(t)
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprint("small", i)] = lines(3)
	}
	w.putShared(files, false)
	w.r.GracePeriod = time.Nanosecond
	found := w.reconcile().Findings
	for _, f := range found {
		if f.Kind != reconcile.NotLoaded || f.Remedy != "ingest replay orders --upload "+f.Upload {
			t.Errorf("%+v", f)
		}
	}
	if len(found) != 21 {
		t.Errorf("%d findings: %+v", len(found), found)
	}
}

// An object that waits for others is not lost; after the grace period nothing gathers it.
func TestWaitingObject(t *testing.T) {
	w := newFixture(t)
	w.wait("small", lines(1))
	w.r.GracePeriod = time.Hour
	found := w.reconcile().Findings
	if len(found) != 1 || found[0].Kind != reconcile.Waiting || !strings.Contains(found[0].Detail, "waits since") {
		t.Errorf("%+v", found)
	}
	w.r.GracePeriod = time.Nanosecond
	found = w.reconcile().Findings
	if len(found) != 1 || found[0].Kind != reconcile.Stuck || found[0].Remedy != "ingest replay orders" {
		t.Errorf("%+v", found)
	}
}
