package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
)

// Work is a part that waits to be loaded, or that a loader loads. It is an item under
// the partition key <feed>#work, which is removed when the part is loaded.
//
// A part waits without a function and without an event that could expire. Who enters
// work enters the feed as one with work, then looks for an idle slot, and invokes a
// loader if there is one. A loader that finds no work removes the feed and then looks
// for its work once more; it ends its slot and then looks for feeds once more. So one
// of the two sees the other, and no work is left without a loader.
type Work struct {
	ids.PartRef
	// Attempts is how often a loader has begun the part and not ended its work in an
	// orderly way: by loading it, or by continuing or releasing it.
	Attempts int
	// Error is that of the last attempt.
	Error string
	// Loading reports that a loader has the part.
	Loading bool
	// SetAsideAt is when a part was set aside.
	SetAsideAt time.Time

	sort string
}

// workItem is the item of a Work.
type workItem struct {
	Upload   string `dynamodbav:"upload"`
	Part     string `dynamodbav:"part"`
	Attempts int    `dynamodbav:"attempts"`
	Error    string `dynamodbav:"error,omitempty"`
	// Reader and ReaderUntil are the lease of a loader, NotBefore is when the next
	// attempt may begin.
	Reader      string `dynamodbav:"reader,omitempty"`
	ReaderUntil string `dynamodbav:"reader_until,omitempty"`
	NotBefore   string `dynamodbav:"not_before,omitempty"`
	SetAsideAt  string `dynamodbav:"set_aside_at,omitempty"`
	Sort        string `dynamodbav:"sk"`
}

// Sort keys of a feed's work: waiting, and set aside.
const (
	workID         = "work"
	waitPrefix     = "wait#"
	setAsidePrefix = "failed#"
	notBefore      = "not_before"
	attempts       = "attempts"
	claimWindow    = 50 // items among which a loader chooses one
)

func workKey(feedName, sort string) item { return key(feedName, workID, sort) }

func workSort(ref ids.PartRef) string { return stamp(ref.Time) + "#" + ref.Upload + "#" + ref.Part }

// PutWork lets a part wait for a loader, in the order of the times of the source
// objects. It changes nothing if the part waits or is being loaded, and reports
// whether it entered the part.
func (l *Ledger) PutWork(ctx context.Context, ref ids.PartRef) (bool, error) {
	it := workKey(ref.Feed, waitPrefix+workSort(ref))
	it["upload"], it["part"] = str(ref.Upload), str(ref.Part)
	it[attempts] = &types.AttributeValueMemberN{Value: "0"}
	entered, err := l.put(ctx, it)
	if err != nil {
		return false, fmt.Errorf("ledger: let part %s of upload %s wait for a loader: %w", ref.Part, ref.Upload, err)
	}
	return entered, nil
}

// ClaimWork takes the lease of a part of a feed. Where it returns none, empty reports
// that no part of the feed waits or is being loaded, and next is when the earliest
// attempt may begin that is not due, zero if no part waits for one.
func (l *Ledger) ClaimWork(ctx context.Context, feedName string, lease Lease) (w *Work, empty bool, next time.Time, err error) {
	claimable, empty, next, err := l.claimable(ctx, feedName, lease.Owner)
	if err != nil {
		return nil, empty, next, err
	}
	w, err = l.claimOne(ctx, feedName, claimable, lease)
	return w, empty, next, err
}

// DueWork reports whether a feed has a part that a loader could claim.
func (l *Ledger) DueWork(ctx context.Context, feedName, owner string) (bool, error) {
	claimable, _, _, err := l.claimable(ctx, feedName, owner)
	return len(claimable) > 0, err
}

// claimable returns some of a feed's parts that the owner could claim, the earliest.
func (l *Ledger) claimable(ctx context.Context, feedName, owner string) (list []workItem, empty bool, next time.Time, err error) {
	now := stamp(l.now())
	earliest := ""
	examined := 0
	err = l.eachWork(ctx, feedName, waitPrefix, claimWindow, func(it workItem) bool {
		examined++
		switch {
		case it.Reader != "" && it.Reader != owner && it.ReaderUntil >= now:
		case it.NotBefore > now:
			if earliest == "" || it.NotBefore < earliest {
				earliest = it.NotBefore
			}
		default:
			list = append(list, it)
		}
		// Parts that are not due, or that others load, do not hide those after them.
		return examined < claimWindow || len(list) == 0
	})
	if err == nil && earliest != "" {
		next, err = time.Parse(timeLayout, earliest)
	}
	if err != nil {
		return nil, false, next, fmt.Errorf("ledger: work of feed %s: %w", feedName, err)
	}
	return list, examined == 0, next, nil
}

// claimOne takes the lease of one of the items, unless others take all of them.
func (l *Ledger) claimOne(ctx context.Context, feedName string, claimable []workItem, lease Lease) (*Work, error) {
	now := stamp(l.now())
	// Loaders choose at random, so that few of them want the same part.
	rand.Shuffle(len(claimable), func(i, j int) { claimable[i], claimable[j] = claimable[j], claimable[i] })
	for _, it := range claimable {
		c := change{key: workKey(feedName, it.Sort), condition: expression.Name(attempts).Equal(expression.Value(it.Attempts)).And(
			expression.Or(
				expression.Name(readerAttribute).AttributeNotExists(),
				equal(readerAttribute, lease.Owner),
				expression.Name(readerUntilAttribute).LessThan(expression.Value(now)),
			))}
		c.setLease(lease)
		c.add(attempts, 1)
		c.remove("error") // where it is missing at the next claim, this attempt was killed
		_, err := l.apply(ctx, c)
		if conditionFailed(err) {
			// Another loader has it, or the response to this very change was lost and the
			// client repeated it.
			var mine bool
			if mine, err = l.claimed(ctx, feedName, it, lease); err == nil && !mine {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("ledger: claim part %s of upload %s: %w", it.Part, it.Upload, err)
		}
		return &Work{
			PartRef:  ids.PartRef{Feed: feedName, Upload: it.Upload, Part: it.Part},
			Attempts: it.Attempts + 1, Error: it.Error, sort: it.Sort,
		}, nil
	}
	return nil, nil
}

// claimed reports whether a change that failed has claimed an item all the same.
func (l *Ledger) claimed(ctx context.Context, feedName string, was workItem, lease Lease) (bool, error) {
	it, err := l.get(ctx, workKey(feedName, was.Sort), "work")
	if err != nil || len(it) == 0 {
		return false, err
	}
	now, err := decodeWork(it)
	return now.Reader == lease.Owner && now.Attempts == was.Attempts+1, err
}

// work lists up to limit items of a feed's work, consistently.
func (l *Ledger) work(ctx context.Context, feedName, prefix string, limit int) ([]workItem, error) {
	var list []workItem
	err := l.eachWork(ctx, feedName, prefix, limit, func(it workItem) bool {
		list = append(list, it)
		return len(list) < limit
	})
	return list, err
}

// eachWork calls yield for the items of a feed's work, consistently, until it returns
// false.
func (l *Ledger) eachWork(ctx context.Context, feedName, prefix string, page int, yield func(workItem) bool) error {
	condition := expression.Key(feed.PartitionKey).Equal(expression.Value(ids.LedgerKey(feedName, workID))).
		And(expression.Key(feed.SortKey).BeginsWith(prefix))
	in := &dynamodb.QueryInput{ConsistentRead: aws.Bool(true), Limit: aws.Int32(int32(page))}
	if err := query(ctx, l, in, condition, decodeWork, yield); err != nil {
		return fmt.Errorf("ledger: list the work of feed %s: %w", feedName, err)
	}
	return nil
}

func decodeWork(it item) (w workItem, err error) {
	if err = decode(it, &w); err != nil {
		err = fmt.Errorf("ledger: item of work: %w", err)
	}
	return w, err
}

// RenewWork renews the lease of a part. The error wraps ErrLeaseLost where another
// loader has it.
func (l *Ledger) RenewWork(ctx context.Context, w *Work, lease Lease) error {
	c := w.change(lease)
	c.setLease(lease)
	return l.changeWork(ctx, w, c)
}

// ReleaseWork ends the lease of a part that is to be continued: it was not an attempt
// that failed.
func (l *Ledger) ReleaseWork(ctx context.Context, w *Work, lease Lease) error {
	c := w.change(lease)
	c.removeLease()
	c.set(attempts, 0)
	return l.changeWork(ctx, w, c)
}

// RetryWork ends the lease of a part that failed, whose next attempt may begin after a
// wait.
func (l *Ledger) RetryWork(ctx context.Context, w *Work, lease Lease, wait time.Duration, cause error) error {
	c := w.change(lease)
	c.removeLease()
	c.set(notBefore, stamp(l.now().Add(wait)))
	c.set("error", cause.Error())
	return l.changeWork(ctx, w, c)
}

// EndWork removes a part that is loaded.
func (l *Ledger) EndWork(ctx context.Context, w *Work) error {
	_, err := l.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &l.table, Key: workKey(w.Feed, w.sort)})
	if err != nil {
		return fmt.Errorf("ledger: end the work on part %s of upload %s: %w", w.Part, w.Upload, err)
	}
	return nil
}

func (w *Work) change(lease Lease) change {
	return change{key: workKey(w.Feed, w.sort), condition: equal(readerAttribute, lease.Owner)}
}

func (l *Ledger) changeWork(ctx context.Context, w *Work, c change) error {
	_, err := l.apply(ctx, c)
	if conditionFailed(err) {
		err = ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("ledger: change the work on part %s of upload %s: %w", w.Part, w.Upload, err)
	}
	return nil
}

// SetAside sets a part aside that no attempt could load: loaders leave it, until it is
// put to work again (PutWork, and then ForgetSetAside).
func (l *Ledger) SetAside(ctx context.Context, w *Work, cause error) error {
	it := workKey(w.Feed, setAsidePrefix+w.sort[len(waitPrefix):])
	it["upload"], it["part"], it["error"] = str(w.Upload), str(w.Part), str(cause.Error())
	it[attempts] = &types.AttributeValueMemberN{Value: strconv.Itoa(w.Attempts)}
	it["set_aside_at"] = str(stamp(l.now()))
	if _, err := l.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &l.table, Item: it}); err != nil {
		return fmt.Errorf("ledger: set part %s of upload %s aside: %w", w.Part, w.Upload, err)
	}
	return l.EndWork(ctx, w)
}

// ListWork returns up to limit parts of a feed that wait or are being loaded, in the
// order in which they are loaded, and as many that were set aside.
func (l *Ledger) ListWork(ctx context.Context, feedName string, limit int) (waiting, setAside []Work, err error) {
	for _, list := range []struct {
		prefix string
		to     *[]Work
	}{{waitPrefix, &waiting}, {setAsidePrefix, &setAside}} {
		items, err := l.work(ctx, feedName, list.prefix, limit)
		if err != nil {
			return nil, nil, err
		}
		for _, it := range items {
			at, err := time.Parse(timeLayout, it.Sort[len(list.prefix):][:len(timeLayout)])
			if err != nil {
				return nil, nil, fmt.Errorf("ledger: work of feed %s: %w", feedName, err)
			}
			var setAsideAt time.Time
			if it.SetAsideAt != "" {
				if setAsideAt, err = time.Parse(timeLayout, it.SetAsideAt); err != nil {
					return nil, nil, fmt.Errorf("ledger: work of feed %s: %w", feedName, err)
				}
			}
			*list.to = append(*list.to, Work{
				PartRef:  ids.PartRef{Feed: feedName, Upload: it.Upload, Part: it.Part, Time: at},
				Attempts: it.Attempts, Error: it.Error, sort: it.Sort, SetAsideAt: setAsideAt,
				Loading: it.Reader != "" && it.ReaderUntil >= stamp(l.now()),
			})
		}
	}
	return waiting, setAside, nil
}

// ForgetSetAside removes a part from those that were set aside.
func (l *Ledger) ForgetSetAside(ctx context.Context, w Work) error { return l.EndWork(ctx, &w) }
