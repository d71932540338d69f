package feed_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"example.com/ingestion/feed"
)

// A spec that does not fit the environment of a function is compressed.
func TestLargeSpecIsCompressed(t *testing.T) {
	want := feed.Spec{Feed: "orders", Sources: []feed.Source{{Kind: feed.OwnBucket}}, Format: feed.Format{Kind: feed.NDJSON}, Shape: &feed.Shape{}}.WithDefaults()
	for i := range 100 {
		want.Shape.Operations = append(want.Shape.Operations, feed.Rename(fmt.Sprint("CUSTOMER_FIELD_", i), fmt.Sprint("customer.field_", i)))
	}
	value, err := want.Env()
	if err != nil || len(value) > feed.MaxEnvBytes || strings.HasPrefix(value, "{") {
		t.Fatalf("%d bytes: %.20s, %v", len(value), value, err)
	}
	got, err := feed.FromEnv(func(string) string { return value })
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, damaged := range []string{value[:len(value)/2], "deflate:", "deflate:%", "deflate:AAAA"} {
		if _, err := feed.FromEnv(func(string) string { return damaged }); err == nil {
			t.Errorf("%.20s: no error", damaged)
		}
	}
}
