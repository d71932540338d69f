package lambdahost

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// streamRecord is a record of a stream in the form of Lambda's event.
type streamRecord struct {
	json     json.RawMessage
	item     string // the keys of the item as JSON
	sequence string
	created  time.Time
}

// newStreamRecord converts a record of the DynamoDB Streams API.
// https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html#events-sample-dynamodb
func newStreamRecord(r streamtypes.Record, streamARN string) (streamRecord, error) {
	created := aws.ToTime(r.Dynamodb.ApproximateCreationDateTime)
	event := events.DynamoDBEventRecord{
		EventID:        aws.ToString(r.EventID),
		EventName:      string(r.EventName),
		EventVersion:   "1.1",
		EventSource:    "aws:dynamodb",
		EventSourceArn: streamARN,
		AWSRegion:      aws.ToString(r.AwsRegion),
		Change: events.DynamoDBStreamRecord{
			ApproximateCreationDateTime: events.SecondsEpochTime{Time: created.Truncate(time.Second)},
			Keys:                        attributes(r.Dynamodb.Keys),
			NewImage:                    attributes(r.Dynamodb.NewImage),
			OldImage:                    attributes(r.Dynamodb.OldImage),
			SequenceNumber:              aws.ToString(r.Dynamodb.SequenceNumber),
			SizeBytes:                   aws.ToInt64(r.Dynamodb.SizeBytes),
			StreamViewType:              string(r.Dynamodb.StreamViewType),
		},
	}
	if r.UserIdentity != nil {
		event.UserIdentity = &events.DynamoDBUserIdentity{Type: aws.ToString(r.UserIdentity.Type), PrincipalID: aws.ToString(r.UserIdentity.PrincipalId)}
	}
	body, err := json.Marshal(event)
	if err != nil {
		return streamRecord{}, fmt.Errorf("record %s: %w", event.Change.SequenceNumber, err)
	}
	item, err := json.Marshal(event.Change.Keys)
	if err != nil {
		return streamRecord{}, fmt.Errorf("record %s: %w", event.Change.SequenceNumber, err)
	}
	return streamRecord{json: body, item: string(item), sequence: event.Change.SequenceNumber, created: created}, nil
}

// attributes converts an item of the API to one of an event; nil if it is nil.
func attributes(item map[string]streamtypes.AttributeValue) map[string]events.DynamoDBAttributeValue {
	if item == nil {
		return nil
	}
	converted := make(map[string]events.DynamoDBAttributeValue, len(item))
	for name, v := range item {
		converted[name] = attribute(v)
	}
	return converted
}

func attribute(v streamtypes.AttributeValue) events.DynamoDBAttributeValue {
	switch v := v.(type) {
	case *streamtypes.AttributeValueMemberS:
		return events.NewStringAttribute(v.Value)
	case *streamtypes.AttributeValueMemberN:
		return events.NewNumberAttribute(v.Value)
	case *streamtypes.AttributeValueMemberB:
		return events.NewBinaryAttribute(v.Value)
	case *streamtypes.AttributeValueMemberBOOL:
		return events.NewBooleanAttribute(v.Value)
	case *streamtypes.AttributeValueMemberNULL:
		return events.NewNullAttribute()
	case *streamtypes.AttributeValueMemberSS:
		return events.NewStringSetAttribute(v.Value)
	case *streamtypes.AttributeValueMemberNS:
		return events.NewNumberSetAttribute(v.Value)
	case *streamtypes.AttributeValueMemberBS:
		return events.NewBinarySetAttribute(v.Value)
	case *streamtypes.AttributeValueMemberM:
		return events.NewMapAttribute(attributes(v.Value))
	case *streamtypes.AttributeValueMemberL:
		list := make([]events.DynamoDBAttributeValue, len(v.Value))
		for i, member := range v.Value {
			list[i] = attribute(member)
		}
		return events.NewListAttribute(list)
	default:
		panic(fmt.Sprintf("attribute value of unknown type %T", v))
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
