package lambdahost

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func (c *awsCloud) shard(ctx context.Context, streamARN string, position lambdatypes.EventSourcePosition) (name, iterator string, err error) {
	described, err := c.streams.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &streamARN})
	if err != nil {
		return "", "", fmt.Errorf("describe %s: %w", streamARN, err)
	}
	shards := described.StreamDescription.Shards
	if len(shards) != 1 {
		return "", "", fmt.Errorf("%s has %d shards; the local run reads streams of one", streamARN, len(shards))
	}
	out, err := c.streams.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
		StreamArn: &streamARN, ShardId: shards[0].ShardId, ShardIteratorType: streamtypes.ShardIteratorType(position),
	})
	if err != nil {
		return "", "", fmt.Errorf("iterator of %s: %w", streamARN, err)
	}
	return aws.ToString(shards[0].ShardId), aws.ToString(out.ShardIterator), nil
}

func (c *awsCloud) records(ctx context.Context, iterator string, most int) ([]streamtypes.Record, string, error) {
	limit := int32(min(most, maxStreamRead)) //nolint:gosec // at most 1,000
	out, err := c.streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: &iterator, Limit: &limit})
	if err != nil {
		return nil, "", fmt.Errorf("read a stream: %w", err)
	}
	return out.Records, aws.ToString(out.NextShardIterator), nil
}

// streamRecord is a change as its function sees it.
type streamRecord struct {
	json     json.RawMessage
	item     string // the item's keys, as JSON
	sequence string
	created  time.Time
}

// newStreamRecord brings a record into Lambda's form, which is that of the
// stream's API with the source's ARN, and dates as seconds.
// https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html#events-sample-dynamodb
func newStreamRecord(r streamtypes.Record, streamARN string) (streamRecord, error) {
	change := map[string]any{
		"Keys":           imageJSON(r.Dynamodb.Keys),
		"SequenceNumber": aws.ToString(r.Dynamodb.SequenceNumber),
		"SizeBytes":      aws.ToInt64(r.Dynamodb.SizeBytes),
		"StreamViewType": string(r.Dynamodb.StreamViewType),
	}
	created := aws.ToTime(r.Dynamodb.ApproximateCreationDateTime)
	change["ApproximateCreationDateTime"] = created.Unix()
	if r.Dynamodb.NewImage != nil {
		change["NewImage"] = imageJSON(r.Dynamodb.NewImage)
	}
	if r.Dynamodb.OldImage != nil {
		change["OldImage"] = imageJSON(r.Dynamodb.OldImage)
	}
	event := map[string]any{
		"eventID":        aws.ToString(r.EventID),
		"eventName":      string(r.EventName),
		"eventVersion":   "1.1",
		"eventSource":    "aws:dynamodb",
		"awsRegion":      aws.ToString(r.AwsRegion),
		"dynamodb":       change,
		"eventSourceARN": streamARN,
	}
	if r.UserIdentity != nil {
		event["userIdentity"] = map[string]any{"principalId": r.UserIdentity.PrincipalId, "type": r.UserIdentity.Type}
	}
	body, err := json.Marshal(event)
	if err != nil {
		return streamRecord{}, fmt.Errorf("record %s: %w", change["SequenceNumber"], err)
	}
	item, err := json.Marshal(change["Keys"])
	if err != nil {
		return streamRecord{}, fmt.Errorf("record %s: %w", change["SequenceNumber"], err)
	}
	return streamRecord{json: body, item: string(item), sequence: aws.ToString(r.Dynamodb.SequenceNumber), created: created}, nil
}

func imageJSON(image map[string]streamtypes.AttributeValue) map[string]any {
	out := make(map[string]any, len(image))
	for name, v := range image {
		out[name] = attributeJSON(v)
	}
	return out
}

// attributeJSON is a value in DynamoDB's JSON; binary values become base64.
func attributeJSON(v streamtypes.AttributeValue) map[string]any {
	switch v := v.(type) {
	case *streamtypes.AttributeValueMemberS:
		return map[string]any{"S": v.Value}
	case *streamtypes.AttributeValueMemberN:
		return map[string]any{"N": v.Value}
	case *streamtypes.AttributeValueMemberB:
		return map[string]any{"B": v.Value}
	case *streamtypes.AttributeValueMemberBOOL:
		return map[string]any{"BOOL": v.Value}
	case *streamtypes.AttributeValueMemberNULL:
		return map[string]any{"NULL": v.Value}
	case *streamtypes.AttributeValueMemberSS:
		return map[string]any{"SS": v.Value}
	case *streamtypes.AttributeValueMemberNS:
		return map[string]any{"NS": v.Value}
	case *streamtypes.AttributeValueMemberBS:
		return map[string]any{"BS": v.Value}
	case *streamtypes.AttributeValueMemberM:
		return map[string]any{"M": imageJSON(v.Value)}
	case *streamtypes.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i, one := range v.Value {
			list[i] = attributeJSON(one)
		}
		return map[string]any{"L": list}
	default:
		panic(fmt.Sprintf("an attribute value of the unknown type %T", v))
	}
}

// streamEvent is the event of a batch.
func streamEvent(records []streamRecord) ([]byte, error) {
	bodies := make([]json.RawMessage, len(records))
	for i, r := range records {
		bodies[i] = r.json
	}
	return json.Marshal(map[string]any{"Records": bodies})
}
