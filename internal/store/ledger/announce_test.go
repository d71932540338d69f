package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"example.com/ingestion/internal/store/ledger"
)

// The uploads of a shared part are announced each, with their own counts, before they are
// loaded; those of a feed that does not ask for it are not.
func TestMembersAreAnnounced(t *testing.T) {
	for _, asked := range []bool{false, true} {
		f, ctx := newFixture(t), t.Context()
		var mu sync.Mutex
		sent, fail := map[string]int{}, 0
		f.Ledger = f.Announcing(func(ctx context.Context, u ledger.Upload) error {
			mu.Lock()
			defer mu.Unlock()
			if fail--; fail >= 0 {
				return errors.New("EventBridge failed")
			}
			if now, _, err := f.GetUpload(ctx, u.Feed, u.ID); err != nil || now.State == ledger.Loaded {
				t.Errorf("announced in state %s, %v", now.State, err)
			}
			sent[fmt.Sprintf("%s %s %d/%d", u.Key, u.Outcome(), u.Stored, u.Records)]++
			return nil
		})
		p, uploads := f.begin()
		for range 2 {
			for _, u := range uploads {
				u.Announce = asked
				f.must(f.EnterMember(ctx, u))
			}
		}
		p.Stored, p.Rejected = 4, 1
		p.Rejections = map[string]ledger.Rejections{uploads[0].ID: {Count: 1, Reasons: map[string]int64{"item_too_large": 1}, Message: "too large"}}
		if fail = 1; asked && f.PartLoaded(ctx, p) == nil {
			t.Error("loaded without the announcement")
		}
		fail = 0
		for range 2 {
			f.must(f.PartLoaded(ctx, p))
			f.must(f.SettlePart(ctx, p))
		}
		want := map[string]int{}
		if asked {
			for i, outcome := range []string{"partial 1/2", "partial 3/4", "loaded 0/0"} {
				want[uploads[i].Key+" "+outcome] = 1
			}
		}
		if !maps.Equal(sent, want) {
			t.Errorf("asked for %v: announced %v, want %v", asked, sent, want)
		}
		for _, u := range uploads {
			if now := f.get(u); now.State != ledger.Loaded || !now.Balanced() {
				t.Errorf("%+v", now)
			}
		}
	}
}
