package ledger

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
)

// fileID is what the partition key of a file's items has in place of an upload's ID.
const fileID = "file#"

// putFile enters an upload under the key of its source object: an item with the upload and
// its number of shards, from which all keys of its records follow. It is entered before the
// upload, so an upload that was begun has it, and one that it names may not be in the ledger.
func (l *Ledger) putFile(ctx context.Context, u Upload) error {
	it := key(u.Feed, fileID+u.Key, indexSortKey(u))
	it["upload"] = str(u.ID)
	it["shards"] = &types.AttributeValueMemberN{Value: strconv.Itoa(max(u.Shards, 1))}
	if _, err := l.put(ctx, it); err != nil {
		return fmt.Errorf("ledger: enter the file of upload %s: %w", u.ID, err)
	}
	return nil
}

// UploadsOfFile calls yield for each upload of a source object's key, the newest first, until
// it returns false. Uploads that versions without such items have begun are not found.
func (l *Ledger) UploadsOfFile(ctx context.Context, feedName, objectKey string, yield func(Upload) bool) error {
	pk := key(feedName, fileID+objectKey, "")[feed.PartitionKey]
	e, err := expression.NewBuilder().WithKeyCondition(expression.Key(feed.PartitionKey).Equal(expression.Value(pk))).Build()
	if err != nil {
		return fmt.Errorf("ledger: file %q of feed %s: %w", objectKey, feedName, err)
	}
	seen := map[string]bool{}
	pages := dynamodb.NewQueryPaginator(l.api, &dynamodb.QueryInput{
		TableName: &l.table, ConsistentRead: aws.Bool(true), ScanIndexForward: aws.Bool(false), KeyConditionExpression: e.KeyCondition(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("ledger: read the uploads of file %q of feed %s: %w", objectKey, feedName, err)
		}
		for _, it := range out.Items {
			id, ok := it["upload"].(*types.AttributeValueMemberS)
			if !ok || seen[id.Value] {
				continue // the same content was put again
			}
			seen[id.Value] = true
			u, ok, err := l.GetUpload(ctx, feedName, id.Value)
			if err != nil {
				return err
			}
			if ok && !yield(u) {
				return nil
			}
		}
	}
	return nil
}
