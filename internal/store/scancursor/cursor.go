// Package scancursor reads the cursor of a scheduled scan: the item of the table with the
// checkpoint of a listed bucket and the lease of the invocation that lists it. The
// function discover writes it, the operator's commands report it.
package scancursor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
)

// Cursor is the item with the checkpoint of a source's scan and its lease.
type Cursor struct {
	PK     string `dynamodbav:"pk"`
	SK     string `dynamodbav:"sk"`
	Item   string `dynamodbav:"item"` // ItemType
	Bucket string `dynamodbav:"bucket"`
	Prefix string `dynamodbav:"prefix"`
	// Lease is a random name, and Until when it expires, in milliseconds since 1970;
	// 0 when no invocation holds it.
	Lease string `dynamodbav:"lease"`
	Until int64  `dynamodbav:"until"`
	// After is the key after which the scan resumes; empty before the first key and
	// after the end of a scan.
	After string `dynamodbav:"after"`
}

// ItemType is the value of Cursor.Item.
const ItemType = "discover"

// LeasedUntil is when the lease expires; zero if no invocation holds it.
func (c Cursor) LeasedUntil() time.Time {
	if c.Until == 0 {
		return time.Time{}
	}
	return time.UnixMilli(c.Until).UTC()
}

// PartitionKey returns the partition key of the cursors of a feed.
func PartitionKey(feedName string) string { return feedName + "#discover" }

// Key returns the key of the cursor of a source.
func Key(feedName, bucket, prefix string) map[string]types.AttributeValue {
	sum := sha256.Sum256([]byte(bucket + "/" + prefix))
	return map[string]types.AttributeValue{
		feed.PartitionKey: &types.AttributeValueMemberS{Value: PartitionKey(feedName)},
		feed.SortKey:      &types.AttributeValueMemberS{Value: hex.EncodeToString(sum[:16])},
	}
}

// API is the part of the DynamoDB client that Read uses.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

// Read reads the cursor of a source consistently, and returns false if no scan has
// started yet.
func Read(ctx context.Context, api API, table, feedName, bucket, prefix string) (c Cursor, ok bool, err error) {
	out, err := api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, ConsistentRead: aws.Bool(true), Key: Key(feedName, bucket, prefix)})
	if err == nil {
		err = attributevalue.UnmarshalMap(out.Item, &c)
	}
	if err != nil {
		return c, false, fmt.Errorf("read the cursor of the scan: %w", err)
	}
	return c, len(out.Item) > 0, nil
}
