package scancursor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/internal/store/scancursor"
	"example.com/ingestion/internal/testing/fake"
)

func TestRead(t *testing.T) {
	db := fake.NewDynamoDB(t)
	read := func() (scancursor.Cursor, bool) {
		t.Helper()
		c, ok, err := scancursor.Read(t.Context(), db.Client(), "table", "orders", "bucket", "in/")
		if err != nil {
			t.Fatal(err)
		}
		return c, ok
	}
	if c, ok := read(); ok {
		t.Errorf("a cursor before the first scan: %+v", c)
	}
	until := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	item, err := attributevalue.MarshalMap(scancursor.Cursor{Item: scancursor.ItemType, Bucket: "bucket", Prefix: "in/", Lease: "l", Until: until.UnixMilli(), After: "in/k"})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range scancursor.Key("orders", "bucket", "in/") {
		item[name] = value
	}
	if _, err := db.Client().PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new(string), Item: item}); err != nil {
		t.Fatal(err)
	}
	c, ok := read()
	if !ok || c.After != "in/k" || c.LeasedUntil() != until || c.PK != scancursor.PartitionKey("orders") {
		t.Errorf("%+v, %v", c, ok)
	}
	if c.Until = 0; !c.LeasedUntil().IsZero() {
		t.Errorf("without a lease: %s", c.LeasedUntil())
	}
	db.Before = func(string, []byte) (int, string) { return 400, "AccessDeniedException" }
	if _, _, err := scancursor.Read(t.Context(), db.Client(), "table", "orders", "bucket", "in/"); err == nil || !strings.HasPrefix(err.Error(), "read the cursor of the scan: ") {
		t.Errorf("error %v", err)
	}
}
