package ledger_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
)

func newUpload(key string, day int) ledger.Upload {
	return ledger.Upload{
		Upload: ids.New(ids.Upload{
			Feed: "orders", Bucket: "b", Key: key, ETag: "e", Size: 10, Time: time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC),
		}),
		Shards: 2, PartBytes: 100,
	}
}

func part(u ledger.Upload, n int, records int64) ledger.Part {
	return ledger.Part{
		Feed: u.Feed, Upload: u.ID, Name: ids.PartName(0, n), Key: u.PartKey("landing/", 0, n), Records: records, Bytes: 5, Shards: 2, Time: u.Time,
	}
}

type fixture struct {
	*ledger.Ledger
	db *fake.DynamoDB
	t  *testing.T
}

func newFixture(t *testing.T) fixture {
	db := fake.NewDynamoDB(t)
	return fixture{ledger.New(db.Client(), "table"), db, t}
}

func (f fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f fixture) get(u ledger.Upload) ledger.Upload {
	f.t.Helper()
	got, ok, err := f.GetUpload(f.t.Context(), u.Feed, u.ID)
	if err != nil || !ok {
		f.t.Fatalf("upload is entered: %v, error %v", ok, err)
	}
	return got
}

// Each step is repeated: the second time, it changes nothing.
func TestStepsAreIdempotent(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	u := newUpload("k", 1)
	steps := []func() error{
		func() error { _, err := f.Begin(ctx, u); return err },
		func() error { _, err := f.PutPart(ctx, part(u, 0, 3)); return err },
		func() error { _, err := f.PutPart(ctx, part(u, 1, 2)); return err },
		func() error {
			return f.Unpacked(ctx, u, ledger.Counts{Entries: 1, Records: 6, RejectedByUnpack: 1, Parts: 2, BytesUnpacked: 60, BytesLanded: 10}, map[string]int64{"invalid_json": 1}, "why")
		},
		func() error {
			p := part(u, 0, 3)
			p.Stored, p.Rejected, p.Reasons = 2, 1, map[string]int64{"item_too_large": 1}
			return f.PartLoaded(ctx, p)
		},
		func() error { _, err := f.Settle(ctx, u.Feed, u.ID); return err },
		func() error {
			p := part(u, 1, 2)
			p.Stored = 2
			return f.PartLoaded(ctx, p)
		},
		func() error { _, err := f.Settle(ctx, u.Feed, u.ID); return err },
	}
	for i, step := range steps {
		f.must(step())
		before := f.db.Items()
		f.must(step())
		if !reflect.DeepEqual(before, f.db.Items()) {
			t.Errorf("step %d changes the table when it is repeated", i)
		}
		if loaded := f.get(u).State == ledger.Loaded; loaded != (i == len(steps)-1) {
			t.Errorf("after step %d the upload is %s", i, f.get(u).State)
		}
	}
	got := f.get(u)
	if got.Stored != 4 || got.Quarantined() != 2 || !got.Balanced() || got.Message != "why" || got.LoadedAt.IsZero() ||
		!reflect.DeepEqual(got.Reasons, map[string]int64{"invalid_json": 1, "item_too_large": 1}) {
		t.Errorf("upload: %+v", got)
	}
}

func TestBeginKeepsWhatWasStoredFirst(t *testing.T) {
	f := newFixture(t)
	u := newUpload("k", 1)
	_, err := f.Begin(t.Context(), u)
	f.must(err)
	later := u
	later.Shards, later.PartBytes, later.Time = 9, 999, u.Time.Add(time.Hour)
	got, err := f.Begin(t.Context(), later)
	f.must(err)
	if got.Shards != 2 || got.PartBytes != 100 || !got.Time.Equal(u.Time) || got.Key != "k" || got.Source() != "s3://b/k" {
		t.Errorf("begun again: %+v", got)
	}
}

func TestPartThatChangedIsRejected(t *testing.T) {
	f := newFixture(t)
	u := newUpload("k", 1)
	_, err := f.PutPart(t.Context(), part(u, 0, 3))
	f.must(err)
	if _, err := f.PutPart(t.Context(), part(u, 0, 4)); err == nil || !strings.Contains(err.Error(), "has 4 records now and had 3") {
		t.Errorf("error %v", err)
	}
}

func TestMissing(t *testing.T) {
	f := newFixture(t)
	u := newUpload("k", 1)
	entered, err := f.Missing(t.Context(), u, "deleted")
	f.must(err)
	if !entered {
		t.Error("it was not entered")
	}
	f.must(f.Unpacked(t.Context(), u, ledger.Counts{Records: 1}, nil, ""))
	if got := f.get(u); got.State != ledger.Missing || got.Records != 0 || got.Message != "deleted" {
		t.Errorf("upload: %+v", got)
	}
	begun := newUpload("begun", 1)
	_, err = f.Begin(t.Context(), begun)
	f.must(err)
	if entered, err = f.Missing(t.Context(), begun, "deleted"); entered || err != nil || f.get(begun).State != ledger.Unpacking {
		t.Errorf("an upload that was begun is missing: %v, error %v", entered, err)
	}
}

func TestListings(t *testing.T) {
	f := newFixture(t)
	for day := 1; day <= 3; day++ {
		u := newUpload("k", day)
		u.Key = "k" + string(rune('0'+day))
		u.Upload = ids.New(u.Upload)
		_, err := f.Begin(t.Context(), u)
		f.must(err)
		for n := range 2 {
			_, err := f.PutPart(t.Context(), part(u, n, 1))
			f.must(err)
		}
		var names []string
		f.must(f.Parts(t.Context(), u.Feed, u.ID, func(p ledger.Part) bool {
			names = append(names, p.Name)
			return true
		}))
		if !reflect.DeepEqual(names, []string{"0000000-000000", "0000000-000001"}) {
			t.Errorf("parts: %v", names)
		}
	}
	n := 0
	f.must(f.Uploads(t.Context(), "orders", func(ledger.Upload) bool { n++; return n < 2 }))
	if n != 2 {
		t.Errorf("the listing continued to upload %d", n)
	}
	if _, err := f.Settle(t.Context(), "orders", "unknown"); err == nil {
		t.Error("an unknown upload was settled")
	}
}
