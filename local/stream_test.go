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

// streaming adds a stream to the table of testdata/stack.json, and a mapping of
// it that gives bad changes to a bucket.
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

func TestTableStreamFeedsAFunction(t *testing.T) {
	w := newWorld(t)
	w.uploadCode()
	w.create("Feed", w.template(unchanged))
	w.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	table := aws.String(w.outputs("Feed")["Table"])
	w.putItem(table, "before", "1")
	w.update("Feed", w.template(streaming(nil)))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)

	w.changeTable(table)
	w.idle()
	keys := w.keys("changes")
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
	w.checkChange("INSERT/made")
	w.checkFailure(failures)

	// Refused, not ignored.
	w.update("Feed", w.template(streaming(map[string]any{"FilterCriteria": map[string]any{"Filters": []any{map[string]any{"Pattern": `{"dynamodb":{"NewImage":{"n":{"N":[{"numeric":[">",1]}]}}}}`}}}})))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
	w.update("Feed", w.template(streaming(map[string]any{"TumblingWindowInSeconds": 30})))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)

	// Without its stream again, the table still takes changes.
	w.update("Feed", w.template(unchanged))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	w.putItem(table, "after", "1")
	w.update("Feed", w.template(streaming(nil)))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	w.putItem(table, "again", "1")
	w.idle()
	if keys := w.keys("changes"); !slices.Contains(keys, "INSERT/again") || slices.Contains(keys, "INSERT/after") {
		t.Errorf("after the stream was switched off and on: %q", keys)
	}
}

func (w *world) putItem(table *string, pk, v string) {
	w.Helper()
	if _, err := w.db.PutItem(w.Context(), &dynamodb.PutItemInput{TableName: table, Item: map[string]types.AttributeValue{"pk": text(pk), "v": text(v)}}); err != nil {
		w.Fatal(err)
	}
}

// changeTable writes in every way there is; "requests" and "ignored" are filtered out.
func (w *world) changeTable(table *string) {
	w.Helper()
	key := func(pk string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"pk": text(pk)}
	}
	set := func(pk, v string) error {
		_, err := w.db.UpdateItem(w.Context(), &dynamodb.UpdateItemInput{
			TableName: table, Key: key(pk), UpdateExpression: aws.String("SET v = :v, b = :b"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":v": text(v), ":b": &types.AttributeValueMemberB{Value: []byte{0, 255}}},
		})
		return err
	}
	transact := func(condition string) error {
		_, err := w.db.TransactWriteItems(w.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: table, Item: map[string]types.AttributeValue{"pk": text("transacted"), "v": text(condition)}}},
			{Put: &types.Put{TableName: table, Item: key("moved"), ConditionExpression: aws.String(condition)}},
		}})
		return err
	}
	batch := func(requests ...types.WriteRequest) error {
		_, err := w.db.BatchWriteItem(w.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*table: requests}})
		return err
	}
	put := func(pk string) types.WriteRequest {
		return types.WriteRequest{PutRequest: &types.PutRequest{Item: key(pk)}}
	}
	w.putItem(table, "put", "1")
	w.putItem(table, "put", "1") // changes nothing
	w.putItem(table, "put", "2")
	w.putItem(table, "bad", "1")
	w.putItem(table, "ignored", "1")
	for _, err := range []error{
		set("made", "1"), set("made", "1"),
		batch(put("batch1"), put("batch2")),
		batch(put("batch2"), types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key("batch1")}}, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key("never")}}),
		transact("attribute_not_exists(pk)"), transact("attribute_exists(pk)"),
	} {
		if err != nil {
			w.Fatal(err)
		}
	}
	if err := transact("attribute_not_exists(pk)"); err == nil {
		w.Fatal("a transaction went through against its condition")
	}
}

func (w *world) keys(bucket string) []string {
	w.Helper()
	out, err := w.s3.ListObjectsV2(w.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil {
		w.Fatal(err)
	}
	var keys []string
	for _, o := range out.Contents {
		keys = append(keys, aws.ToString(o.Key))
	}
	return keys
}

func (w *world) read(bucket, key string) []byte {
	w.Helper()
	out, err := w.s3.GetObject(w.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		w.Fatal(err)
	}
	b, err := io.ReadAll(out.Body)
	if err != nil {
		w.Fatal(err)
	}
	return b
}

func (w *world) checkChange(key string) {
	w.Helper()
	var r events.DynamoDBEventRecord
	if err := json.Unmarshal(w.read("changes", key), &r); err != nil {
		w.Fatal(err)
	}
	c := r.Change
	if !strings.Contains(r.EventSourceArn, ":table/Feed-Table-") || r.AWSRegion != Region || r.EventID == "" || c.StreamViewType != "NEW_IMAGE" ||
		len(c.SequenceNumber) < 21 || c.ApproximateCreationDateTime.IsZero() || len(c.OldImage) != 0 ||
		c.NewImage["v"].String() != "1" || string(c.NewImage["b"].Binary()) != "\x00\xff" {
		w.Errorf("change %+v", r)
	}
	// pk=made twice (key and image), v=1, b of two bytes.
	if c.SizeBytes != 6+6+2+3 {
		w.Errorf("%d bytes, want 17", c.SizeBytes)
	}
}

// checkFailure looks for the one bad change, alone, in the failure bucket.
func (w *world) checkFailure(keys []string) {
	w.Helper()
	if len(keys) != 1 {
		w.Fatalf("failure records %q, want one", keys)
	}
	var failure struct {
		Payload string
		Batch   struct{ BatchSize int } `json:"DDBStreamBatchInfo"`
	}
	if err := json.Unmarshal(w.read("changes", keys[0]), &failure); err != nil {
		w.Fatal(err)
	}
	if failure.Batch.BatchSize != 1 || !strings.Contains(failure.Payload, `"Keys":{"pk":{"S":"bad"}}`) {
		w.Errorf("failure record %+v", failure)
	}
}
