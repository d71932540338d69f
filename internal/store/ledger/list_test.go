package ledger_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
)

// load completes an upload with one part, with all that a lease and a checkpoint change.
func (f fixture) load(u ledger.Upload) {
	f.t.Helper()
	ctx := f.t.Context()
	u.Reader, u.ReaderUntil = "invocation", time.Now().Add(time.Minute)
	_, err := f.Begin(ctx, u)
	f.must(err)
	f.must(f.Renew(ctx, u, time.Now().Add(time.Hour)))
	f.must(f.SetCheckpoint(ctx, u, ledger.Checkpoint{Continuations: 1}))
	if _, ok, err := f.Take(ctx, u.Feed, u.ID, ledger.Lease{Owner: "invocation", Until: time.Now().Add(time.Hour)}); err != nil || !ok {
		f.t.Fatal(ok, err)
	}
	_, err = f.PutPart(ctx, part(u, 0, 3))
	f.must(err)
	f.must(f.Unpacked(ctx, u, ledger.Counts{Entries: 1, Records: 4, RejectedByUnpack: 1, Parts: 1, BytesUnpacked: 60, BytesLanded: 5}, map[string]int64{"invalid_json": 1}, "why"))
	p := part(u, 0, 3)
	p.Stored, p.Rejected, p.Reasons = 2, 1, map[string]int64{"item_too_large": 1}
	f.must(f.PartLoaded(ctx, p))
	_, err = f.Settle(ctx, u.Feed, u.ID)
	f.must(err)
}

func (f fixture) list(s ledger.Listing) (uploads []ledger.Upload) {
	f.t.Helper()
	f.must(f.List(f.t.Context(), s, func(u ledger.Upload) bool { uploads = append(uploads, u); return true }))
	return uploads
}

// An upload is written to the index when it begins and when it is complete, however many
// parts, leases and checkpoints it has. The index then has what a list shows.
func TestTwoIndexWritesForAnUpload(t *testing.T) {
	f := newFixture(t)
	u := newUpload("k", 1)
	u.VersionID, u.Reading, u.ExpireInSnowflake = "v", "reading", true
	f.load(u)
	if n := f.db.IndexWrites[feed.LedgerIndex]; n != 2 {
		t.Errorf("%d writes of the index", n)
	}
	gets := f.db.Calls["BatchGetItem"]
	listed := f.list(ledger.Listing{Feed: "orders"})
	if len(listed) != 1 || f.db.Calls["BatchGetItem"] != gets {
		t.Fatalf("%v, with %d reads of the table", listed, f.db.Calls["BatchGetItem"]-gets)
	}
	want := f.get(u)
	want.Checkpoint = ledger.Checkpoint{Continuations: want.Checkpoint.Continuations}
	// The item keeps milliseconds.
	listed[0].LoadedAt, listed[0].UnpackedAt = listed[0].LoadedAt.Truncate(time.Millisecond), listed[0].UnpackedAt.Truncate(time.Millisecond)
	if !reflect.DeepEqual(listed[0], want) {
		t.Errorf("listed\n%+v, want\n%+v", listed[0], want)
	}
	if u := listed[0]; u.State != ledger.Loaded || u.Stored != 2 || u.Quarantined() != 2 || !u.Balanced() || u.Message != "why" {
		t.Errorf("%+v", u)
	}

	missing := newUpload("gone", 1)
	_, err := f.Missing(t.Context(), missing, "deleted")
	f.must(err)
	if n := f.db.IndexWrites[feed.LedgerIndex]; n != 3 {
		t.Errorf("%d writes of the index with a missing upload", n)
	}
	if all := f.list(ledger.Listing{Feed: "orders"}); len(all) != 2 || all[0].State == all[1].State {
		t.Errorf("with a missing upload: %+v", all)
	}
}

// The uploads of a feed are in all partitions of the index, and are listed in order of time.
func TestListMergesPartitions(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	const total = 300
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range total {
		u := newUpload(fmt.Sprintf("k%d", i*7%total), 1)
		u.Time = start.Add(time.Duration(i) * time.Minute)
		if i%3 > 0 {
			f.load(u)
		} else if _, err := f.Begin(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	other := newUpload("other", 1)
	other.Feed = "orders2"
	_, err := f.Begin(ctx, other)
	f.must(err)
	partitions := map[string]int{}
	for _, it := range f.db.Items() {
		if it["ledger_feed"] != nil {
			partitions[it.Str("ledger_feed")]++
		}
	}
	for _, key := range feed.LedgerIndexKeys("orders")[1:] {
		if n := partitions[key]; n < total/feed.LedgerIndexShards/3 || n > total/feed.LedgerIndexShards*3 {
			t.Errorf("partition %s has %d of %d uploads", key, n, total)
		}
	}

	for _, test := range []struct {
		listing  ledger.Listing
		pageSize int
		want     int
	}{
		{ledger.Listing{}, 0, total},
		{ledger.Listing{}, 3, total},
		{ledger.Listing{Limit: 1}, 0, 1},
		{ledger.Listing{Limit: 37}, 0, 37},
		{ledger.Listing{Limit: 1000}, 0, total},
		{ledger.Listing{Since: start.Add(100 * time.Minute)}, 0, 200},
		{ledger.Listing{Since: start.Add(100 * time.Minute), Limit: 250}, 0, 200},
		{ledger.Listing{Since: start.Add(100 * time.Minute), Limit: 150}, 0, 150},
	} {
		t.Run(fmt.Sprintf("since %v limit %d page %d", test.listing.Since, test.listing.Limit, test.pageSize), func(t *testing.T) {
			f.t, f.db.PageSize = t, test.pageSize
			test.listing.Feed = "orders"
			before := f.db.Calls["Query"]
			listed := f.list(test.listing)
			if len(listed) != test.want {
				t.Fatalf("%d uploads, want %d", len(listed), test.want)
			}
			for i, u := range listed {
				if want := start.Add(time.Duration(total-1-i) * time.Minute); !u.Time.Equal(want) {
					t.Fatalf("upload %d is of %v, want %v", i, u.Time, want)
				}
				if loaded := int(u.Time.Sub(start)/time.Minute)%3 > 0; loaded != (u.State == ledger.Loaded) || loaded != u.Balanced() && loaded {
					t.Fatalf("upload %d: %+v", i, u)
				}
			}
			if queries := f.db.Calls["Query"] - before; test.listing.Limit == 1 && queries > 2*len(feed.LedgerIndexKeys("orders")) {
				t.Errorf("%d queries for one upload", queries)
			}
		})
	}
	n := 0
	f.must(f.List(ctx, ledger.Listing{Feed: "orders"}, func(ledger.Upload) bool { n++; return n < 5 }))
	if n != 5 {
		t.Errorf("%d uploads after the caller had enough", n)
	}
}

// What changes a complete upload is listed at once, and the index has it again when the
// upload is complete again.
func TestListAfterChanges(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	u := newUpload("k", 1)
	f.load(u)
	check := func(what string, fromTable bool) {
		t.Helper()
		gets := f.db.Calls["BatchGetItem"]
		listed := f.list(ledger.Listing{Feed: "orders"})
		now := f.get(u)
		if len(listed) != 1 || listed[0].State != now.State || listed[0].Stored != now.Stored || listed[0].Quarantined() != now.Quarantined() ||
			listed[0].Replays != now.Replays || !reflect.DeepEqual(listed[0].Reasons, now.Reasons) {
			t.Errorf("%s: listed\n%+v, want\n%+v", what, listed, now)
		}
		if read := f.db.Calls["BatchGetItem"] > gets; read != fromTable {
			t.Errorf("%s: read from the table: %v", what, read)
		}
	}
	check("loaded", false)

	p, _, err := f.GetPart(ctx, "orders", u.ID, part(u, 0, 3).Name)
	f.must(err)
	f.must(f.Reopen(ctx, p))
	check("reopened", true)
	p.Stored, p.Rejected, p.Reasons = 3, 0, nil
	f.must(f.PartLoaded(ctx, p))
	check("loaded again", true)
	_, err = f.Settle(ctx, "orders", u.ID)
	f.must(err)
	check("settled again", false)

	r := ledger.Replay{Feed: "orders", Upload: u.ID, Number: 1, Taken: 1, Kept: 1, Reasons: map[string]int64{"invalid_json": -1, "other": 1}, Message: "still"}
	f.must(f.CommitReplay(ctx, f.get(u), r))
	check("replayed without a part", true)
	f.must(f.ReplayDone(ctx, r))
	check("replay done", false)

	r = ledger.Replay{Feed: "orders", Upload: u.ID, Number: 2, Taken: 1, Parts: []ledger.Part{part(u, 1, 1)}, Reasons: map[string]int64{"other": -1}}
	f.must(f.CommitReplay(ctx, f.get(u), r))
	_, err = f.PutPart(ctx, r.Parts[0])
	f.must(err)
	f.must(f.ReplayDone(ctx, r))
	check("replayed into a part", true)
	p = r.Parts[0]
	p.Stored = 1
	f.must(f.PartLoaded(ctx, p))
	_, err = f.Settle(ctx, "orders", u.ID)
	f.must(err)
	check("replay loaded", false)
	if now := f.get(u); now.Stored != 4 || now.Quarantined() != 0 || !now.Balanced() {
		t.Errorf("%+v", now)
	}
	// An upload that was deleted from the table is not listed.
	f.db.Remove(func(it fake.Item) bool { return it.Str("sk") == "upload" })
	if listed := f.list(ledger.Listing{Feed: "orders"}); len(listed) > 0 {
		t.Errorf("deleted: %+v", listed)
	}
}

// Between the read and the write of Settle another invocation changes the upload: the index
// never gets counts that are not the table's.
func TestSettleBesideAReplay(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	u := newUpload("k", 1)
	_, err := f.Begin(ctx, u)
	f.must(err)
	f.must(f.Unpacked(ctx, u, ledger.Counts{Entries: 1, Records: 2, RejectedByUnpack: 2}, map[string]int64{"invalid_json": 2}, "why"))
	other := ledger.New(f.db.Client(), "table")
	replayed := false
	f.db.Before = func(operation string, body []byte) (int, string) {
		if operation != "UpdateItem" || replayed || !strings.Contains(string(body), feed.LedgerIndexSettled) {
			return 0, ""
		}
		replayed = true
		r := ledger.Replay{Feed: "orders", Upload: u.ID, Number: 1, Taken: 2, Kept: 2, Reasons: map[string]int64{"invalid_json": -2, "other": 2}}
		now, _, err := other.GetUpload(ctx, "orders", u.ID)
		if err == nil {
			err = other.CommitReplay(ctx, now, r)
		}
		if err != nil {
			t.Error(err)
		}
		return 0, ""
	}
	settled, err := f.Settle(ctx, "orders", u.ID)
	f.must(err)
	if !replayed || settled.State != ledger.Loaded || settled.Replays != 1 {
		t.Fatalf("replayed: %v; %+v", replayed, settled)
	}
	if listed := f.list(ledger.Listing{Feed: "orders"}); len(listed) != 1 || !reflect.DeepEqual(listed[0].Reasons, map[string]int64{"other": 2}) {
		t.Errorf("listed %+v", listed)
	}
}

// An upload that a version without the new index has entered has its feed's name as key,
// and its counts are read from the table until it is settled again.
func TestListUploadsOfFormerVersions(t *testing.T) {
	f := newFixture(t)
	for i := range 3 {
		f.load(newUpload(fmt.Sprintf("k%d", i), 1+i))
	}
	for _, it := range f.db.Items() {
		if it["ledger_feed"] == nil || strings.HasPrefix(it.Str("ledger_time"), "2026-01-03") {
			continue
		}
		it["ledger_feed"] = json.RawMessage(`{"S":"orders"}`)
		delete(it, feed.LedgerIndexSettled)
		f.db.PutItem(it)
	}
	listed := f.list(ledger.Listing{Feed: "orders"})
	days := []int{}
	for _, u := range listed {
		days = append(days, u.Time.Day())
		if u.State != ledger.Loaded || !u.Balanced() {
			t.Errorf("%+v", u)
		}
	}
	if !slices.Equal(days, []int{3, 2, 1}) {
		t.Errorf("uploads of days %v", days)
	}
}

// What Begin enters is in the index too, but for what is derived or changes later: a list is
// complete without a read of the table.
func TestIndexHasWhatBeginEnters(t *testing.T) {
	f := newFixture(t)
	u := newUpload("k", 1)
	u.VersionID = "v"
	for v, i := reflect.ValueOf(&u).Elem(), 0; i < v.NumField(); i++ {
		field := v.Field(i)
		if !field.CanSet() || !field.IsZero() {
			continue
		}
		switch field.Kind() {
		case reflect.String:
			field.SetString("x")
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Int, reflect.Int64:
			field.SetInt(1)
		}
	}
	u.ReaderUntil = time.Now().Add(time.Minute)
	_, err := f.Begin(t.Context(), u)
	f.must(err)
	known := append(feed.LedgerIndexAttributes(), "pk", "sk", "ledger_feed", "ledger_time", "item", "source", "version", "state", "reader", "reader_until")
	for _, it := range f.db.Items() {
		for name := range it {
			if it.Str("sk") == "upload" && !slices.Contains(known, name) {
				t.Errorf("the index does not have %s", name)
			}
		}
	}
}
