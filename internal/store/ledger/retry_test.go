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

// A change that DynamoDB rejects because of another change of the same item is
// retried, and counts once.
func TestConflictingChangesAreRetried(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	u, p := newUpload("k", 1), part(newUpload("k", 1), 0, 3)
	var calls atomic.Int64
	f.db.Conflict = func(string) bool { return calls.Add(1)%4 != 0 }
	begun, err := f.Begin(ctx, u)
	f.must(err)
	_, err = f.PutPart(ctx, p)
	f.must(err)
	p.Stored = 3
	f.must(f.PartLoaded(ctx, p))
	begun.Records, begun.Parts = 3, 1
	f.must(f.Unpacked(ctx, begun, begun.Counts, nil, ""))
	_, err = f.Settle(ctx, u.Feed, u.ID)
	f.must(err)
	if got := f.get(u); got.Stored != 3 || got.PartsLoaded != 1 || got.State != "loaded" || calls.Load() != 16 {
		t.Errorf("after %d calls the ledger has %+v", calls.Load(), got)
	}
}

func TestRetriesEndWithTheContext(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	u, p := newUpload("k", 1), part(newUpload("k", 1), 0, 3)
	_, err := f.Begin(ctx, u)
	f.must(err)
	calls := 0
	f.db.Conflict = func(string) bool {
		if calls++; calls == 3 {
			cancel()
		}
		return true
	}
	if err := f.PartLoaded(ctx, p); !errors.Is(err, context.Canceled) || calls != 3 {
		t.Errorf("error %v after %d calls", err, calls)
	}
}

// A part that was reopened while its rejected records are replayed would be
// subtracted from the counts twice.
func TestReopenAfterAReplay(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	u, p := newUpload("k", 1), part(newUpload("k", 1), 0, 3)
	begun, err := f.Begin(ctx, u)
	f.must(err)
	_, err = f.PutPart(ctx, p)
	f.must(err)
	p.Stored, p.Rejected, p.Reasons = 1, 2, map[string]int64{"too_deep": 2}
	f.must(f.PartLoaded(ctx, p))
	f.must(f.Unpacked(ctx, begun, ledger.Counts{Records: 3, Parts: 1}, nil, ""))
	_, err = f.Settle(ctx, u.Feed, u.ID)
	f.must(err)
	read, _, err := f.GetPart(ctx, u.Feed, u.ID, p.Name)
	f.must(err)

	replayed := part(u, 1, 2)
	replayed.Name = ids.ReplayPartName(0, 1, 0)
	f.must(f.CommitReplay(ctx, f.get(u), ledger.Replay{
		Feed: u.Feed, Upload: u.ID, Number: 1, Group: p.Name, Taken: 2, Parts: []ledger.Part{replayed}, Reasons: map[string]int64{"too_deep": -2},
	}))
	if err := f.Reopen(ctx, read); err == nil || !strings.Contains(err.Error(), "2 of its rejected records were replayed since") {
		t.Errorf("error %v", err)
	}
	if got := f.get(u); got.RejectedByLoad != 0 || got.Stored != 1 || got.Records != 3 {
		t.Errorf("ledger %+v", got)
	}
	got, _, err := f.GetReplay(ctx, u.Feed, u.ID, 1)
	f.must(err)
	if len(got.Parts) != 1 || !reflect.DeepEqual(got.Parts[0], replayed) {
		t.Errorf("the replay has %+v, want %+v", got.Parts, replayed)
	}
}

// An item may have 400 KB.
func TestLargestReplayFitsInAnItem(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	u := newUpload("k", 1)
	u.Feed = strings.Repeat("f", 64)
	begun, err := f.Begin(ctx, u)
	f.must(err)
	f.must(f.Unpacked(ctx, begun, ledger.Counts{}, nil, ""))
	r := ledger.Replay{Feed: u.Feed, Upload: u.ID, Number: 1}
	for i := range ledger.MaxReplayParts {
		r.Parts = append(r.Parts, ledger.Part{
			Feed: u.Feed, Upload: u.ID, Name: ids.ReplayPartName(9_999_999, 1, i), Entry: 9_999_999,
			Key: u.ReplayPartKey(strings.Repeat("p", 64)+"/", 9_999_999, "0123456789abcdef"), Records: 1e9, Bytes: 1e9, Shards: 64, Time: u.Time,
		})
	}
	f.must(f.CommitReplay(ctx, f.get(u), r))
	for _, it := range f.db.Items() {
		size := 0
		for name, value := range it {
			size += len(name) + len(value)
		}
		if size > 400<<10 {
			t.Errorf("the item %s has %d bytes", it.Str("sk"), size)
		}
	}
}
