package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// The uploads of a shared part are loaded with it, each counted once, whatever is
// repeated; one with another part waits for that one.
func TestSharedPart(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	part := ledger.Part{Feed: "orders", Name: ids.PartName(0, 0), Key: "landing/x", Shards: 1, Time: time.Unix(0, 0)}
	var uploads []ids.Upload
	var names []string
	for i := range 3 {
		u := ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: fmt.Sprint("k", i), ETag: "e", Size: 10, Time: time.Unix(1000, 0)})
		uploads, names = append(uploads, u), append(names, u.ID)
		part.Members = append(part.Members, ledger.Member{Upload: u.ID, Millis: u.Time.UnixMilli(), Records: 5})
		part.Records += 5
	}
	part.Upload = ids.Bundle("orders", names)
	for range 2 { // the second time everything exists
		for _, u := range uploads {
			entered := ledger.Upload{Upload: u, Shards: 1, Bundle: part.Upload, Counts: ledger.Counts{Entries: 1, Records: 6, RejectedByUnpack: 1, Parts: 1}, Reasons: map[string]int64{"invalid_json": 1}, Message: "record 5"}
			if err := f.EnterMember(ctx, entered); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := f.PutPart(ctx, part); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		p, _, err := f.GetPart(ctx, "orders", part.Upload, part.Name)
		if err != nil || len(p.Members) != 3 {
			t.Fatalf("part %+v, %v", p, err)
		}
		p.Stored, p.Rejected = 14, 1
		p.Members[1].Rejected, p.Members[1].Reasons = 1, map[string]int64{"item_too_large": 1}
		if err := f.PartLoaded(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	for i, u := range uploads {
		got, _, err := f.GetUpload(ctx, "orders", u.ID)
		if err != nil {
			t.Fatal(err)
		}
		rejected := int64(i % 2)
		if got.State != ledger.Loaded || !got.Balanced() || got.Stored != 5-rejected || got.RejectedByLoad != rejected || got.PartsLoaded != 1 ||
			got.Reasons["invalid_json"] != 1 || got.Reasons["item_too_large"] != rejected || got.Message != "record 5" || got.LoadedAt.IsZero() {
			t.Errorf("upload %d: %+v", i, got)
		}
	}
	if p, _, _ := f.GetPart(ctx, "orders", part.Upload, part.Name); p.State != ledger.Loaded || p.Stored != 14 {
		t.Errorf("part: %+v", p)
	}
}
