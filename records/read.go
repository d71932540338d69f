package records

import (
	"context"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// Memory is bounded by the pages that are held: an upload has at most 64 shards,
// and two pages of each are in memory, each of at most 1 MB in the table.
const (
	pageItems = 250
	// maxRequests is the number of concurrent queries.
	maxRequests = 16
)

// pageItems returns the page size if left more records are wanted, 0 for all.
func (q Query) pageItems(left int64) int32 {
	if left > 0 && left < pageItems && len(q.Filters) == 0 {
		return int32(left)
	}
	return pageItems
}

// page holds consecutive records of one shard.
type page struct {
	records []Record
	err     error
}

// upload reads the records of one upload in the order of its file: it merges the
// shards by sort key.
func (f *Feed) upload(ctx context.Context, u ledger.Upload, items int32) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if u.State.Done() && u.Stored == 0 {
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		slots := make(chan struct{}, maxRequests)
		shards := make([]*shardReader, max(u.Shards, 1))
		for shard := range shards {
			shards[shard] = &shardReader{pages: f.shard(ctx, u, shard, items, slots)}
		}
		defer func() {
			cancel()
			for _, s := range shards {
				for range s.pages { // until its goroutine has ended
				}
			}
		}()
		for {
			var first *shardReader
			for _, s := range shards {
				if err := s.fill(); err != nil {
					yield(Record{}, err)
					return
				}
				if len(s.records) > 0 && (first == nil || s.records[0].ID < first.records[0].ID) {
					first = s
				}
			}
			if first == nil {
				return
			}
			r := first.records[0]
			first.records = first.records[1:]
			if !yield(r, nil) {
				return
			}
		}
	}
}

// shardReader holds the unread records of the current page of a shard.
type shardReader struct {
	records []Record
	pages   <-chan page
}

// fill receives the next page once the current one is used up.
func (s *shardReader) fill() error {
	for len(s.records) == 0 {
		p, ok := <-s.pages
		if !ok || p.err != nil {
			return p.err
		}
		s.records = p.records
	}
	return nil
}

// shard reads a shard page by page, one page ahead of the receiver, and closes the
// channel at the end. It stops when ctx ends.
func (f *Feed) shard(ctx context.Context, u ledger.Upload, shard int, items int32, slots chan struct{}) <-chan page {
	pages := make(chan page)
	query, err := f.query(u, shard, items)
	go func() {
		defer close(pages)
		for err != nil || query.HasMorePages() {
			p := page{err: err}
			if err == nil {
				select {
				case slots <- struct{}{}:
				case <-ctx.Done():
				}
				p = nextPage(ctx, query, u)
				if ctx.Err() == nil {
					<-slots
				}
			}
			select {
			case pages <- p:
			case <-ctx.Done():
				return
			}
			if p.err != nil {
				return
			}
		}
	}()
	return pages
}

func (f *Feed) query(u ledger.Upload, shard int, items int32) (*dynamodb.QueryPaginator, error) {
	key := expression.Key(feed.PartitionKey).Equal(expression.Value(ids.PartitionKey(f.Name, u.ID, shard)))
	e, err := expression.NewBuilder().WithKeyCondition(key).Build()
	if err != nil {
		return nil, fmt.Errorf("read records of %s: %w", u.Source(), err)
	}
	return dynamodb.NewQueryPaginator(f.api, &dynamodb.QueryInput{
		TableName: &f.table, ConsistentRead: aws.Bool(true), Limit: &items, KeyConditionExpression: e.KeyCondition(),
		ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
	}), nil
}

func nextPage(ctx context.Context, query *dynamodb.QueryPaginator, u ledger.Upload) page {
	out, err := query.NextPage(ctx)
	if err != nil {
		return page{err: fmt.Errorf("read records of %s: %w", u.Source(), err)}
	}
	p := page{records: make([]Record, 0, len(out.Items))}
	for _, item := range out.Items {
		r, err := newRecord(item, u)
		if err != nil {
			return page{err: fmt.Errorf("read records of %s: %w", u.Source(), err)}
		}
		p.records = append(p.records, r)
	}
	return p
}

// newRecord returns the record of an item. An item has its keys and its data, and the
// path of the entry unless that is the name of the file; the upload has the rest. Items
// of versions before 0.2 have all of it.
func newRecord(item map[string]types.AttributeValue, u ledger.Upload) (Record, error) {
	var r struct {
		PK    string    `dynamodbav:"pk"`
		SK    string    `dynamodbav:"sk"`
		Entry *string   `dynamodbav:"entry"`
		Data  jsonValue `dynamodbav:"data"`
	}
	err := attributevalue.UnmarshalMap(item, &r)
	if err != nil {
		return Record{}, fmt.Errorf("item %s %s: %w", r.PK, r.SK, err)
	}
	id := u.ID + "/" + r.SK
	_, _, ordinal, err := ids.ParseRecordID(id)
	if err != nil || item["data"] == nil {
		return Record{}, fmt.Errorf("item %s %s is not a record", r.PK, r.SK)
	}
	entry := ids.EntryName(u.Key)
	if r.Entry != nil {
		entry = *r.Entry
	}
	return Record{ID: id, Feed: u.Feed, Source: u.Source(), Version: u.Version(), Entry: entry, Ordinal: ordinal, Data: r.Data.text()}, nil
}
