package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
)

// Lease is the right of one invocation to read an upload, until a time that it
// renews while it runs. Two invocations that read one upload at the same time would
// count what the source object held at two times.
type Lease struct {
	Owner string
	Until time.Time
}

// ErrLeaseLost is the error of an invocation whose lease has expired and is held by
// another one.
var ErrLeaseLost = errors.New("another invocation reads the upload")

// Attributes of a lease.
const (
	readerAttribute      = "reader"
	readerUntilAttribute = "reader_until"
)

func (c *change) setLease(lease Lease) {
	c.set(readerAttribute, lease.Owner)
	c.set(readerUntilAttribute, stamp(lease.Until))
}

func (c *change) removeLease() {
	c.remove(readerAttribute)
	c.remove(readerUntilAttribute)
}

// mayTake is the condition that an item is being unpacked and that no other
// invocation has a lease of it.
func (l *Ledger) mayTake(lease Lease) expression.ConditionBuilder {
	return equal("state", Unpacking).And(expression.Or(
		expression.Name(readerAttribute).AttributeNotExists(),
		equal(readerAttribute, lease.Owner),
		expression.Name(readerUntilAttribute).LessThan(expression.Value(stamp(l.now()))),
	))
}

// holds is the condition that the invocation that has read u may change it.
func (u Upload) holds() expression.ConditionBuilder {
	unpacking := equal("state", Unpacking)
	if u.Reader == "" {
		return unpacking
	}
	return unpacking.And(equal(readerAttribute, u.Reader))
}

// Take takes the lease of an upload that is being unpacked. It returns what the
// ledger then has, and false where another invocation has the lease or has completed
// the upload.
func (l *Ledger) Take(ctx context.Context, feedName, id string, lease Lease) (Upload, bool, error) {
	c := change{key: key(feedName, id, uploadSortKey), condition: l.mayTake(lease)}
	c.setLease(lease)
	it, err := l.apply(ctx, c)
	if conditionFailed(err) {
		u, _, err := l.GetUpload(ctx, feedName, id)
		return u, false, err
	}
	if err != nil {
		return Upload{}, false, fmt.Errorf("ledger: take the lease of upload %s: %w", id, err)
	}
	u, err := decodeUpload(it)
	return u, err == nil, err
}

// Renew renews the lease of u, which the invocation has. The error wraps ErrLeaseLost
// where another one has it since, or has completed the upload.
func (l *Ledger) Renew(ctx context.Context, u Upload, until time.Time) error {
	c := change{key: key(u.Feed, u.ID, uploadSortKey), condition: u.holds()}
	c.setLease(Lease{u.Reader, until})
	_, err := l.apply(ctx, c)
	if conditionFailed(err) {
		err = ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("ledger: renew the lease of upload %s: %w", u.ID, err)
	}
	return nil
}
