package local

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestThrottle(t *testing.T) {
	f := sharedFixture(t)
	once := func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 }
	if _, err := f.db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("narrow"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	item := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}}
	put := func() error {
		_, err := f.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("narrow"), Item: item}, once)
		return err
	}
	write := func() error {
		_, err := f.db.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
			"narrow": {{PutRequest: &types.PutRequest{Item: item}}},
		}}, once)
		return err
	}
	var throttled *types.ProvisionedThroughputExceededException
	if err := f.env.Throttle(t.Context(), "BatchWriteItem"); err != nil {
		t.Fatal(err)
	}
	if err := write(); !errors.As(err, &throttled) {
		t.Errorf("throttled: %v", err)
	}
	if err := put(); err != nil {
		t.Errorf("an operation that was not named: %v", err)
	}
	if err := f.env.Throttle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := write(); err != nil {
		t.Errorf("no more throttled: %v", err)
	}
}
