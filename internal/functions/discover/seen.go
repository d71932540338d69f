package discover

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

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

// Attributes of the item of an object that was seen. Its sort key is the
// object's key as it is, which may be as long as S3 lets it be: 1,024 bytes.
const (
	attrItem     = "item"
	attrETag     = "etag"
	attrVersion  = "version_id"
	attrBytes    = "bytes"
	attrModified = "modified"
	itemSeen     = "seen"
)

// SeenKey is the partition key of what was seen of a bucket. No upload's ID is
// as short as "seen".
func SeenKey(feedName, bucket string) string { return feedName + "#seen#" + bucket }

// seen yields what was seen of a source behind a key, in order.
func (h *Handler) seen(ctx context.Context, source feed.Source, after string) iter.Seq2[s3source.ListedObject, error] {
	pk := SeenKey(h.Spec.Feed, source.Bucket)
	in := &dynamodb.QueryInput{
		TableName: &h.Table, KeyConditionExpression: ptr("#k = :k"),
		ExpressionAttributeNames:  map[string]string{"#k": feed.PartitionKey},
		ExpressionAttributeValues: item{":k": str(pk)},
	}
	if source.Prefix != "" {
		in.KeyConditionExpression = ptr("#k = :k AND begins_with(#s, :s)")
		in.ExpressionAttributeNames["#s"] = feed.SortKey
		in.ExpressionAttributeValues[":s"] = str(source.Prefix)
	}
	// A key that is outside of what the query is for is none to start at.
	if after > source.Prefix {
		in.ExclusiveStartKey = item{feed.PartitionKey: str(pk), feed.SortKey: str(after)}
	}
	return func(yield func(s3source.ListedObject, error) bool) {
		for {
			out, err := h.DynamoDB.Query(ctx, in)
			if err != nil {
				yield(s3source.ListedObject{}, fmt.Errorf("read what was seen of bucket %s: %w", source.Bucket, err))
				return
			}
			for _, it := range out.Items {
				if !yield(decode(it), nil) {
					return
				}
			}
			if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
				return
			}
		}
	}
}

func decode(it item) s3source.ListedObject {
	o := s3source.ListedObject{Key: text(it, feed.SortKey), ETag: text(it, attrETag), VersionID: text(it, attrVersion)}
	// An attribute that is not there or not ours makes the object another: it is sent once more.
	o.Size, _ = strconv.ParseInt(text(it, attrBytes), 10, 64)
	o.Modified, _ = time.Parse(time.RFC3339Nano, text(it, attrModified))
	return o
}

// remember enters objects, at most chunkSize, as seen.
func (h *Handler) remember(ctx context.Context, bucket string, objects []s3source.ListedObject) error {
	var writes []types.WriteRequest
	for _, o := range objects {
		it := item{
			feed.PartitionKey: str(SeenKey(h.Spec.Feed, bucket)), feed.SortKey: str(o.Key),
			attrItem: str(itemSeen), attrETag: str(o.ETag),
			attrBytes: num(o.Size), attrModified: str(o.Modified.UTC().Format(time.RFC3339Nano)),
		}
		if o.VersionID != "" {
			it[attrVersion] = str(o.VersionID)
		}
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
	}
	for backoff := retry.Throttled.Start(); ; {
		out, err := h.DynamoDB.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{h.Table: writes}})
		if err != nil {
			return fmt.Errorf("remember %d objects of bucket %s: %w", len(writes), bucket, err)
		}
		if writes = out.UnprocessedItems[h.Table]; len(writes) == 0 {
			return nil
		}
		if err := backoff.Wait(ctx); err != nil {
			return fmt.Errorf("remember objects of bucket %s: the table has left %d unprocessed %d times: %w", bucket, len(writes), backoff.Attempts(), err)
		}
	}
}

func isConditionFailed(err error) bool {
	var failed *types.ConditionalCheckFailedException
	return errors.As(err, &failed)
}

func ptr(s string) *string { return &s }

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func num(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func text(it item, name string) string {
	switch v := it[name].(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return ""
}
