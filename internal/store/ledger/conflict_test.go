package ledger_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// While another change is at work on the same item, DynamoDB refuses one: it is
// made again, and counts once.
func TestChangesInEachOthersWay(t *testing.T) {
	b, ctx := newBook(t), t.Context()
	u, p := newUpload("k", 1), part(newUpload("k", 1), 0, 3)
	var calls atomic.Int64
	b.db.Conflict = func(string) bool { return calls.Add(1)%4 != 0 }
	begun, err := b.Begin(ctx, u)
	b.must(err)
	_, err = b.PutPart(ctx, p)
	b.must(err)
	p.Stored = 3
	b.must(b.PartLoaded(ctx, p))
	begun.Records, begun.Parts = 3, 1
	b.must(b.Unpacked(ctx, begun, begun.Counts, nil, ""))
	_, err = b.Settle(ctx, u.Feed, u.ID)
	b.must(err)
	if got := b.get(u); got.Stored != 3 || got.PartsLoaded != 1 || got.State != "loaded" || calls.Load() != 16 {
		t.Errorf("after %d calls the ledger has %+v", calls.Load(), got)
	}
}

func TestAConflictThatDoesNotEnd(t *testing.T) {
	b := newBook(t)
	ctx, cancel := context.WithCancel(t.Context())
	u, p := newUpload("k", 1), part(newUpload("k", 1), 0, 3)
	_, err := b.Begin(ctx, u)
	b.must(err)
	calls := 0
	b.db.Conflict = func(string) bool {
		if calls++; calls == 3 {
			cancel()
		}
		return true
	}
	if err := b.PartLoaded(ctx, p); !errors.Is(err, context.Canceled) || calls != 3 {
		t.Errorf("error %v after %d calls", err, calls)
	}
}

// A part that is opened again while its refused records are replayed would be
// taken off the counts twice.
func TestReopenBesideAReplay(t *testing.T) {
	b, ctx := newBook(t), t.Context()
	u, p := newUpload("k", 1), part(newUpload("k", 1), 0, 3)
	begun, err := b.Begin(ctx, u)
	b.must(err)
	_, err = b.PutPart(ctx, p)
	b.must(err)
	p.Stored, p.Rejected, p.Reasons = 1, 2, map[string]int64{"too_deep": 2}
	b.must(b.PartLoaded(ctx, p))
	b.must(b.Unpacked(ctx, begun, ledger.Counts{Records: 3, Parts: 1}, nil, ""))
	_, err = b.Settle(ctx, u.Feed, u.ID)
	b.must(err)
	read, _, err := b.GetPart(ctx, u.Feed, u.ID, p.Name)
	b.must(err)

	replayed := part(u, 1, 2)
	replayed.Name = ids.ReplayPartName(0, 1, 0)
	b.must(b.CommitReplay(ctx, b.get(u), ledger.Replay{
		Feed: u.Feed, Upload: u.ID, Number: 1, Group: p.Name, Taken: 2, Parts: []ledger.Part{replayed}, Reasons: map[string]int64{"too_deep": -2},
	}))
	if err := b.Reopen(ctx, read); err == nil || !strings.Contains(err.Error(), "2 of its refused records were replayed since") {
		t.Errorf("error %v", err)
	}
	if got := b.get(u); got.RejectedByLoad != 0 || got.Stored != 1 || got.Records != 3 {
		t.Errorf("ledger %+v", got)
	}
	got, _, err := b.GetReplay(ctx, u.Feed, u.ID, 1)
	b.must(err)
	if len(got.Parts) != 1 || !reflect.DeepEqual(got.Parts[0], replayed) {
		t.Errorf("the replay has %+v, want %+v", got.Parts, replayed)
	}
}

// An item of DynamoDB holds 400 KB.
func TestTheLargestReplayFitsAnItem(t *testing.T) {
	b, ctx := newBook(t), t.Context()
	u := newUpload("k", 1)
	u.Feed = strings.Repeat("f", 64)
	begun, err := b.Begin(ctx, u)
	b.must(err)
	b.must(b.Unpacked(ctx, begun, ledger.Counts{}, nil, ""))
	r := ledger.Replay{Feed: u.Feed, Upload: u.ID, Number: 1}
	for i := range ledger.MaxReplayParts {
		r.Parts = append(r.Parts, ledger.Part{
			Feed: u.Feed, Upload: u.ID, Name: ids.ReplayPartName(9_999_999, 1, i), Entry: 9_999_999,
			Key: u.ReplayPartKey(strings.Repeat("p", 64)+"/", 9_999_999, "0123456789abcdef"), Records: 1e9, Bytes: 1e9, Shards: 64, Time: u.Time,
		})
	}
	b.must(b.CommitReplay(ctx, b.get(u), r))
	for _, it := range b.db.Items() {
		size := 0
		for name, value := range it {
			size += len(name) + len(value)
		}
		if size > 400<<10 {
			t.Errorf("the item %s has %d bytes", it.Str("sk"), size)
		}
	}
}
