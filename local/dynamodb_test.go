package local

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

func TestTable(t *testing.T) {
	f := sharedFixture(t)
	table := aws.String("t")
	_, err := f.db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:   table,
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("feed"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("time"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName:  aws.String("uploads"),
			KeySchema:  []types.KeySchemaElement{{AttributeName: aws.String("feed"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("time"), KeyType: types.KeyTypeRange}},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}

	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := f.db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
				TableName: table, Key: map[string]types.AttributeValue{"pk": text("count")},
				UpdateExpression:          aws.String("ADD n :one"),
				ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := f.item("t", "count")["n"].(*types.AttributeValueMemberN).Value; n != "20" {
		t.Errorf("the sum of 20 concurrent ADDs is %s", n)
	}

	transact := func(pk string) error {
		_, err := f.db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: table, Item: map[string]types.AttributeValue{"pk": text(pk)}, ConditionExpression: aws.String("attribute_not_exists(pk)")}},
			{Update: &types.Update{TableName: table, Key: map[string]types.AttributeValue{"pk": text("sum")}, UpdateExpression: aws.String("ADD n :one"), ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}}}},
		}})
		return err
	}
	if err := transact("once"); err != nil {
		t.Fatal(err)
	}
	err = transact("once")
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) || len(cancelled.CancellationReasons) != 2 ||
		aws.ToString(cancelled.CancellationReasons[0].Code) != "ConditionalCheckFailed" || aws.ToString(cancelled.CancellationReasons[1].Code) != "None" {
		t.Errorf("the same transaction again: %v", err)
	}
	if n := f.item("t", "sum")["n"].(*types.AttributeValueMemberN).Value; n != "1" {
		t.Errorf("after a cancelled transaction the sum is %s, want 1", n)
	}

	var writes []types.WriteRequest
	for i := range 25 {
		item := map[string]types.AttributeValue{"pk": text(fmt.Sprint("r", i))}
		if i < 3 {
			item["feed"], item["time"] = text("f"), text(strconv.Itoa(i))
		}
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
	}
	out, err := f.db.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"t": writes}})
	if err != nil || len(out.UnprocessedItems) != 0 {
		t.Fatalf("batch: %v, %v", out, err)
	}
	found, err := f.db.Query(t.Context(), &dynamodb.QueryInput{
		TableName: table, IndexName: aws.String("uploads"), KeyConditionExpression: aws.String("feed = :f"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":f": text("f")}, ScanIndexForward: aws.Bool(false),
	})
	if err != nil || len(found.Items) != 3 || value(found.Items[0]["time"]) != "2" {
		t.Errorf("query of the sparse index: %v, %v", found, err)
	}

	_, err = f.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: table, Item: map[string]types.AttributeValue{"pk": text("big"), "data": text(strings.Repeat("x", 420_000))}})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ValidationException" {
		t.Errorf("an item of 420,000 bytes: %v", err)
	}
}
