package ledger_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
)

func uploadsOfFile(t *testing.T, l *ledger.Ledger, key string) []string {
	t.Helper()
	var found []string
	if err := l.UploadsOfFile(t.Context(), "orders", key, func(u ledger.Upload) bool { found = append(found, u.ETag); return true }); err != nil {
		t.Fatal(err)
	}
	return found
}

// The uploads of a key are found newest first, each once, and none of another key or feed.
func TestUploadsOfFile(t *testing.T) {
	db := fake.NewDynamoDB(t)
	l := ledger.New(db.Client(), "t")
	begin := func(feedName, key, etag string, day int) ledger.Upload {
		u := ledger.Upload{Upload: ids.New(ids.Upload{Feed: feedName, Bucket: "b", Key: key, ETag: etag, Time: time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC)}), Shards: 3}
		if _, err := l.Begin(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		return u
	}
	const key = "in/a#b c.json"
	for range 2 {
		begin("orders", key, "two", 2)
	}
	begin("orders", key, "one", 1)
	begin("orders", key, "three", 3)
	begin("orders", key, "one", 4) // the same content was put again
	begin("orders", key+"x", "x", 5)
	begin("returns", key, "y", 6)
	if got, want := uploadsOfFile(t, l, key), []string{"one", "three", "two"}; !slices.Equal(got, want) {
		t.Errorf("uploads %q, want %q", got, want)
	}
	if got := uploadsOfFile(t, l, "in/"); len(got) != 0 {
		t.Errorf("uploads of no file: %q", got)
	}
	// A small file in a shared part, and a file that was missing, are found too.
	member := ledger.Upload{Upload: ids.New(ids.Upload{Feed: "orders", Bucket: "b", Key: "small", ETag: "s"}), Shards: 1}
	if err := l.EnterMember(t.Context(), member); err != nil {
		t.Fatal(err)
	}
	missing := ledger.Upload{Upload: ids.New(ids.Upload{Feed: "orders", Bucket: "b", Key: "missing", ETag: "m"}), Shards: 1}
	if _, err := l.Missing(t.Context(), missing, "deleted"); err != nil {
		t.Fatal(err)
	}
	if err := l.Found(t.Context(), missing); err != nil {
		t.Fatal(err)
	}
	if small, found := uploadsOfFile(t, l, "small"), uploadsOfFile(t, l, "missing"); len(small) != 1 || len(found) != 1 {
		t.Errorf("uploads %q and %q", small, found)
	}
}

// An upload is found by its file whenever it is in the ledger, wherever Begin ends.
func TestFileIsEnteredBeforeItsUpload(t *testing.T) {
	u := ledger.Upload{Upload: ids.New(ids.Upload{Feed: "orders", Bucket: "b", Key: "k", ETag: "e"}), Shards: 1}
	for failing := range 3 {
		db := fake.NewDynamoDB(t)
		l := ledger.New(db.Client(), "t")
		n := 0
		db.Before = func(string, []byte) (int, string) {
			if n++; n > failing {
				return http.StatusBadRequest, "AccessDeniedException"
			}
			return 0, ""
		}
		_, beginErr := l.Begin(t.Context(), u)
		db.Before = nil
		_, entered, err := l.GetUpload(t.Context(), "orders", u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if found := uploadsOfFile(t, l, "k"); len(found) == 1 != entered || entered != (beginErr == nil) {
			t.Errorf("after %d requests: %v; entered %v, found %q", failing, beginErr, entered, found)
		}
	}
}
