package reconcile_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/operator/reconcile"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// landed changes when the parts of an upload were landed.
func (w *fixture) landed(id string, at time.Time, parts ...string) {
	w.t.Helper()
	for _, name := range parts {
		_, err := w.db.Client().UpdateItem(w.t.Context(), &dynamodb.UpdateItemInput{
			TableName: aws.String("table"), UpdateExpression: aws.String("SET landed_at = :at"),
			Key: map[string]types.AttributeValue{
				"pk": &types.AttributeValueMemberS{Value: "orders#" + id}, "sk": &types.AttributeValueMemberS{Value: "part#" + name},
			},
			ExpressionAttributeValues: map[string]types.AttributeValue{":at": &types.AttributeValueMemberS{Value: at.UTC().Format("2006-01-02T15:04:05.000Z")}},
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *fixture) partNames(id string) []string {
	w.t.Helper()
	var names []string
	if err := w.r.Ledger.Parts(w.t.Context(), "orders", id, func(p ledger.Part) bool { names = append(names, p.Name); return true }); err != nil {
		w.t.Fatal(err)
	}
	return names
}

// Records that have expired are not missing, whether DynamoDB has deleted all of them, some
// or none; those of a part that has not expired are.
func TestExpiredRecordsAreNotMissing(t *testing.T) {
	w := newFixture(t)
	w.unpack.Spec.ExpireAfterDays = 30
	w.put("a", lines(20), true)
	id := w.reconcile().Uploads[0].ID
	parts := w.partNames(id)
	if len(parts) < 4 {
		t.Fatalf("parts %q", parts)
	}
	first := int64(0) // records of the expired parts: the first of the file
	w.landed(id, time.Now().AddDate(0, 0, -31), parts[:2]...)
	for _, name := range parts[:2] {
		p, _, err := w.r.Ledger.GetPart(t.Context(), "orders", id, name)
		if err != nil {
			t.Fatal(err)
		}
		first += p.Records
	}
	ordinal := func(it fake.Item) int64 {
		_, digits, _ := strings.Cut(it.Str("sk"), "/")
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || it["data"] == nil {
			return -1
		}
		return n
	}
	for _, deleted := range []int64{0, 1, first} {
		w.db.Remove(func(it fake.Item) bool { n := ordinal(it); return n >= 0 && n < deleted })
		result := w.reconcile()
		u := result.Uploads[0]
		if len(result.Findings) != 0 || u.Differs || *u.InTable != 20-deleted || deleted > 0 && u.Expired != first {
			t.Errorf("%d deleted: %+v, findings %+v", deleted, u, result.Findings)
		}
	}
	w.db.Remove(func(it fake.Item) bool { return ordinal(it) == 19 })
	if found := w.reconcile().Findings; len(found) != 1 || found[0].Kind != reconcile.Missing || found[0].Count != 1 || found[0].Ordinals[0] != 19 {
		t.Errorf("a record that has not expired is deleted: %+v", found)
	}
}

// Snowflake keeps what has expired in the table, or does not, as the feed was deployed.
func TestRowsOfExpiredRecords(t *testing.T) {
	for _, inSnowflake := range []bool{false, true} {
		w := newFixture(t)
		w.unpack.Spec.ExpireAfterDays, w.unpack.Spec.ExpireInSnowflake = 30, inSnowflake
		w.put("a", lines(3), true)
		id := w.reconcile().Uploads[0].ID
		w.landed(id, time.Now().AddDate(0, 0, -31), w.partNames(id)...)
		spec := snowflake.Spec{
			Feed: "orders", Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", ExternalID: "orders-4711", From: snowflake.FromTable,
			Load: snowflake.Continuous, Format: feed.Format{Kind: feed.NDJSON}, Prefix: "changes/orders/",
		}.WithDefaults()
		plan, err := spec.Plan(snowflake.Names{Owner: "1/r/S/O", Bucket: "landing-bucket", RoleARN: "arn:aws:iam::111122223333:role/r", TopicARN: "arn:aws:sns:us-east-1:111122223333:t"})
		if err != nil {
			t.Fatal(err)
		}
		w.r.GracePeriod = time.Nanosecond
		for _, deleted := range []int64{0, 2, 3} {
			w.db.Remove(func(it fake.Item) bool {
				return it["data"] != nil && strings.Compare(it.Str("sk"), "0000000/"+leftPad(deleted)) < 0
			})
			for rows := range int64(5) {
				w.r.Snowflake = &reconcile.Snowflake{Querier: rowsOf(id, rows), Spec: spec, Plan: plan}
				differs := w.reconcile().Uploads[0].Differs
				if want := rows != 3 && (!inSnowflake || rows > 3 || rows < 3-deleted); differs != want {
					t.Errorf("in Snowflake %v, %d of 3 items deleted, %d rows: differs %v", inSnowflake, deleted, rows, differs)
				}
			}
		}
	}
}

func leftPad(n int64) string { return strings.Repeat("0", 11) + strconv.FormatInt(n, 10) }

func rowsOf(id string, n int64) rows {
	return rows{`GROUP BY 1`: {client.Row{"k0": id, "n": strconv.FormatInt(n, 10)}}}
}
