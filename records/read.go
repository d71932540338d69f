package records

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

// What bounds memory: an upload has at most 64 shards, and of each there are
// two pages at a time, of at most a megabyte in the table.
const (
	pageItems = 250
	// requests is how many pages are asked for at once.
	requests = 16
)

// pageItems is how many records a page should have when left are wanted, 0 for all.
func (q Query) pageItems(left int64) int32 {
	if left > 0 && left < pageItems && len(q.Where) == 0 {
		return int32(left)
	}
	return pageItems
}

// page is some records of one shard, in order.
type page struct {
	records []Record
	err     error
}

// upload reads the records of one upload in the order of its file: those of its
// shards are merged by their sort key.
func (f *Feed) upload(ctx context.Context, u ledger.Upload, items int32) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if u.State.Done() && u.Stored == 0 {
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		places := make(chan struct{}, requests)
		heads := make([]*head, max(u.Shards, 1))
		for shard := range heads {
			heads[shard] = &head{pages: f.shard(ctx, u, shard, items, places)}
		}
		defer func() {
			cancel()
			for _, h := range heads {
				for range h.pages { // until its goroutine has gone
				}
			}
		}()
		for {
			var first *head
			for _, h := range heads {
				if err := h.fill(); err != nil {
					yield(Record{}, err)
					return
				}
				if len(h.records) > 0 && (first == nil || h.records[0].ID < first.records[0].ID) {
					first = h
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

// head is how far one shard is read.
type head struct {
	records []Record
	pages   <-chan page
}

// fill takes the next page, if there is one, once the last is used up.
func (h *head) fill() error {
	for len(h.records) == 0 {
		p, ok := <-h.pages
		if !ok || p.err != nil {
			return p.err
		}
		h.records = p.records
	}
	return nil
}

// shard reads a shard page by page, one ahead of who takes them, and closes the
// channel at the end. It ends with ctx.
func (f *Feed) shard(ctx context.Context, u ledger.Upload, shard int, items int32, places chan struct{}) <-chan page {
	query := dynamodb.NewQueryPaginator(f.api, &dynamodb.QueryInput{
		TableName: &f.table, ConsistentRead: aws.Bool(true), Limit: &items,
		KeyConditionExpression:   aws.String("#k = :k"),
		ExpressionAttributeNames: map[string]string{"#k": feed.PartitionKey},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":k": &types.AttributeValueMemberS{Value: ids.PartitionKey(f.Name, u.ID, shard)},
		},
	})
	pages := make(chan page)
	go func() {
		defer close(pages)
		for query.HasMorePages() {
			select {
			case places <- struct{}{}:
			case <-ctx.Done():
			}
			p := nextPage(ctx, query, u)
			if ctx.Err() == nil {
				<-places
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

func nextPage(ctx context.Context, query *dynamodb.QueryPaginator, u ledger.Upload) page {
	out, err := query.NextPage(ctx)
	if err != nil {
		return page{err: fmt.Errorf("read records of %s: %w", u.Source(), err)}
	}
	p := page{records: make([]Record, 0, len(out.Items))}
	for _, item := range out.Items {
		r, err := newRecord(item)
		if err != nil {
			return page{err: fmt.Errorf("read records of %s: %w", u.Source(), err)}
		}
		p.records = append(p.records, r)
	}
	return p
}

func newRecord(item map[string]types.AttributeValue) (Record, error) {
	text := func(name string) string {
		if s, ok := item[name].(*types.AttributeValueMemberS); ok {
			return s.Value
		}
		return ""
	}
	r := Record{ID: text("id"), Feed: text("feed"), Source: text("source"), Version: text("version"), Entry: text("entry")}
	if r.ID == "" {
		return r, fmt.Errorf("item %s %s has no id: it is no record", text(feed.PartitionKey), text(feed.SortKey))
	}
	if n, ok := item["ordinal"].(*types.AttributeValueMemberN); ok {
		ordinal, err := strconv.ParseInt(n.Value, 10, 64)
		if err != nil {
			return r, fmt.Errorf("record %s: ordinal: %w", r.ID, err)
		}
		r.Ordinal = ordinal
	}
	data, err := appendJSON(nil, item["data"])
	if err != nil {
		return r, fmt.Errorf("record %s: %w", r.ID, err)
	}
	r.Data = data
	return r, nil
}
