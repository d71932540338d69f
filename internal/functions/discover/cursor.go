package discover

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/feed"
)

const (
	// leaseTime is how long an invocation holds the lease of a scan: longer than any
	// invocation, which takes 15 minutes at most.
	leaseTime = 16 * time.Minute
	// continueTime is how long the lease is kept for a continuation. Lambda starts it
	// within seconds unless the account's concurrency is used up.
	continueTime = 10 * time.Minute
)

// cursor is the item with the checkpoint of a source's scan and its lease. Every
// write renews the lease on the condition that it is unchanged, so of two
// invocations only one acquires it.
type cursor struct {
	PK     string `dynamodbav:"pk"`
	SK     string `dynamodbav:"sk"`
	Item   string `dynamodbav:"item"`
	Bucket string `dynamodbav:"bucket"`
	Prefix string `dynamodbav:"prefix"`
	// Lease is a random name, and Until when it expires, in milliseconds since 1970;
	// 0 when no invocation holds it.
	Lease string `dynamodbav:"lease"`
	Until int64  `dynamodbav:"until"`
	// After is the key after which the scan resumes; empty for a new scan.
	After string `dynamodbav:"after"`
}

const itemCursor = "discover"

// CursorKey is the partition key of the cursors of a feed.
func CursorKey(feedName string) string { return feedName + "#discover" }

func cursorKey(feedName, bucket, prefix string) item {
	sum := sha256.Sum256([]byte(bucket + "/" + prefix))
	return item{feed.PartitionKey: str(CursorKey(feedName)), feed.SortKey: str(hex.EncodeToString(sum[:16]))}
}

// Progress is how far the scan of a source is.
type Progress struct {
	// After is the last key that was scanned; empty before the first and after the
	// end of a scan.
	After string
	// LeasedUntil is when the lease of the invocation that scans expires; zero when
	// none does.
	LeasedUntil time.Time
}

// ReadProgress reads how far the scan of a source is, and returns false if none
// has started yet.
func ReadProgress(ctx context.Context, api interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}, table, feedName, bucket, prefix string,
) (Progress, bool, error) {
	c, ok, err := readCursor(ctx, api, table, feedName, bucket, prefix)
	if err != nil || !ok {
		return Progress{}, false, err
	}
	p := Progress{After: c.After}
	if c.Until > 0 {
		p.LeasedUntil = time.UnixMilli(c.Until).UTC()
	}
	return p, true, nil
}

func readCursor(ctx context.Context, api interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}, table, feedName, bucket, prefix string,
) (c cursor, ok bool, err error) {
	out, err := api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, ConsistentRead: aws.Bool(true), Key: cursorKey(feedName, bucket, prefix)})
	if err == nil {
		err = attributevalue.UnmarshalMap(out.Item, &c)
	}
	if err != nil {
		return c, false, fmt.Errorf("read the cursor of the scan: %w", err)
	}
	return c, len(out.Item) > 0, nil
}

// acquire takes the lease of a source's scan: of the scan that the request
// continues, or where no other invocation holds it. An interrupted scan resumes
// at its checkpoint.
func (h *Handler) acquire(ctx context.Context, r Request) (cursor, bool, error) {
	c, _, err := readCursor(ctx, h.DynamoDB, h.Table, h.Spec.Feed, r.Bucket, r.Prefix)
	if err != nil {
		return c, false, err
	}
	c.Bucket, c.Prefix = r.Bucket, r.Prefix
	if r.Lease != "" && r.Lease != c.Lease && c.After == "" {
		return c, false, nil // a duplicate continuation of a scan that has ended
	}
	now := h.Now()
	if now.Before(time.UnixMilli(c.Until)) && c.Lease != r.Lease {
		return c, false, nil
	}
	c, err = h.put(ctx, c, c.After, now.Add(leaseTime))
	if isConditionFailed(err) {
		return c, false, nil
	}
	return c, err == nil, err
}

// lend stores the checkpoint and keeps the lease for the continuation.
func (h *Handler) lend(ctx context.Context, c cursor, after string) (cursor, error) {
	return h.put(ctx, c, after, h.Now().Add(continueTime))
}

// release stores the checkpoint, empty at the end of the scan, and gives up the lease.
func (h *Handler) release(ctx context.Context, c cursor, after string) error {
	_, err := h.put(ctx, c, after, time.Time{})
	return err
}

// put stores the cursor with a new lease. It fails when the lease is no longer c's.
func (h *Handler) put(ctx context.Context, c cursor, after string, until time.Time) (cursor, error) {
	in := &dynamodb.PutItemInput{TableName: &h.Table, ConditionExpression: aws.String("attribute_not_exists(" + feed.PartitionKey + ")")}
	if c.Lease != "" {
		in.ConditionExpression = aws.String("#l = :l")
		in.ExpressionAttributeNames = map[string]string{"#l": "lease"}
		in.ExpressionAttributeValues = item{":l": str(c.Lease)}
	}
	c.Item, c.Lease, c.After, c.Until = itemCursor, rand.Text(), after, 0
	if !until.IsZero() {
		c.Until = until.UnixMilli()
	}
	it, err := attributevalue.MarshalMap(c)
	if err != nil {
		return c, fmt.Errorf("encode the cursor of the scan: %w", err)
	}
	for name, value := range cursorKey(h.Spec.Feed, c.Bucket, c.Prefix) {
		it[name] = value
	}
	in.Item = it
	if _, err := h.DynamoDB.PutItem(ctx, in); err != nil {
		return c, fmt.Errorf("store the cursor of the scan: %w", err)
	}
	return c, nil
}
