package discover

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/retry"
)

// API is what the package needs of a DynamoDB client.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error)
}

type item = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// seenObject is the item of an object that was dispatched. Its sort key is the
// object's key, which both S3 and DynamoDB limit to 1,024 bytes.
type seenObject struct {
	PK        string    `dynamodbav:"pk"`
	SK        string    `dynamodbav:"sk"`
	Item      string    `dynamodbav:"item"`
	ETag      string    `dynamodbav:"etag"`
	VersionID string    `dynamodbav:"version_id,omitempty"`
	Bytes     int64     `dynamodbav:"bytes"`
	Modified  time.Time `dynamodbav:"modified"`
}

const itemSeen = "seen"

// SeenKey is the partition key of the seen objects of a bucket. It cannot be that
// of an upload, whose ID is longer than "seen".
func SeenKey(feedName, bucket string) string { return feedName + "#seen#" + bucket }

// seen yields the seen objects of a source whose keys are greater than after, in
// the order of their keys.
func (h *Handler) seen(ctx context.Context, source feed.Source, after string) iter.Seq2[s3source.ListedObject, error] {
	pk := SeenKey(h.Spec.Feed, source.Bucket)
	in := &dynamodb.QueryInput{
		TableName: &h.Table, KeyConditionExpression: aws.String("#k = :k"),
		ExpressionAttributeNames:  map[string]string{"#k": feed.PartitionKey},
		ExpressionAttributeValues: item{":k": str(pk)},
	}
	if source.Prefix != "" {
		in.KeyConditionExpression = aws.String("#k = :k AND begins_with(#s, :s)")
		in.ExpressionAttributeNames["#s"] = feed.SortKey
		in.ExpressionAttributeValues[":s"] = str(source.Prefix)
	}
	// DynamoDB rejects a start key outside of the key condition.
	if after > source.Prefix {
		in.ExclusiveStartKey = item{feed.PartitionKey: str(pk), feed.SortKey: str(after)}
	}
	return func(yield func(s3source.ListedObject, error) bool) {
		pages := dynamodb.NewQueryPaginator(h.DynamoDB, in)
		for pages.HasMorePages() {
			out, err := pages.NextPage(ctx)
			if err != nil {
				yield(s3source.ListedObject{}, fmt.Errorf("read the seen objects of bucket %s: %w", source.Bucket, err))
				return
			}
			for _, it := range out.Items {
				if !yield(decodeSeen(it), nil) {
					return
				}
			}
		}
	}
}

// decodeSeen decodes an item. One that does not decode differs from the listed
// object, which is then dispatched and recorded again.
func decodeSeen(it item) s3source.ListedObject {
	var o seenObject
	if err := attributevalue.UnmarshalMap(it, &o); err != nil {
		var keys struct {
			SK string `dynamodbav:"sk"`
		}
		_ = attributevalue.UnmarshalMap(it, &keys) // a key is always a string
		return s3source.ListedObject{Key: keys.SK}
	}
	return s3source.ListedObject{Key: o.SK, ETag: o.ETag, VersionID: o.VersionID, Size: o.Bytes, Modified: o.Modified}
}

// record records objects, at most chunkSize, as seen.
func (h *Handler) record(ctx context.Context, bucket string, objects []s3source.ListedObject) error {
	var writes []types.WriteRequest
	for _, o := range objects {
		it, err := attributevalue.MarshalMap(seenObject{
			PK: SeenKey(h.Spec.Feed, bucket), SK: o.Key, Item: itemSeen,
			ETag: o.ETag, VersionID: o.VersionID, Bytes: o.Size, Modified: o.Modified.UTC(),
		})
		if err != nil {
			return fmt.Errorf("encode object %q of bucket %s: %w", o.Key, bucket, err)
		}
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
	}
	err := retry.Do(ctx, retry.Throttled, func() error {
		out, err := h.DynamoDB.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{h.Table: writes}})
		if err != nil {
			return err
		}
		if writes = out.UnprocessedItems[h.Table]; len(writes) > 0 {
			return retry.Transient(fmt.Errorf("throttled: DynamoDB left %d items unprocessed", len(writes)))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record %d objects of bucket %s as seen: %w", len(objects), bucket, err)
	}
	return nil
}

func isConditionFailed(err error) bool {
	var failed *types.ConditionalCheckFailedException
	return errors.As(err, &failed)
}
