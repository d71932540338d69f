package ledger_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

func lease(owner string) ledger.Lease {
	return ledger.Lease{Owner: owner, Until: time.Now().Add(time.Minute)}
}

// begin enters a shared part of three uploads: one whose records are all valid, one with a
// record that unpack has rejected, and one without records.
func (f fixture) begin() (ledger.Part, []ledger.Upload) {
	f.t.Helper()
	if _, ok, err := f.StartGathering(f.t.Context(), "orders", 0, lease("a")); err != nil || !ok {
		f.t.Fatalf("lease %v, error %v", ok, err)
	}
	of := ids.Upload{Feed: "orders", ID: ids.NewSharedID(), Time: time.Now()}
	p := ledger.Part{
		Feed: of.Feed, Upload: of.ID, Name: ledger.SharedPart, Key: of.PartKey("landing/", 0, 0), Records: 5, Bytes: 100, Shards: 1, Reading: "r1", Time: of.Time,
	}
	var uploads []ledger.Upload
	for i, m := range []ledger.Member{
		{Landed: 2, Entries: 1, BytesUnpacked: 20},
		{Landed: 3, Entries: 1, BytesUnpacked: 30, Rejected: 1, Reasons: map[string]int64{"invalid_json": 1}, Message: "record 2: " + strings.Repeat("é", 300)},
		{Entries: 1, Message: "the object has no records"},
	} {
		of := newUpload(fmt.Sprintf("small%d", i), 1).Upload
		m.Upload, m.Millis = of.ID, of.Time.UnixMilli()
		u := p.Member(m)
		u.Upload = of
		uploads = append(uploads, u)
		if m.Landed > 0 {
			p.Members = append(p.Members, m)
		}
	}
	f.must(f.BeginShared(f.t.Context(), p, 0, lease("a")))
	return p, uploads
}

// Each step of a shared part is repeated: the second time it changes nothing.
func TestSharedPartIsCountedOnce(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	p, uploads := f.begin()
	stored, ok, err := f.GetPart(ctx, p.Feed, p.Upload, p.Name)
	f.must(err)
	if !ok || len(stored.Members) != 2 || stored.Members[0].Upload != uploads[0].ID || stored.Reading != "r1" || len(stored.Members[1].Message) > 200 {
		t.Fatalf("the ledger has %+v", stored)
	}
	for range 2 {
		for _, u := range uploads {
			f.must(f.EnterMember(ctx, u))
		}
	}
	if u := f.get(uploads[2]); u.State != ledger.Loaded || u.Parts != 0 || u.Message == "" || u.Shared != "" {
		t.Errorf("upload without records: %+v", u)
	}
	if u := f.get(uploads[1]); u.State != ledger.Unpacked || u.Records != 4 || u.RejectedByUnpack != 1 || u.Reasons["invalid_json"] != 1 || u.BytesLanded != 60 || u.Shared != p.Upload || u.Reading != "r1" {
		t.Errorf("upload: %+v", u)
	}
	p.Stored, p.Rejected = 4, 1
	p.Rejections = map[string]ledger.Rejections{uploads[0].ID: {Count: 1, Reasons: map[string]int64{"item_too_large": 1}, Message: "too large"}}
	progress := p
	progress.Lines = p.Records
	f.must(f.PartProgress(ctx, progress, 0))
	again, _, err := f.GetPart(ctx, p.Feed, p.Upload, p.Name)
	f.must(err)
	if again.Lines != 5 || again.Rejections[uploads[0].ID].Message != "too large" {
		t.Errorf("after the progress: %+v", again)
	}
	for range 2 {
		f.must(f.PartLoaded(ctx, again))
		f.must(f.SettlePart(ctx, again))
	}
	for i, want := range []struct{ stored, rejected int64 }{{1, 1}, {3, 0}, {0, 0}} {
		if u := f.get(uploads[i]); u.State != ledger.Loaded || u.Stored != want.stored || u.RejectedByLoad != want.rejected || !u.Balanced() || u.PartsLoaded != u.Parts || u.LoadedAt.IsZero() {
			t.Errorf("upload %d: %+v", i, u)
		}
	}
	if u := f.get(uploads[0]); u.Message != "too large" || u.Reasons["item_too_large"] != 1 {
		t.Errorf("upload with a rejected record: %+v", u)
	}
	if p, _, _ := f.GetPart(ctx, p.Feed, p.Upload, p.Name); p.State != ledger.Loaded || p.Stored != 4 {
		t.Errorf("part %+v", p)
	}
}

func (f fixture) partsOf(u ledger.Upload) []ledger.Part {
	f.t.Helper()
	var parts []ledger.Part
	f.must(f.PartsOf(f.t.Context(), f.get(u), func(p ledger.Part) bool {
		parts = append(parts, p)
		return true
	}))
	return parts
}

// The part of an upload in a shared part is derived, unless it has counts of its own.
func TestPartsOfMember(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	p, uploads := f.begin()
	for _, u := range uploads {
		f.must(f.EnterMember(ctx, u))
	}
	parts := f.partsOf(uploads[1])
	if len(parts) != 1 || parts[0].State != ledger.Landed || parts[0].Records != 3 || parts[0].Key != p.Key || parts[0].Ref().Upload != p.Upload || !parts[0].OwnLines {
		t.Errorf("before the load: %+v", parts)
	}
	if parts := f.partsOf(uploads[2]); len(parts) != 0 {
		t.Errorf("upload without records: %+v", parts)
	}
	p.Stored, p.Rejected = 4, 1
	p.Rejections = map[string]ledger.Rejections{uploads[0].ID: {Count: 1, Reasons: map[string]int64{"item_too_large": 1}}}
	f.must(f.PartLoaded(ctx, p))
	if parts = f.partsOf(uploads[1]); len(parts) != 1 || parts[0].State != ledger.Loaded || parts[0].Stored != 3 {
		t.Errorf("after the load: %+v", parts)
	}
	rejected := f.partsOf(uploads[0])
	if len(rejected) != 1 || rejected[0].Rejected != 1 || rejected[0].Stored != 1 || rejected[0].Ref().Upload != uploads[0].ID || rejected[0].Reasons["item_too_large"] != 1 || !rejected[0].OwnLines {
		t.Errorf("with a rejected record: %+v", rejected)
	}
	// Both are loaded again, as often as an operator wants.
	for range 2 {
		for i := range 2 {
			part, ok, err := f.PartOf(ctx, f.get(uploads[i]), ledger.SharedPart)
			if err != nil || !ok {
				t.Fatalf("part %v, error %v", ok, err)
			}
			before := f.get(uploads[i])
			f.must(f.Reopen(ctx, part))
			f.must(f.Reopen(ctx, part))
			if u := f.get(uploads[i]); u.State != ledger.Unpacked || u.Stored != 0 || u.RejectedByLoad != 0 || u.PartsLoaded != 0 {
				t.Errorf("reopened upload: %+v", u)
			}
			part, _, err = f.PartOf(ctx, f.get(uploads[i]), ledger.SharedPart)
			f.must(err)
			if part.State != ledger.Landed || part.Shared != "" || part.Ref().Upload != uploads[i].ID {
				t.Errorf("reopened part: %+v", part)
			}
			part.Stored, part.Rejected, part.Reasons = before.Stored, before.RejectedByLoad, before.Reasons
			delete(part.Reasons, "invalid_json")
			f.must(f.PartLoaded(ctx, part))
			f.must(f.PartLoaded(ctx, p)) // late, of the first load
			after, err := f.Settle(ctx, part.Feed, part.Upload)
			f.must(err)
			if after.State != ledger.Loaded || after.Stored != before.Stored || !after.Balanced() || !maps.Equal(after.Reasons, f.get(uploads[i]).Reasons) {
				t.Errorf("loaded again: %+v", after)
			}
		}
	}
}

// A replay lands a record that unpack has rejected while the shared part waits.
func TestReplayOfMemberBeforeLoad(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	p, uploads := f.begin()
	for _, u := range uploads {
		f.must(f.EnterMember(ctx, u))
	}
	u := f.get(uploads[1])
	replayed := ledger.Part{Feed: u.Feed, Upload: u.ID, Name: ids.ReplayPartName(0, 1, 0), Key: "k", Records: 1, Bytes: 1, Shards: 1, Time: u.Time}
	f.must(f.CommitReplay(ctx, u, ledger.Replay{
		Feed: u.Feed, Upload: u.ID, Number: 1, Taken: 1, Parts: []ledger.Part{replayed}, Reasons: map[string]int64{"invalid_json": -1},
	}))
	_, err := f.PutPart(ctx, replayed)
	f.must(err)
	p.Stored = 5
	f.must(f.PartLoaded(ctx, p))
	if u := f.get(uploads[1]); u.State != ledger.Unpacked || u.PartsLoaded != 1 || u.Parts != 2 {
		t.Errorf("after the shared part: %+v", u)
	}
	if parts := f.partsOf(uploads[1]); len(parts) != 2 || parts[0].Name != ledger.SharedPart {
		t.Errorf("parts %+v", parts)
	}
	replayed.Stored = 1
	f.must(f.PartLoaded(ctx, replayed))
	after, err := f.Settle(ctx, u.Feed, u.ID)
	f.must(err)
	if after.State != ledger.Loaded || after.Stored != 4 || !after.Balanced() {
		t.Errorf("after both: %+v", after)
	}
}

// An upload that the ledger has otherwise is not changed by a shared part.
func TestMemberIsAnotherUpload(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	p, uploads := f.begin()
	begun := newUpload("small0", 1)
	_, err := f.Begin(ctx, begun)
	f.must(err)
	_, err = f.Missing(ctx, newUpload("small1", 1), "gone")
	f.must(err)
	for _, u := range uploads[:2] {
		f.must(f.EnterMember(ctx, u))
	}
	p.Stored = 5
	f.must(f.PartLoaded(ctx, p))
	if u := f.get(begun); u.State != ledger.Unpacking || u.Stored != 0 || u.Shared != "" {
		t.Errorf("begun upload: %+v", u)
	}
	if u := f.get(uploads[1]); u.State != ledger.Loaded || u.Stored != 3 || u.Message == "gone" {
		t.Errorf("upload whose object was missing: %+v", u)
	}
}

// A shard has one reader at a time, which alone begins shared parts.
func TestGathering(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	p, _ := f.begin()
	if _, ok, err := f.StartGathering(ctx, "orders", 0, lease("b")); ok || err != nil {
		t.Errorf("second reader: %v, error %v", ok, err)
	}
	state, ok, err := f.StartGathering(ctx, "orders", 0, ledger.Lease{Owner: "a", Until: time.Now().Add(-time.Minute)})
	if !ok || err != nil || state.Shared != p.Upload || state.Attempts != 2 {
		t.Errorf("the reader itself: %v %+v, error %v", ok, state, err)
	}
	if state, err := f.GetGathering(ctx, "orders", 0); err != nil || state.Active(time.Now()) {
		t.Errorf("expired lease: %+v, error %v", state, err)
	}
	if state, ok, err = f.StartGathering(ctx, "orders", 0, lease("b")); !ok || err != nil || state.Shared != p.Upload {
		t.Errorf("after the lease has expired: %v %+v, error %v", ok, state, err)
	}
	late := p
	late.Upload = ids.NewSharedID()
	for name, err := range map[string]error{
		"begin": f.BeginShared(ctx, late, 0, lease("a")), "renew": f.RenewGathering(ctx, "orders", 0, lease("a")),
		"end": f.EndGathering(ctx, "orders", 0, lease("a")), "end part": f.EndShared(ctx, "orders", 0, lease("a")),
	} {
		if !errors.Is(err, ledger.ErrLeaseLost) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, ok, err := f.GetPart(ctx, late.Feed, late.Upload, late.Name); ok || err != nil {
		t.Errorf("part of the late reader: %v, error %v", ok, err)
	}
	f.must(f.DropShared(ctx, p))
	f.must(f.EndShared(ctx, "orders", 0, lease("b")))
	f.must(f.EndGathering(ctx, "orders", 0, lease("b")))
	if state, err := f.GetGathering(ctx, "orders", 0); err != nil || state.Shared != "" || state.Attempts != 0 || state.Active(time.Now()) {
		t.Errorf("at the end: %+v, error %v", state, err)
	}
	if state, err := f.GetGathering(ctx, "orders", 1); err != nil || state.Active(time.Now()) {
		t.Errorf("another shard: %+v, error %v", state, err)
	}
}

// The transaction that begins a shared part is repeated when its response is lost.
func TestBeginSharedIsRepeated(t *testing.T) {
	f := newFixture(t)
	lost := false
	f.db.LoseResponse = func(operation string) bool {
		lose := !lost && operation == "TransactWriteItems"
		lost = lost || lose
		return lose
	}
	p, _ := f.begin()
	if _, ok, err := f.GetPart(t.Context(), p.Feed, p.Upload, p.Name); !lost || !ok || err != nil {
		t.Errorf("lost %v, part %v, error %v", lost, ok, err)
	}
}

func TestWaitingObjects(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	const n = 120
	shards := map[int]int{}
	for i := range n {
		u := newUpload(fmt.Sprintf("k%d", i), 1)
		shards[ledger.WaitingShard(u.ID)]++
		for range 2 {
			f.must(f.PutWaiting(ctx, "orders", ledger.Waiting{ID: u.ID, Bucket: u.Bucket, Key: u.Key, ETag: u.ETag, Size: u.Size}))
		}
	}
	if len(shards) != ledger.WaitingShards {
		t.Errorf("objects by shard: %v", shards)
	}
	total := 0
	for shard, want := range shards {
		var all []ledger.Waiting
		for after := ""; ; {
			list, err := f.ListWaiting(ctx, "orders", shard, after, 7)
			f.must(err)
			if len(list) == 0 {
				break
			}
			all = append(all, list...)
			after = list[len(list)-1].ID
		}
		if len(all) != want || all[0].Size != 10 || all[0].Bucket != "b" || all[0].ETag != "e" || all[0].Since.IsZero() {
			t.Errorf("shard %d has %d of %d objects, the first is %+v", shard, len(all), want, all[0])
		}
		one, ok, err := f.GetWaiting(ctx, "orders", all[0].ID)
		if err != nil || !ok || one != all[0] {
			t.Errorf("one object: %+v %v, error %v", one, ok, err)
		}
		f.must(f.DropWaiting(ctx, "orders", all))
		f.must(f.DropWaiting(ctx, "orders", all))
		if list, err := f.ListWaiting(ctx, "orders", shard, "", 1); len(list) != 0 || err != nil {
			t.Errorf("after the removal: %+v, error %v", list, err)
		}
		if _, ok, err := f.GetWaiting(ctx, "orders", all[0].ID); ok || err != nil {
			t.Errorf("a removed object: %v, error %v", ok, err)
		}
		total += len(all)
	}
	if total != n {
		t.Errorf("%d of %d objects", total, n)
	}
}
