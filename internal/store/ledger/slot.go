package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/feed"
)

// The items under the partition key "loading": a slot for each loader of the table that
// may run at a time, and the feeds that have work.
const (
	slotPrefix = "slot#"
)

func slotKey(n int) item {
	return item{feed.PartitionKey: str(feed.LoadingKey), feed.SortKey: str(slotSort(n))}
}

func slotSort(n int) string { return fmt.Sprintf("%s%02d", slotPrefix, n) }

// slot is the item of a slot.
type slot struct {
	Sort        string `dynamodbav:"sk"`
	Reader      string `dynamodbav:"reader,omitempty"`
	ReaderUntil string `dynamodbav:"reader_until,omitempty"`
}

func decodeSlot(it item) (s slot, err error) {
	if err = decode(it, &s); err != nil {
		err = fmt.Errorf("ledger: item of a slot: %w", err)
	}
	return s, err
}

// held returns the slots that a loader has.
func (l *Ledger) held(ctx context.Context) (map[string]slot, error) {
	condition := expression.Key(feed.PartitionKey).Equal(expression.Value(feed.LoadingKey)).
		And(expression.Key(feed.SortKey).BeginsWith(slotPrefix))
	held := map[string]slot{}
	now := stamp(l.now())
	err := query(ctx, l, &dynamodb.QueryInput{ConsistentRead: aws.Bool(true)}, condition, decodeSlot, func(s slot) bool {
		if s.Reader != "" && s.ReaderUntil >= now {
			held[s.Sort] = s
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: list the loaders: %w", err)
	}
	return held, nil
}

// renewedWithin is what is left at least of the lease of a loader that runs: a minute that
// is renewed every five seconds. Of one that was killed it is soon less.
const renewedWithin = 30 * time.Second

// AnyLoader reports whether a loader runs, by a slot that was renewed lately.
func (l *Ledger) AnyLoader(ctx context.Context) (bool, error) {
	held, err := l.held(ctx)
	recent := stamp(l.now().Add(renewedWithin))
	for _, s := range held {
		if s.ReaderUntil >= recent {
			return true, err
		}
	}
	return false, err
}

// TakeSlot takes one of n slots, or the one that the owner has. It returns 0 where
// all are held.
func (l *Ledger) TakeSlot(ctx context.Context, n int, lease Lease) (int, error) {
	held, err := l.held(ctx)
	if err != nil {
		return 0, err
	}
	order := rand.Perm(n)
	for i, number := range order {
		if held[slotSort(number+1)].Reader == lease.Owner {
			order[0], order[i] = order[i], order[0]
		}
	}
	for _, i := range order {
		number := i + 1
		if s, ok := held[slotSort(number)]; ok && s.Reader != lease.Owner {
			continue
		}
		c := change{key: slotKey(number), condition: expression.Or(
			expression.Name(readerAttribute).AttributeNotExists(),
			equal(readerAttribute, lease.Owner),
			expression.Name(readerUntilAttribute).LessThan(expression.Value(stamp(l.now()))),
		)}
		c.setLease(lease)
		if _, err := l.apply(ctx, c); err == nil {
			return number, nil
		} else if !conditionFailed(err) {
			return 0, fmt.Errorf("ledger: take slot %d of the loaders: %w", number, err)
		}
	}
	return 0, nil
}

// RenewSlot renews the lease of a slot. The error wraps ErrLeaseLost where another
// loader has it.
func (l *Ledger) RenewSlot(ctx context.Context, number int, lease Lease) error {
	c := change{key: slotKey(number), condition: equal(readerAttribute, lease.Owner)}
	c.setLease(lease)
	return l.changeSlot(ctx, number, c)
}

// ReleaseSlot ends the lease of a slot. Work may have been entered by somebody who saw
// the slot as held: the caller must look for work once more.
func (l *Ledger) ReleaseSlot(ctx context.Context, number int, lease Lease) error {
	c := change{key: slotKey(number), condition: equal(readerAttribute, lease.Owner)}
	c.removeLease()
	return l.changeSlot(ctx, number, c)
}

func (l *Ledger) changeSlot(ctx context.Context, number int, c change) error {
	_, err := l.apply(ctx, c)
	if conditionFailed(err) {
		err = ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("ledger: change slot %d of the loaders: %w", number, err)
	}
	return nil
}

// Rank returns how many loaders run other than the one with the slot number, and how many
// of these have a lower slot.
func (l *Ledger) Rank(ctx context.Context, number int) (lower, others int, err error) {
	held, err := l.held(ctx)
	for sort := range held {
		if sort != slotSort(number) {
			others++
		}
		if sort < slotSort(number) {
			lower++
		}
	}
	return lower, others, err
}

// Loaders returns until when each loader that runs has its slot.
func (l *Ledger) Loaders(ctx context.Context) (map[string]time.Time, error) {
	held, err := l.held(ctx)
	loaders := map[string]time.Time{}
	for sort, s := range held {
		if until, err := time.Parse(timeLayout, s.ReaderUntil); err == nil {
			loaders[sort] = until
		}
	}
	return loaders, err
}
