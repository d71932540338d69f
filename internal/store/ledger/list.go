package ledger

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
)

// Uploads lists the uploads of a feed, newest source object first, calling
// yield for each until it returns false. It reads the index, which trails the
// table by a moment.
func (l *Ledger) Uploads(ctx context.Context, feedName string, yield func(Upload) bool) error {
	pages := dynamodb.NewQueryPaginator(l.api, &dynamodb.QueryInput{
		TableName: &l.table, IndexName: aws.String(feed.LedgerIndex),
		KeyConditionExpression:    aws.String("#k = :k"),
		ExpressionAttributeNames:  map[string]string{"#k": feed.LedgerIndexPartitionKey},
		ExpressionAttributeValues: item{":k": str(feedName)},
		ScanIndexForward:          aws.Bool(false),
	})
	return eachItem(ctx, pages, "uploads of feed "+feedName, func(it item) bool { return yield(decodeUpload(it)) })
}

// Parts lists the parts of an upload in order, calling yield for each until it
// returns false.
func (l *Ledger) Parts(ctx context.Context, feedName, id string, yield func(Part) bool) error {
	pages := dynamodb.NewQueryPaginator(l.api, &dynamodb.QueryInput{
		TableName: &l.table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:   aws.String("#k = :k AND begins_with(#s, :s)"),
		ExpressionAttributeNames: map[string]string{"#k": feed.PartitionKey, "#s": feed.SortKey},
		ExpressionAttributeValues: item{
			":k": str(ids.LedgerKey(feedName, id)), ":s": str(partSortPrefix),
		},
	})
	return eachItem(ctx, pages, "parts of upload "+id, func(it item) bool { return yield(decodePart(it)) })
}

func eachItem(ctx context.Context, pages *dynamodb.QueryPaginator, what string, yield func(item) bool) error {
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("ledger: list %s: %w", what, err)
		}
		for _, it := range page.Items {
			if !yield(it) {
				return nil
			}
		}
	}
	return nil
}
