package discover

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/feed"
)

// Attributes of the item of a source's walk.
const (
	attrBucket = "bucket"
	attrPrefix = "prefix"
	attrLease  = "lease"
	attrUntil  = "until" // milliseconds since 1970
	attrAfter  = "after"
	itemWalk   = "discover"
)

const (
	// leaseTime is how long a walk belongs to an invocation: longer than any may
	// last, which is 15 minutes.
	leaseTime = 16 * time.Minute
	// handOnTime is how long a walk that was handed on waits for its next
	// invocation, which Lambda begins within seconds unless it is short of room.
	handOnTime = 10 * time.Minute
)

// place is how far the walk of a source is, and whose it is. Of two invocations
// that want the same walk, the condition on its lease lets one have it.
type place struct {
	Bucket, Prefix string
	Lease          string
	Until          time.Time
	// After is the key from which on the walk goes on; empty for a new one.
	After string
}

// CursorKey is the partition key of the walks of a feed.
func CursorKey(feedName string) string { return feedName + "#discover" }

// Walk is how far the walk of a source is, for whoever looks from outside.
type Walk struct {
	// After is the key up to which it has come; empty at the beginning, and after its end.
	After string
	// Until is how long it belongs to an invocation; zero when it belongs to none.
	Until time.Time
}

// ReadWalk reads how far the walk of a source is, or false where none was begun.
func ReadWalk(ctx context.Context, api interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}, table, feedName, bucket, prefix string,
) (Walk, bool, error) {
	out, err := api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &table, Key: item{feed.PartitionKey: str(CursorKey(feedName)), feed.SortKey: str(cursorSort(bucket, prefix))},
	})
	if err != nil || len(out.Item) == 0 {
		return Walk{}, false, err
	}
	w := Walk{After: text(out.Item, attrAfter)}
	if ms, err := strconv.ParseInt(text(out.Item, attrUntil), 10, 64); err == nil && ms > 0 {
		w.Until = time.UnixMilli(ms).UTC()
	}
	return w, true, nil
}

func cursorSort(bucket, prefix string) string {
	sum := sha256.Sum256([]byte(bucket + "/" + prefix))
	return hex.EncodeToString(sum[:16])
}

// begin takes the walk of a source: one that was handed to this invocation, or
// one that is nobody's. A walk that was cut off goes on where it was.
func (h *Handler) begin(ctx context.Context, r Request) (place, bool, error) {
	out, err := h.DynamoDB.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &h.Table, ConsistentRead: aws.Bool(true),
		Key: item{feed.PartitionKey: str(CursorKey(h.Spec.Feed)), feed.SortKey: str(cursorSort(r.Bucket, r.Prefix))},
	})
	if err != nil {
		return place{}, false, fmt.Errorf("read how far the walk is: %w", err)
	}
	p := place{Bucket: r.Bucket, Prefix: r.Prefix}
	if len(out.Item) > 0 {
		p.Lease, p.After = text(out.Item, attrLease), text(out.Item, attrAfter)
		until, err := strconv.ParseInt(text(out.Item, attrUntil), 10, 64)
		if err != nil {
			return place{}, false, fmt.Errorf("how far the walk is: %s %q is no time", attrUntil, text(out.Item, attrUntil))
		}
		p.Until = time.UnixMilli(until)
	}
	if r.Lease != "" && r.Lease != p.Lease && p.After == "" {
		return place{}, false, nil // it came twice, and the walk has ended since
	}
	now := h.Now()
	if now.Before(p.Until) && p.Lease != r.Lease {
		return place{}, false, nil
	}
	p, err = h.put(ctx, p, p.After, now.Add(leaseTime))
	if isConditionFailed(err) {
		return place{}, false, nil
	}
	return p, err == nil, err
}

// extend keeps the walk for the invocation that it is handed on to, and returns
// the lease for it.
func (h *Handler) extend(ctx context.Context, p place, after string) (string, error) {
	p, err := h.put(ctx, p, after, h.Now().Add(handOnTime))
	return p.Lease, err
}

// release ends the walk at the end of the source, or lets another go on with it.
func (h *Handler) release(ctx context.Context, p place, after string) error {
	_, err := h.put(ctx, p, after, time.Time{})
	return err
}

// put stores how far the walk is under a lease of a new name. It fails when the
// lease is no longer p's.
func (h *Handler) put(ctx context.Context, p place, after string, until time.Time) (place, error) {
	in := &dynamodb.PutItemInput{TableName: &h.Table, ConditionExpression: aws.String("attribute_not_exists(" + feed.PartitionKey + ")")}
	if p.Lease != "" {
		in.ConditionExpression = aws.String("#l = :l")
		in.ExpressionAttributeNames = map[string]string{"#l": attrLease}
		in.ExpressionAttributeValues = item{":l": str(p.Lease)}
	}
	p.Lease, p.After, p.Until = rand.Text(), after, until
	ms := int64(0)
	if !until.IsZero() {
		ms = until.UnixMilli()
	}
	in.Item = item{
		feed.PartitionKey: str(CursorKey(h.Spec.Feed)), feed.SortKey: str(cursorSort(p.Bucket, p.Prefix)), attrItem: str(itemWalk),
		attrBucket: str(p.Bucket), attrPrefix: str(p.Prefix), attrLease: str(p.Lease), attrUntil: num(ms), attrAfter: str(p.After),
	}
	if _, err := h.DynamoDB.PutItem(ctx, in); err != nil {
		return p, fmt.Errorf("store how far the walk is: %w", err)
	}
	return p, nil
}
