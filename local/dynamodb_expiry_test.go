package local

import (
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

const expiringTable = `{"Resources":{"Table":{"Type":"AWS::DynamoDB::GlobalTable","Properties":{
	"TableName":"expiring","BillingMode":"PAY_PER_REQUEST","Replicas":[{"Region":{"Ref":"AWS::Region"}}],"StreamSpecification":{"StreamViewType":"NEW_IMAGE"},
	"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],
	"TimeToLiveSpecification":{"AttributeName":"expires_at","Enabled":true}}}}}`

// Items are deleted whose attribute is a number of seconds in the last five years, and the
// stream tells these deletions from those by a request.
func TestExpiry(t *testing.T) {
	f := sharedFixture(t)
	f.create("Expiring", expiringTable)
	f.wantStatus("Expiring", cfntypes.StackStatusCreateComplete)
	table, now := aws.String("expiring"), time.Now()
	number := func(t time.Time) types.AttributeValue {
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(t.Unix(), 10)}
	}
	for pk, expiry := range map[string]types.AttributeValue{
		"over": number(now.Add(-time.Minute)), "not over": number(now.Add(time.Minute)), "text": text(strconv.FormatInt(now.Unix()-60, 10)),
		"six years ago": number(now.AddDate(-6, 0, 0)), "by request": number(now.Add(-time.Minute)), "without": nil,
	} {
		item := map[string]types.AttributeValue{"pk": text(pk)}
		if expiry != nil {
			item["expires_at"] = expiry
		}
		if _, err := f.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: table, Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: table, Key: map[string]types.AttributeValue{"pk": text("by request")}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		if n, err := f.env.ExpireDynamoDB(t.Context(), now); err != nil || n != want {
			t.Errorf("%d items deleted, %v, want %d", n, err, want)
		}
	}
	left, err := f.db.Scan(t.Context(), &dynamodb.ScanInput{TableName: table})
	if err != nil || len(left.Items) != 4 {
		t.Errorf("left %v, %v", left, err)
	}
	identities := map[string]*streamtypes.Identity{}
	for _, r := range f.stream("expiring") {
		if r.EventName == streamtypes.OperationTypeRemove {
			identities[r.Dynamodb.Keys["pk"].(*streamtypes.AttributeValueMemberS).Value] = r.UserIdentity
		}
	}
	who := identities["over"]
	if len(identities) != 2 || identities["by request"] != nil || who == nil || aws.ToString(who.Type) != "Service" || aws.ToString(who.PrincipalId) != "dynamodb.amazonaws.com" {
		t.Errorf("identities of the deletions: %+v", identities)
	}
	f.delete("Expiring")
}

// stream returns the records of a table's stream.
func (f *fixture) stream(table string) []streamtypes.Record {
	f.Helper()
	described, err := f.db.DescribeTable(f.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		f.Fatal(err)
	}
	streams := dynamodbstreams.NewFromConfig(f.env.config)
	stream, err := streams.DescribeStream(f.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: described.Table.LatestStreamArn})
	if err != nil {
		f.Fatal(err)
	}
	iterator, err := streams.GetShardIterator(f.Context(), &dynamodbstreams.GetShardIteratorInput{
		StreamArn: described.Table.LatestStreamArn, ShardId: stream.StreamDescription.Shards[0].ShardId, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		f.Fatal(err)
	}
	out, err := streams.GetRecords(f.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: iterator.ShardIterator})
	if err != nil {
		f.Fatal(err)
	}
	return out.Records
}
