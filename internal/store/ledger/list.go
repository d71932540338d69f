package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
)

// Listing selects uploads of a feed.
type Listing struct {
	Feed string
	// Since excludes uploads whose source object is older; zero excludes none.
	Since time.Time
	// Limit is the maximum number of uploads; 0 for all.
	Limit int
}

// Uploads lists all uploads of a feed, as List does.
func (l *Ledger) Uploads(ctx context.Context, feedName string, yield func(Upload) bool) error {
	return l.List(ctx, Listing{Feed: feedName}, yield)
}

// List lists uploads of a feed, newest source object first, calling yield for each until
// it returns false. It reads the partitions of the index side by side, in pages of what
// remains to be listed. The index is eventually consistent with the table and has the
// counts of settled uploads only; those in progress are read from the table.
func (l *Ledger) List(ctx context.Context, s Listing, yield func(Upload) bool) error {
	m, err := l.indexed(s)
	for left := s.Limit; err == nil && (s.Limit == 0 || left > 0); {
		size := MaxStates
		if s.Limit > 0 {
			size = min(size, left)
		}
		var page []indexedUpload
		if page, err = m.next(ctx, size); err != nil || len(page) == 0 {
			break
		}
		var uploads []Upload
		if uploads, err = l.complete(ctx, s.Feed, page); err != nil {
			break
		}
		for _, u := range uploads {
			if !yield(u) {
				return nil
			}
		}
		left -= len(uploads)
	}
	if err != nil {
		return fmt.Errorf("ledger: list uploads of feed %s: %w", s.Feed, err)
	}
	return nil
}

// indexedUpload is an upload as the index has it. complete is false where the table has to
// be read for its state and counts.
type indexedUpload struct {
	Upload
	complete bool
}

// indexPartition is a partition of the index that is being listed.
type indexPartition struct {
	in *dynamodb.QueryInput
	// read are the uploads that were read and not taken, newest first.
	read []indexedUpload
	done bool // there are no others
}

// merged are the partitions of a feed, from which the newest upload is taken first.
type merged struct {
	l          *Ledger
	partitions []*indexPartition
}

// The first page of a partition has firstListPage uploads, unless a Listing has a limit;
// each further one has more, up to maxListPage. DynamoDB ends a page at 1 MB.
const (
	firstListPage = 32
	maxListPage   = 1000
)

// indexed prepares the listing of a feed.
func (l *Ledger) indexed(s Listing) (*merged, error) {
	page := firstListPage
	if s.Limit > 0 {
		// Some more than the average, so that few partitions are read twice.
		page = min(maxListPage, s.Limit, s.Limit/feed.LedgerIndexShards*2+2)
	}
	m := &merged{l: l}
	for _, key := range feed.LedgerIndexKeys(s.Feed) {
		condition := expression.Key(feed.LedgerIndexPartitionKey).Equal(expression.Value(key))
		if !s.Since.IsZero() {
			condition = condition.And(expression.Key(feed.LedgerIndexSortKey).GreaterThanEqual(expression.Value(stamp(s.Since))))
		}
		e, err := expression.NewBuilder().WithKeyCondition(condition).Build()
		if err != nil {
			return nil, err
		}
		m.partitions = append(m.partitions, &indexPartition{in: &dynamodb.QueryInput{
			TableName: &l.table, IndexName: aws.String(feed.LedgerIndex), ScanIndexForward: aws.Bool(false), Limit: aws.Int32(int32(page)),
			KeyConditionExpression: e.KeyCondition(), ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
		}})
	}
	return m, nil
}

// next takes the newest uploads, up to n.
func (m *merged) next(ctx context.Context, n int) ([]indexedUpload, error) {
	var page []indexedUpload
	for len(page) < n {
		if err := m.fill(ctx); err != nil {
			return nil, err
		}
		var newest *indexPartition
		for _, p := range m.partitions {
			if len(p.read) > 0 && (newest == nil || indexSortKey(p.read[0].Upload) > indexSortKey(newest.read[0].Upload)) {
				newest = p
			}
		}
		if newest == nil {
			break
		}
		page = append(page, newest.read[0])
		newest.read = newest.read[1:]
	}
	return page, nil
}

// fill reads more where nothing is left of what was read. Partitions of which little is
// left are read with it: their uploads are spread evenly, so all would be read one after
// the other otherwise.
func (m *merged) fill(ctx context.Context) error {
	if !slices.ContainsFunc(m.partitions, func(p *indexPartition) bool { return len(p.read) == 0 && !p.done }) {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range m.partitions {
		if !p.done && len(p.read) <= int(*p.in.Limit)/8 {
			g.Go(func() error { return p.fill(ctx, m.l.api) })
		}
	}
	return g.Wait()
}

func (p *indexPartition) fill(ctx context.Context, api API) error {
	started := p.in.ExclusiveStartKey != nil
	out, err := api.Query(ctx, p.in)
	if err != nil {
		return err
	}
	p.read = slices.Clone(p.read)
	for _, it := range out.Items {
		u, complete, err := decodeIndexed(it)
		if err != nil {
			return err
		}
		p.read = append(p.read, indexedUpload{u, complete})
	}
	p.in.ExclusiveStartKey, p.done = out.LastEvaluatedKey, out.LastEvaluatedKey == nil
	if started {
		p.in.Limit = aws.Int32(min(maxListPage, *p.in.Limit*4))
	}
	return nil
}

// complete reads from the table what the index does not have. Uploads that the table does
// not have any more are left out.
func (l *Ledger) complete(ctx context.Context, feedName string, page []indexedUpload) ([]Upload, error) {
	var ids []string
	for _, u := range page {
		if !u.complete {
			ids = append(ids, u.ID)
		}
	}
	found, err := readUploads(ctx, l.api, l.table, feedName, ids, types.KeysAndAttributes{})
	if err != nil {
		return nil, err
	}
	var uploads []Upload
	for _, u := range page {
		now, ok := found[u.ID]
		switch {
		case u.complete:
			uploads = append(uploads, u.Upload)
		case ok:
			uploads = append(uploads, now)
		}
	}
	return uploads, nil
}

// Parts lists the parts of an upload in order, calling yield for each until it
// returns false.
func (l *Ledger) Parts(ctx context.Context, feedName, id string, yield func(Part) bool) error {
	condition := expression.Key(feed.PartitionKey).Equal(expression.Value(ids.LedgerKey(feedName, id))).
		And(expression.Key(feed.SortKey).BeginsWith(partSortPrefix))
	in := &dynamodb.QueryInput{ConsistentRead: aws.Bool(true)}
	if err := query(ctx, l, in, condition, decodePart, yield); err != nil {
		return fmt.Errorf("ledger: list parts of upload %s: %w", id, err)
	}
	return nil
}

func query[T any](ctx context.Context, l *Ledger, in *dynamodb.QueryInput, condition expression.KeyConditionBuilder, decode func(item) (T, error), yield func(T) bool) error {
	e, err := expression.NewBuilder().WithKeyCondition(condition).Build()
	if err != nil {
		return err
	}
	in.TableName, in.KeyConditionExpression = &l.table, e.KeyCondition()
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = e.Names(), e.Values()
	for pages := dynamodb.NewQueryPaginator(l.api, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, it := range page.Items {
			v, err := decode(it)
			if err != nil {
				return err
			}
			if !yield(v) {
				return nil
			}
		}
	}
	return nil
}
