package ledger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"example.com/ingestion/feed"
)

// Waiting is a small source object that waits to be gathered into a shared part. It is
// an item under the partition key <feed>#small#<shard>; one invocation at a time gathers
// the objects of a shard.
type Waiting struct {
	ID        string `dynamodbav:"-"` // see ids.New, of what the event has
	Bucket    string `dynamodbav:"bucket"`
	Key       string `dynamodbav:"key"`
	VersionID string `dynamodbav:"version_id,omitempty"`
	ETag      string `dynamodbav:"etag,omitempty"`
	Size      int64  `dynamodbav:"bytes_in"`
	// Since is when the object was entered.
	Since time.Time `dynamodbav:"since"`
}

// SmallObjectBytes is the size, in bytes, up to which source objects are gathered into
// shared parts: a part, its load and its file in Snowflake cost the same whatever they hold.
const SmallObjectBytes = 256 << 10

// WaitingShards is the number of shards of a feed's waiting objects. An object costs its
// shard two writes, and DynamoDB accepts 1,000 a second for one partition key: so 4,000
// objects a second are the most. It bounds the invocations that gather at a time too.
const WaitingShards = 8

// WaitingShard is the shard of a waiting object.
func WaitingShard(id string) int {
	var n uint32
	for _, c := range []byte(id) {
		n = n*31 + uint32(c)
	}
	return int(n % WaitingShards)
}

// Sort keys of a shard: "waiting#<ID>" of an object, and one of the shard's state.
const (
	waitingPrefix = "waiting#"
	gatherSortKey = "lease"
	// sharedAttribute of the state names the shared part that is begun; of an upload the
	// shared part that has its records.
	sharedAttribute = "shared_part"
)

func waitingKey(feedName string, shard int, sort string) item {
	return key(feedName, "small#"+strconv.Itoa(shard), sort)
}

// PutWaiting enters an object as waiting. Repeating it changes nothing.
func (l *Ledger) PutWaiting(ctx context.Context, feedName string, w Waiting) error {
	w.Since = l.now()
	it, err := encode(w)
	if err != nil {
		return fmt.Errorf("ledger: waiting object s3://%s/%s: %w", w.Bucket, w.Key, err)
	}
	for name, value := range waitingKey(feedName, WaitingShard(w.ID), waitingPrefix+w.ID) {
		it[name] = value
	}
	if _, err = l.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &l.table, Item: it}); err != nil {
		return fmt.Errorf("ledger: enter waiting object s3://%s/%s: %w", w.Bucket, w.Key, err)
	}
	return nil
}

// ListWaiting returns up to limit waiting objects of a shard after the one with an ID, in
// the order of their IDs. It reads consistently.
func (l *Ledger) ListWaiting(ctx context.Context, feedName string, shard int, after string, limit int) ([]Waiting, error) {
	partition := expression.Key(feed.PartitionKey).Equal(expression.Value(waitingKey(feedName, shard, "")[feed.PartitionKey]))
	condition := partition.And(expression.Key(feed.SortKey).BeginsWith(waitingPrefix))
	if after != "" {
		// IDs have digits and lower-case letters: "!" sorts before them, and "$" after "#".
		condition = partition.And(expression.Key(feed.SortKey).Between(expression.Value(waitingPrefix+after+"!"), expression.Value("waiting$")))
	}
	in := &dynamodb.QueryInput{ConsistentRead: aws.Bool(true), Limit: aws.Int32(int32(limit))}
	var found []Waiting
	err := query(ctx, l, in, condition, decodeWaiting, func(w Waiting) bool {
		found = append(found, w)
		return len(found) < limit
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: list waiting objects of feed %s: %w", feedName, err)
	}
	return found, nil
}

// GetWaiting returns a waiting object of a feed, or false where none has the ID.
func (l *Ledger) GetWaiting(ctx context.Context, feedName, id string) (Waiting, bool, error) {
	it, err := l.get(ctx, waitingKey(feedName, WaitingShard(id), waitingPrefix+id), "waiting object "+id)
	if err != nil || len(it) == 0 {
		return Waiting{}, false, err
	}
	w, err := decodeWaiting(it)
	return w, err == nil, err
}

func decodeWaiting(it item) (w Waiting, err error) {
	if err := decode(it, &w); err != nil {
		return w, fmt.Errorf("ledger: item of a waiting object: %w", err)
	}
	if s, ok := it[feed.SortKey].(*types.AttributeValueMemberS); ok {
		w.ID = strings.TrimPrefix(s.Value, waitingPrefix)
	}
	return w, nil
}

// ShardWaiting is a shard in which objects wait.
type ShardWaiting struct {
	Shard int
	// Objects is their number, as far as they were counted; First is one of them.
	Objects int
	First   Waiting
	// Active means that an invocation gathers them.
	Active bool
}

// AllWaiting returns the shards of a feed in which objects wait, and counts up to limit of
// each.
func (l *Ledger) AllWaiting(ctx context.Context, feedName string, limit int) ([]ShardWaiting, error) {
	var all [WaitingShards]ShardWaiting
	g, ctx := errgroup.WithContext(ctx)
	for shard := range all {
		g.Go(func() error {
			list, err := l.ListWaiting(ctx, feedName, shard, "", limit)
			if err != nil || len(list) == 0 {
				return err
			}
			state, err := l.GetGathering(ctx, feedName, shard)
			all[shard] = ShardWaiting{Shard: shard, Objects: len(list), First: list[0], Active: state.Active(l.now())}
			return err
		})
	}
	err := g.Wait()
	return slices.DeleteFunc(all[:], func(s ShardWaiting) bool { return s.Objects == 0 }), err
}

// DropWaiting removes objects that wait no longer.
func (l *Ledger) DropWaiting(ctx context.Context, feedName string, dropped []Waiting) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrentMembers)
	for _, w := range dropped {
		g.Go(func() error {
			k := waitingKey(feedName, WaitingShard(w.ID), waitingPrefix+w.ID)
			if _, err := l.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &l.table, Key: k}); err != nil {
				return fmt.Errorf("ledger: remove waiting object s3://%s/%s: %w", w.Bucket, w.Key, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// Gathering is the state of a shard of waiting objects.
type Gathering struct {
	// Reader is the invocation that gathers the shard, until ReaderUntil.
	Reader      string    `dynamodbav:"reader,omitempty"`
	ReaderUntil time.Time `dynamodbav:"reader_until,omitempty"`
	// Shared is the ID of the shared part that was begun and not completed, empty for none.
	Shared string `dynamodbav:"shared_part,omitempty"`
	// Attempts is how many invocations have begun since the last one that completed a part
	// or found nothing to do.
	Attempts int `dynamodbav:"attempts,omitempty"`
}

// Active reports whether an invocation gathers the shard.
func (g Gathering) Active(now time.Time) bool { return g.Reader != "" && !now.After(g.ReaderUntil) }

// GetGathering returns the state of a shard, read consistently. Who has entered an object
// before finds either that no invocation is active, and starts one, or an invocation that
// lists the shard once more after EndGathering.
func (l *Ledger) GetGathering(ctx context.Context, feedName string, shard int) (g Gathering, err error) {
	it, err := l.get(ctx, waitingKey(feedName, shard, gatherSortKey), "the state of small objects")
	if err == nil && len(it) > 0 {
		if err = decode(it, &g); err != nil {
			err = fmt.Errorf("ledger: state of the small objects of feed %s: %w", feedName, err)
		}
	}
	return g, err
}

// StartGathering takes the lease of a shard, and returns false where another invocation
// has it.
func (l *Ledger) StartGathering(ctx context.Context, feedName string, shard int, lease Lease) (g Gathering, ok bool, err error) {
	c := change{key: waitingKey(feedName, shard, gatherSortKey), condition: expression.Or(
		expression.Name(readerAttribute).AttributeNotExists(),
		equal(readerAttribute, lease.Owner),
		expression.Name(readerUntilAttribute).LessThan(expression.Value(stamp(l.now()))),
	)}
	c.setLease(lease)
	c.add(attempts, 1)
	it, err := l.apply(ctx, c)
	if conditionFailed(err) {
		return g, false, nil
	}
	if err == nil {
		err = decode(it, &g)
	}
	if err != nil {
		return g, false, fmt.Errorf("ledger: take the lease of the small objects of feed %s: %w", feedName, err)
	}
	return g, true, nil
}

// RenewGathering renews the lease of a shard. The error wraps ErrLeaseLost where another
// invocation has it.
func (l *Ledger) RenewGathering(ctx context.Context, feedName string, shard int, lease Lease) error {
	c := change{key: waitingKey(feedName, shard, gatherSortKey), condition: equal(readerAttribute, lease.Owner)}
	c.setLease(lease)
	return l.changeGathering(ctx, feedName, c)
}

// EndShared notes that no shared part of a shard is begun: the last one is complete, or
// was dropped.
func (l *Ledger) EndShared(ctx context.Context, feedName string, shard int, lease Lease) error {
	c := change{key: waitingKey(feedName, shard, gatherSortKey), condition: equal(readerAttribute, lease.Owner)}
	c.remove(sharedAttribute)
	c.remove(attempts)
	return l.changeGathering(ctx, feedName, c)
}

// EndGathering ends the lease of a shard. An object may have been entered since the caller
// listed the shard: it must list it once more.
func (l *Ledger) EndGathering(ctx context.Context, feedName string, shard int, lease Lease) error {
	c := change{key: waitingKey(feedName, shard, gatherSortKey), condition: equal(readerAttribute, lease.Owner)}
	c.removeLease()
	c.remove(attempts)
	return l.changeGathering(ctx, feedName, c)
}

func (l *Ledger) changeGathering(ctx context.Context, feedName string, c change) error {
	_, err := l.apply(ctx, c)
	if conditionFailed(err) {
		err = ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("ledger: change the state of the small objects of feed %s: %w", feedName, err)
	}
	return nil
}
