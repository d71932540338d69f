package local

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// TestThroughput exceeds the limits of partitions, tables and indexes with every kind
// of request.
func TestThroughput(t *testing.T) {
	f := newFixture(t)
	f.createMeteredTable()
	once := func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 }
	limit := func(limits DynamoDBThroughput) {
		t.Helper()
		if err := f.env.LimitDynamoDB(t.Context(), limits); err != nil {
			t.Fatal(err)
		}
	}
	key := func(pk, sk string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk}}
	}
	put := func(pk, sk string) error {
		item := key(pk, sk)
		item["state"] = &types.AttributeValueMemberS{Value: "open"}
		_, err := f.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("metered"), Item: item}, once)
		return err
	}
	get := func(pk string) error {
		_, err := f.db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("metered"), Key: key(pk, "1"), ConsistentRead: aws.Bool(true)}, once)
		return err
	}
	// throttled checks that one of several requests is throttled, and for which reason.
	throttled := func(reason string, request func(i int) error) {
		t.Helper()
		for i := range 50 {
			var api smithy.APIError
			err := request(i)
			if err == nil {
				continue
			}
			if !errors.As(err, &api) || api.ErrorCode() != "ThrottlingException" {
				t.Fatalf("request %d: %v", i, err)
			}
			all, err := f.env.ThrottledDynamoDB(t.Context())
			if err != nil || len(all) != 1 || all[0].Reason != reason {
				t.Errorf("throttled %v, %v, want %s", all, err, reason)
			}
			return
		}
		t.Errorf("no request was throttled, want %s", reason)
	}

	limit(DynamoDBThroughput{PartitionWrites: 2, PartitionReads: 2})
	throttled("TableWriteKeyRangeThroughputExceeded", func(i int) error { return put("a", strconv.Itoa(i)) })
	if _, err := f.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("metered"), Item: key("b", "1")}, once); err != nil {
		t.Errorf("write to another partition, not in the index: %v", err)
	}
	limit(DynamoDBThroughput{PartitionReads: 2})
	throttled("TableReadKeyRangeThroughputExceeded", func(int) error { return get("a") })
	limit(DynamoDBThroughput{PartitionReads: 0.5})
	throttled("TableReadKeyRangeThroughputExceeded", func(int) error {
		_, err := f.db.Query(t.Context(), &dynamodb.QueryInput{
			TableName: aws.String("metered"), KeyConditionExpression: aws.String("pk = :p"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":p": &types.AttributeValueMemberS{Value: "a"}},
		}, once)
		return err
	})
	limit(DynamoDBThroughput{TableWrites: 2})
	throttled("TableWriteAccountLimitExceeded", func(i int) error { return put("p"+strconv.Itoa(i), "1") })

	// The writes go to different partitions of the table, and to one of the index.
	limit(DynamoDBThroughput{PartitionWrites: 2})
	throttled("IndexWriteKeyRangeThroughputExceeded", func(i int) error { return put("q"+strconv.Itoa(i), "1") })

	// Of a batch, only the items beyond the limit are unprocessed, and a retry finds units.
	limit(DynamoDBThroughput{PartitionWrites: 3})
	requests := make([]types.WriteRequest, 10)
	for i := range requests {
		requests[i].PutRequest = &types.PutRequest{Item: key("batch", strconv.Itoa(i))}
	}
	batch := func() (*dynamodb.BatchWriteItemOutput, error) {
		return f.db.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"metered": requests}}, once)
	}
	out, err := batch()
	if err != nil {
		t.Fatal(err)
	}
	// 7, less what the partition regains while the batch is processed.
	if n := len(out.UnprocessedItems["metered"]); n < 5 || n > 7 {
		t.Errorf("%d items unprocessed, want 7", n)
	}
	limit(DynamoDBThroughput{PartitionWrites: 0.1})
	if out, err := batch(); err != nil || len(out.UnprocessedItems["metered"]) != 9 {
		t.Errorf("unprocessed %v, %v, want 9 items", out, err)
	}
	if _, err := batch(); err == nil {
		t.Error("a batch of which no item was processed: no error")
	}
	// A transaction takes twice the units: the second item finds none.
	limit(DynamoDBThroughput{PartitionWrites: 2})
	_, err = f.db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: aws.String("metered"), Item: key("t", "1")}},
		{Put: &types.Put{TableName: aws.String("metered"), Item: key("t", "2")}},
	}}, once)
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) || len(cancelled.CancellationReasons) != 2 || aws.ToString(cancelled.CancellationReasons[1].Code) != "ThrottlingError" {
		t.Errorf("transaction: %v", err)
	}

	limit(DynamoDBThroughput{})
	for i := range 20 {
		if err := put("a", strconv.Itoa(i)); err != nil {
			t.Errorf("without limits: %v", err)
		}
	}
}

// TestThroughputGrows uses a table fully for a few seconds, after which it serves
// twice as much.
func TestThroughputGrows(t *testing.T) {
	f := newFixture(t)
	f.createMeteredTable()
	if err := f.env.LimitDynamoDB(t.Context(), DynamoDBThroughput{TableWrites: 20, GrowAfter: time.Second}); err != nil {
		t.Fatal(err)
	}
	var perSecond []int
	for range 6 {
		served, end := 0, time.Now().Add(time.Second)
		for i := 0; time.Now().Before(end); i++ {
			_, err := f.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("metered"), Item: map[string]types.AttributeValue{
				"pk": &types.AttributeValueMemberS{Value: strconv.Itoa(i)}, "sk": &types.AttributeValueMemberS{Value: "1"},
			}}, func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 })
			if err == nil {
				served++
			}
		}
		perSecond = append(perSecond, served)
	}
	if slices.Max(perSecond) < 2*perSecond[0] {
		t.Errorf("served per second %v, want it to double", perSecond)
	}
}

// createMeteredTable creates a table with an index whose partition key is state.
func (f *fixture) createMeteredTable() {
	f.Helper()
	names := []string{"pk", "sk", "state"}
	attributes := make([]types.AttributeDefinition, len(names))
	for i, name := range names {
		attributes[i] = types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS}
	}
	if _, err := f.db.CreateTable(f.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("metered"), BillingMode: types.BillingModePayPerRequest, AttributeDefinitions: attributes,
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
		},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String("states"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("state"), KeyType: types.KeyTypeHash}},
		}},
	}); err != nil {
		f.Fatal(err)
	}
}
