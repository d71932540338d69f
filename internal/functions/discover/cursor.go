package discover

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/store/scancursor"
)

const (
	// leaseTime is how long an invocation holds the lease of a scan: longer than any
	// invocation, which takes 15 minutes at most.
	leaseTime = 16 * time.Minute
	// continueTime is how long the lease is kept for a continuation. Lambda starts it
	// within seconds unless the account's concurrency is used up.
	continueTime = 10 * time.Minute
)

// cursor is the checkpoint of a source's scan and its lease. Every write renews the
// lease on the condition that it is unchanged, so of two invocations only one acquires
// it.
type cursor = scancursor.Cursor

// acquire takes the lease of a source's scan: of the scan that the request
// continues, or where no other invocation holds it. An interrupted scan resumes
// at its checkpoint.
func (h *Handler) acquire(ctx context.Context, r Request) (cursor, bool, error) {
	c, _, err := scancursor.Read(ctx, h.DynamoDB, h.Table, h.Spec.Feed, r.Bucket, r.Prefix)
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
	c.Item, c.Lease, c.After, c.Until = scancursor.ItemType, rand.Text(), after, 0
	if !until.IsZero() {
		c.Until = until.UnixMilli()
	}
	it, err := attributevalue.MarshalMap(c)
	if err != nil {
		return c, fmt.Errorf("encode the cursor of the scan: %w", err)
	}
	for name, value := range scancursor.Key(h.Spec.Feed, c.Bucket, c.Prefix) {
		it[name] = value
	}
	in.Item = it
	if _, err := h.DynamoDB.PutItem(ctx, in); err != nil {
		return c, fmt.Errorf("store the cursor of the scan: %w", err)
	}
	return c, nil
}
