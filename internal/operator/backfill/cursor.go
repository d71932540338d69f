package backfill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
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

// cursorItem is the item with the cursor of a source.
type cursorItem struct {
	PK   string `dynamodbav:"pk"`
	SK   string `dynamodbav:"sk"`
	Item string `dynamodbav:"item"`
	Feed string `dynamodbav:"feed"`
	// After is the key up to which everything was dispatched, empty for none.
	After string `dynamodbav:"after"`
	State string `dynamodbav:"state"` // running or done
}

// cursor returns the item of a source. Its key is <feed>#backfill and a hash of the
// selection: another selection has another cursor.
func (b *Backfill) cursor(s Source) cursorItem {
	text, _ := json.Marshal([]any{s.Bucket, s.prefix(b.Prefix), s.Suffixes, b.Since.UTC(), b.Until.UTC()}) // these types can be encoded
	sum := sha256.Sum256(text)
	return cursorItem{PK: b.Feed + "#backfill", SK: hex.EncodeToString(sum[:16]), Item: "backfill", Feed: b.Feed}
}

// readCursor returns the key after which to begin.
func (b *Backfill) readCursor(ctx context.Context, s Source) (string, error) {
	if b.Restart {
		return "", nil
	}
	c := b.cursor(s)
	out, err := b.DynamoDB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &b.Table, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{
		feed.PartitionKey: &types.AttributeValueMemberS{Value: c.PK}, feed.SortKey: &types.AttributeValueMemberS{Value: c.SK},
	}})
	if err == nil {
		err = attributevalue.UnmarshalMap(out.Item, &c)
	}
	if err != nil {
		return "", fmt.Errorf("read the cursor of an earlier backfill of s3://%s/%s: %w", s.Bucket, s.prefix(b.Prefix), err)
	}
	return c.After, nil
}

// storeCursor records that everything up to a key was dispatched.
func (b *Backfill) storeCursor(ctx context.Context, c cursorItem, after string) error {
	c.After, c.State = after, "running"
	return b.putCursor(ctx, c)
}

// resetCursor records that everything was dispatched. The next run begins at the first
// key, because new objects may have any key.
func (b *Backfill) resetCursor(ctx context.Context, c cursorItem) error {
	c.After, c.State = "", "done"
	return b.putCursor(ctx, c)
}

func (b *Backfill) putCursor(ctx context.Context, c cursorItem) error {
	item, err := attributevalue.MarshalMap(c)
	if err == nil {
		_, err = b.DynamoDB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &b.Table, Item: item})
	}
	if err != nil {
		return fmt.Errorf("store the cursor of the backfill, without which the next one begins at the first key: %w", err)
	}
	return nil
}
