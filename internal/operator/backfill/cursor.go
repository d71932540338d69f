package backfill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
)

// storeEvery is how often the cursor is stored: what was sent since is sent
// again by the next run of one that was killed, and stored once all the same.
const storeEvery = 2 * time.Second

type cursorAPI interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
}

type item = map[string]types.AttributeValue

// cursor is the key of the item that says how far a source's backfill has come:
// <feed>#backfill and a hash of what it was asked for. Another question has
// another cursor.
func (b *Backfill) cursor(s Source) item {
	text, _ := json.Marshal([]any{s.Bucket, s.prefix(b.Prefix), s.Suffixes, b.Since.UTC(), b.Until.UTC()}) // plain values
	sum := sha256.Sum256(text)
	return item{
		feed.PartitionKey: &types.AttributeValueMemberS{Value: b.Feed + "#backfill"},
		feed.SortKey:      &types.AttributeValueMemberS{Value: hex.EncodeToString(sum[:16])},
	}
}

// from is the key behind which to begin.
func (b *Backfill) from(ctx context.Context, s Source) (string, error) {
	if b.Restart {
		return "", nil
	}
	out, err := b.DynamoDB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &b.Table, Key: b.cursor(s), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return "", fmt.Errorf("read how far an earlier backfill of s3://%s/%s has come: %w", s.Bucket, s.prefix(b.Prefix), err)
	}
	after, _ := out.Item["after"].(*types.AttributeValueMemberS)
	if after == nil {
		return "", nil
	}
	return after.Value, nil
}

// storeCursor notes that everything up to a key was sent.
func (b *Backfill) storeCursor(ctx context.Context, cursor item, after string) error {
	return b.put(ctx, cursor, after, "running")
}

// dropCursor notes that everything was sent: the next run begins at the first
// key, for there may be new ones before the last.
func (b *Backfill) dropCursor(ctx context.Context, cursor item) error {
	return b.put(ctx, cursor, "", "done")
}

func (b *Backfill) put(ctx context.Context, cursor item, after, state string) error {
	it := item{
		"item": &types.AttributeValueMemberS{Value: "backfill"}, "feed": &types.AttributeValueMemberS{Value: b.Feed},
		"after": &types.AttributeValueMemberS{Value: after}, "state": &types.AttributeValueMemberS{Value: state},
	}
	for name, value := range cursor {
		it[name] = value
	}
	if _, err := b.DynamoDB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &b.Table, Item: it}); err != nil {
		return fmt.Errorf("store how far the backfill has come, which the next one then does again: %w", err)
	}
	return nil
}
