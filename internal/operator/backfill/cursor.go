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

// storeEvery is the interval at which the cursor is stored. The next run after a crash
// dispatches the objects of this interval again, which are stored only once.
const storeEvery = 2 * time.Second

type cursorAPI interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
}

type item = map[string]types.AttributeValue

// cursor returns the key of the item with the cursor of a source: <feed>#backfill and a
// hash of the selection. Another selection has another cursor.
func (b *Backfill) cursor(s Source) item {
	text, _ := json.Marshal([]any{s.Bucket, s.prefix(b.Prefix), s.Suffixes, b.Since.UTC(), b.Until.UTC()}) // these types can be encoded
	sum := sha256.Sum256(text)
	return item{
		feed.PartitionKey: &types.AttributeValueMemberS{Value: b.Feed + "#backfill"},
		feed.SortKey:      &types.AttributeValueMemberS{Value: hex.EncodeToString(sum[:16])},
	}
}

// readCursor returns the key after which to begin.
func (b *Backfill) readCursor(ctx context.Context, s Source) (string, error) {
	if b.Restart {
		return "", nil
	}
	out, err := b.DynamoDB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &b.Table, Key: b.cursor(s), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return "", fmt.Errorf("read the cursor of an earlier backfill of s3://%s/%s: %w", s.Bucket, s.prefix(b.Prefix), err)
	}
	after, _ := out.Item["after"].(*types.AttributeValueMemberS)
	if after == nil {
		return "", nil
	}
	return after.Value, nil
}

// storeCursor records that everything up to a key was dispatched.
func (b *Backfill) storeCursor(ctx context.Context, cursor item, after string) error {
	return b.put(ctx, cursor, after, "running")
}

// resetCursor records that everything was dispatched. The next run begins at the first
// key, because new objects may have any key.
func (b *Backfill) resetCursor(ctx context.Context, cursor item) error {
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
		return fmt.Errorf("store the cursor of the backfill, without which the next one begins at the first key: %w", err)
	}
	return nil
}
