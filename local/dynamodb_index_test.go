package local

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

func indexedTable(indexes ...string) string {
	attributes := []string{`{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"}`}
	var definitions []string
	for _, name := range indexes {
		attributes = append(attributes, fmt.Sprintf(`{"AttributeName":"%s_key","AttributeType":"S"},{"AttributeName":"%[1]s_time","AttributeType":"S"}`, name))
		definitions = append(definitions, fmt.Sprintf(`{"IndexName":"%s","KeySchema":[{"AttributeName":"%[1]s_key","KeyType":"HASH"},{"AttributeName":"%[1]s_time","KeyType":"RANGE"}],"Projection":{"ProjectionType":"ALL"}}`, name))
	}
	return fmt.Sprintf(`{"Resources":{"Table":{"Type":"AWS::DynamoDB::GlobalTable","Properties":{
		"TableName":"indexed","BillingMode":"PAY_PER_REQUEST","Replicas":[{"Region":{"Ref":"AWS::Region"}}],
		"AttributeDefinitions":[%s],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
		"GlobalSecondaryIndexes":[%s]}}}}`, strings.Join(attributes, ","), strings.Join(definitions, ","))
}

// An item with an attribute that cannot be a key of an index is refused, with the batch that
// it is in; one without the attribute is not in the index. Indexes are added one by one.
func TestIndexKeys(t *testing.T) {
	f := sharedFixture(t)
	f.create("Indexed", indexedTable("by_a"))
	f.wantStatus("Indexed", cfntypes.StackStatusCreateComplete)
	f.update("Indexed", indexedTable("by_a", "by_b", "by_c"))
	f.wantStatus("Indexed", cfntypes.StackStatusUpdateRollbackComplete)
	if events := strings.Join(f.events("Indexed"), "\n"); !strings.Contains(events, "Cannot perform more than one GSI creation or deletion in a single update") {
		t.Errorf("two more indexes: %s", events)
	}
	f.update("Indexed", indexedTable("by_a", "by_b"))
	f.wantStatus("Indexed", cfntypes.StackStatusUpdateComplete)
	f.update("Indexed", indexedTable("by_a", "by_c"))
	f.wantStatus("Indexed", cfntypes.StackStatusUpdateRollbackComplete) // one is created, one deleted

	table := aws.String("indexed")
	good := map[string]types.AttributeValue{"pk": text("good"), "sk": text("1"), "by_b_key": text(strings.Repeat("é", 1024)), "by_b_time": text(strings.Repeat("x", 1024))}
	for name, bad := range map[string]map[string]types.AttributeValue{
		"another type":                 {"by_b_key": &types.AttributeValueMemberN{Value: "1"}, "by_b_time": text("1")},
		"null":                         {"by_b_key": &types.AttributeValueMemberNULL{Value: true}, "by_b_time": text("1")},
		"an empty text":                {"by_b_key": text(""), "by_b_time": text("1")},
		"an empty sort key":            {"by_b_key": text("1"), "by_b_time": text("")},
		"a partition key of 2,049":     {"by_b_key": text(strings.Repeat("é", 1024) + "x"), "by_b_time": text("1")},
		"a sort key of 1,025":          {"by_b_key": text("1"), "by_b_time": text(strings.Repeat("x", 1025))},
		"another type, without a time": {"by_b_key": &types.AttributeValueMemberN{Value: "1"}},
	} {
		bad["pk"], bad["sk"] = text("bad"), text("1")
		_, err := f.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: table, Item: bad})
		f.wantValidation("put with "+name, err)
		_, err = f.db.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
			"indexed": {{PutRequest: &types.PutRequest{Item: good}}, {PutRequest: &types.PutRequest{Item: bad}}},
		}})
		f.wantValidation("batch with "+name, err)
		_, err = f.db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: table, Key: map[string]types.AttributeValue{"pk": bad["pk"], "sk": bad["sk"]},
			UpdateExpression: aws.String("SET by_b_key = :k, n = :n"), ExpressionAttributeValues: map[string]types.AttributeValue{":k": bad["by_b_key"], ":n": text("1")},
		})
		if name != "an empty sort key" && name != "a sort key of 1,025" {
			f.wantValidation("update with "+name, err)
		} else if err != nil {
			t.Errorf("update with %s: %v", name, err)
		}
		if _, err := f.db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: table, Key: map[string]types.AttributeValue{"pk": bad["pk"], "sk": bad["sk"]}}); err != nil {
			t.Fatal(err)
		}
	}
	out, err := f.db.Scan(t.Context(), &dynamodb.ScanInput{TableName: table})
	if err != nil || len(out.Items) != 0 {
		t.Fatalf("items of refused requests: %v, %v", out, err)
	}
	if _, err := f.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: table, Item: good}); err != nil {
		t.Errorf("the longest keys: %v", err)
	}
	if _, err := f.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: table, Item: map[string]types.AttributeValue{"pk": text("half"), "sk": text("1"), "by_b_key": text("1")}}); err != nil {
		t.Errorf("one key of the index: %v", err)
	}
	found, err := f.db.Scan(t.Context(), &dynamodb.ScanInput{TableName: table, IndexName: aws.String("by_b")})
	if err != nil || len(found.Items) != 1 || value(found.Items[0]["pk"]) != "good" {
		t.Errorf("the index has %v, %v", found, err)
	}
	f.delete("Indexed")
}

func (f *fixture) wantValidation(what string, err error) {
	f.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ValidationException" {
		f.Errorf("%s: %v, want a ValidationException", what, err)
	}
}
