package ledger

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
)

// Uploads lists the uploads of a feed, newest source object first, calling
// yield for each until it returns false. It reads the index, which is
// eventually consistent with the table.
func (l *Ledger) Uploads(ctx context.Context, feedName string, yield func(Upload) bool) error {
	condition := expression.Key(feed.LedgerIndexPartitionKey).Equal(expression.Value(feedName))
	in := &dynamodb.QueryInput{IndexName: aws.String(feed.LedgerIndex), ScanIndexForward: aws.Bool(false)}
	if err := query(ctx, l, in, condition, decodeUpload, yield); err != nil {
		return fmt.Errorf("ledger: list uploads of feed %s: %w", feedName, err)
	}
	return nil
}

// Parts lists the parts of an upload in order, calling yield for each until it
// returns false.
func (l *Ledger) Parts(ctx context.Context, feedName, id string, yield func(Part) bool) error {
	condition := expression.Key(feed.PartitionKey).Equal(expression.Value(ids.LedgerKey(feedName, id))).
		And(expression.Key(feed.SortKey).BeginsWith(partSortPrefix))
	in := &dynamodb.QueryInput{ConsistentRead: aws.Bool(true)}
	if err := query(ctx, l, in, condition, decodePart, yield); err != nil {
		return fmt.Errorf("ledger: list parts of upload %s: %w", id, err)
	}
	return nil
}

func query[T any](ctx context.Context, l *Ledger, in *dynamodb.QueryInput, condition expression.KeyConditionBuilder, decode func(item) (T, error), yield func(T) bool) error {
	e, err := expression.NewBuilder().WithKeyCondition(condition).Build()
	if err != nil {
		return err
	}
	in.TableName, in.KeyConditionExpression = &l.table, e.KeyCondition()
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = e.Names(), e.Values()
	for pages := dynamodb.NewQueryPaginator(l.api, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, it := range page.Items {
			v, err := decode(it)
			if err != nil {
				return err
			}
			if !yield(v) {
				return nil
			}
		}
	}
	return nil
}
