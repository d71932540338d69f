package local

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// streaming adds a stream to the table of testdata/stack.json, and an event source
// mapping that sends failed records to a bucket.
func streaming(more map[string]any) func(r map[string]any) {
	return func(r map[string]any) {
		r["Changes"] = map[string]any{"Type": "AWS::S3::Bucket", "Properties": map[string]any{"BucketName": "changes"}}
		at(r, "Function", "Properties", "Environment", "Variables")["CHANGES"] = "changes"
		at(r, "Table", "Properties")["StreamSpecification"] = map[string]any{"StreamViewType": "NEW_IMAGE"}
		properties := map[string]any{
			"EventSourceArn": map[string]any{"Fn::GetAtt": []any{"Table", "StreamArn"}}, "FunctionName": map[string]any{"Ref": "Function"},
			"StartingPosition": "TRIM_HORIZON", "BatchSize": 100, "MaximumBatchingWindowInSeconds": 1,
			"BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 1, "ParallelizationFactor": 2,
			"DestinationConfig": map[string]any{"OnFailure": map[string]any{"Destination": map[string]any{"Fn::GetAtt": []any{"Changes", "Arn"}}}},
			"FilterCriteria": map[string]any{"Filters": []any{map[string]any{
				"Pattern": `{"dynamodb":{"Keys":{"pk":{"S":[{"anything-but":["requests","ignored"]}]}}}}`,
			}}},
		}
		for name, v := range more {
			properties[name] = v
		}
		r["Mapping"] = map[string]any{"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}
	}
}

func TestStreamEventSourceMapping(t *testing.T) {
	f := newFixture(t)
	f.uploadCode()
	f.create("Feed", f.template(unchanged))
	f.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	table := aws.String(f.outputs("Feed")["Table"])
	f.putItem(table, "before", "1")
	f.update("Feed", f.template(streaming(nil)))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)

	f.changeTable(table)
	f.idle()
	keys := f.keys("changes")
	failures := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return !strings.HasPrefix(k, "aws/lambda/") })
	changes := slices.DeleteFunc(keys, func(k string) bool { return strings.HasPrefix(k, "aws/lambda/") })
	want := []string{
		"INSERT/batch1", "INSERT/batch2", "INSERT/made", "INSERT/moved", "INSERT/put",
		"MODIFY/put", "MODIFY/transacted", "REMOVE/batch1", "INSERT/transacted",
	}
	slices.Sort(want)
	if !slices.Equal(changes, want) {
		t.Errorf("changes %q,\nwant %q", changes, want)
	}
	f.checkChange("INSERT/made")
	f.checkFailure(failures)

	// Unsupported settings are refused, not ignored.
	f.update("Feed", f.template(streaming(map[string]any{"FilterCriteria": map[string]any{"Filters": []any{map[string]any{"Pattern": `{"dynamodb":{"NewImage":{"n":{"N":[{"numeric":[">",1]}]}}}}`}}}})))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
	f.update("Feed", f.template(streaming(map[string]any{"TumblingWindowInSeconds": 30})))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)

	// Without its stream, the table can be written to.
	f.update("Feed", f.template(unchanged))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	f.putItem(table, "after", "1")
	f.update("Feed", f.template(streaming(nil)))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	f.putItem(table, "again", "1")
	f.idle()
	if keys := f.keys("changes"); !slices.Contains(keys, "INSERT/again") || slices.Contains(keys, "INSERT/after") {
		t.Errorf("after the stream was disabled and enabled: %q", keys)
	}
}

func (f *fixture) putItem(table *string, pk, v string) {
	f.Helper()
	if _, err := f.db.PutItem(f.Context(), &dynamodb.PutItemInput{TableName: table, Item: map[string]types.AttributeValue{"pk": text(pk), "v": text(v)}}); err != nil {
		f.Fatal(err)
	}
}

// changeTable writes with every operation; "requests" and "ignored" are filtered out.
func (f *fixture) changeTable(table *string) {
	f.Helper()
	key := func(pk string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"pk": text(pk)}
	}
	set := func(pk, v string) error {
		_, err := f.db.UpdateItem(f.Context(), &dynamodb.UpdateItemInput{
			TableName: table, Key: key(pk), UpdateExpression: aws.String("SET v = :v, b = :b"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":v": text(v), ":b": &types.AttributeValueMemberB{Value: []byte{0, 255}}},
		})
		return err
	}
	transact := func(condition string) error {
		_, err := f.db.TransactWriteItems(f.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: table, Item: map[string]types.AttributeValue{"pk": text("transacted"), "v": text(condition)}}},
			{Put: &types.Put{TableName: table, Item: key("moved"), ConditionExpression: aws.String(condition)}},
		}})
		return err
	}
	batch := func(requests ...types.WriteRequest) error {
		_, err := f.db.BatchWriteItem(f.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*table: requests}})
		return err
	}
	put := func(pk string) types.WriteRequest {
		return types.WriteRequest{PutRequest: &types.PutRequest{Item: key(pk)}}
	}
	f.putItem(table, "put", "1")
	f.putItem(table, "put", "1") // changes nothing
	f.putItem(table, "put", "2")
	f.putItem(table, "bad", "1")
	f.putItem(table, "ignored", "1")
	for _, err := range []error{
		set("made", "1"), set("made", "1"),
		batch(put("batch1"), put("batch2")),
		batch(put("batch2"), types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key("batch1")}}, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key("never")}}),
		transact("attribute_not_exists(pk)"), transact("attribute_exists(pk)"),
	} {
		if err != nil {
			f.Fatal(err)
		}
	}
	if err := transact("attribute_not_exists(pk)"); err == nil {
		f.Fatal("a transaction succeeded although its condition is false")
	}
}

func (f *fixture) keys(bucket string) []string {
	f.Helper()
	out, err := f.s3.ListObjectsV2(f.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil {
		f.Fatal(err)
	}
	var keys []string
	for _, o := range out.Contents {
		keys = append(keys, aws.ToString(o.Key))
	}
	return keys
}

func (f *fixture) read(bucket, key string) []byte {
	f.Helper()
	out, err := f.s3.GetObject(f.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		f.Fatal(err)
	}
	b, err := io.ReadAll(out.Body)
	if err != nil {
		f.Fatal(err)
	}
	return b
}

func (f *fixture) checkChange(key string) {
	f.Helper()
	var r events.DynamoDBEventRecord
	if err := json.Unmarshal(f.read("changes", key), &r); err != nil {
		f.Fatal(err)
	}
	c := r.Change
	if !strings.Contains(r.EventSourceArn, ":table/Feed-Table-") || r.AWSRegion != Region || r.EventID == "" || c.StreamViewType != "NEW_IMAGE" ||
		len(c.SequenceNumber) < 21 || c.ApproximateCreationDateTime.IsZero() || len(c.OldImage) != 0 ||
		c.NewImage["v"].String() != "1" || string(c.NewImage["b"].Binary()) != "\x00\xff" {
		f.Errorf("change %+v", r)
	}
	// pk=made twice (key and image), v=1, b of two bytes.
	if c.SizeBytes != 6+6+2+3 {
		f.Errorf("%d bytes, want 17", c.SizeBytes)
	}
}

// checkFailure checks that the bucket has one failed batch, with the bad record only.
func (f *fixture) checkFailure(keys []string) {
	f.Helper()
	if len(keys) != 1 {
		f.Fatalf("failure records %q, want one", keys)
	}
	var failure struct {
		Payload string
		Batch   struct{ BatchSize int } `json:"DDBStreamBatchInfo"`
	}
	if err := json.Unmarshal(f.read("changes", keys[0]), &failure); err != nil {
		f.Fatal(err)
	}
	if failure.Batch.BatchSize != 1 || !strings.Contains(failure.Payload, `"Keys":{"pk":{"S":"bad"}}`) {
		f.Errorf("failure record %+v", failure)
	}
}
