package export_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"example.com/ingestion/internal/store/ledger"
)

// expired is the deletion of a record by its time to live, as the stream has it.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
func expired(n int, pk string) string {
	return strings.Replace(change("REMOVE", n, pk, sortKey(n), ""), `{`, `{"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},`, 1)
}

// A record that has expired is no deletion, unless its upload was begun by a feed that asks
// for it. A deletion by a program is one.
func TestExpiredRecords(t *testing.T) {
	pk := "orders#" + uploadID + "#0"
	changes := []string{
		change("REMOVE", 1, pk, sortKey(1), ""),
		expired(2, pk),
		strings.Replace(change("REMOVE", 3, pk, sortKey(3), ""), `{`, `{"userIdentity":{"type":"Service","principalId":"another.amazonaws.com"},`, 1),
		strings.Replace(change("REMOVE", 4, pk, sortKey(4), ""), `{`, `{"userIdentity":null,`, 1),
		expired(5, "orders#"+strings.Repeat("a", len(uploadID))+"#0"), // the ledger does not have the upload
		expired(6, "orders#discover"),
	}
	for inSnowflake, want := range map[bool][]int{false: {1, 3, 4}, true: {1, 2, 3, 4}} {
		var log bytes.Buffer
		h, s3 := newHandler(&log)
		uploads := h.Uploads
		h.Uploads = func(ctx context.Context, feedName, id string) (ledger.Upload, bool, error) {
			u, ok, err := uploads(ctx, feedName, id)
			u.ExpireInSnowflake = inSnowflake
			return u, ok, err
		}
		if err := h.Handle(t.Context(), event(t, changes...)); err != nil {
			t.Fatal(err)
		}
		_, got := lines(t, s3, "orders")
		if len(got) != len(want) {
			t.Fatalf("in Snowflake %v: lines %q", inSnowflake, got)
		}
		for i, n := range want {
			if !strings.Contains(got[i], `"event":"REMOVE"`) || !strings.Contains(got[i], sortKey(n)) {
				t.Errorf("in Snowflake %v: line %d is %s", inSnowflake, i, got[i])
			}
		}
		if !inSnowflake && !strings.Contains(log.String(), `"expired":2`) {
			t.Errorf("log %s", log.String())
		}
	}
}
