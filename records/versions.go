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

// KeyQuery selects the versions of the records with a key.
type KeyQuery struct {
	// Values are those of the key's fields, in their order, as texts: a number in its
	// shortest decimal form, such as 4711 and not 4711.0.
	Values []string
	// Filters and Limit are those of Query. A Limit of 1 returns the newest version.
	Filters []*Filter
	Limit   int64
}

// Versions returns the records with a key, newest first: by the time of the source object,
// then by upload, entry and ordinal, whatever the order in which the files arrived. If the
// key has a name, the records of all feeds that share it are returned.
//
// They are read from the index by_key with one Query for every 250 records, which is
// eventually consistent: a record may be missing for a moment after it was loaded. The item
// of each record's upload is read in addition, for its source. An error is the last value.
func (f *Feed) Versions(ctx context.Context, q KeyQuery) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		query, err := f.versions(q)
		if err != nil {
			yield(Record{}, err)
			return
		}
		uploads := map[string]ledger.Upload{}
		for left := q.Limit; query.HasMorePages(); {
			out, err := query.NextPage(ctx)
			if err != nil {
				yield(Record{}, fmt.Errorf("feed %q: read records with key %q: %w", f.Name, q.Values, err))
				return
			}
			for _, item := range out.Items {
				r, err := f.version(ctx, item, uploads)
				matches := true
				if err == nil {
					matches, err = matchAll(ctx, r, q.Filters)
				}
				if err == nil && !matches {
					continue
				}
				if !yield(r, err) || err != nil {
					return
				}
				if left--; left == 0 {
					return
				}
			}
		}
	}
}

func (f *Feed) versions(q KeyQuery) (*dynamodb.QueryPaginator, error) {
	if f.RecordKey == nil {
		return nil, fmt.Errorf("feed %q has no key: deploy it with a RecordKey, such as KeyedBy(\"customer_id\")", f.Name)
	}
	value, err := f.RecordKey.Partition(f.Name, q.Values...)
	if err != nil {
		return nil, err
	}
	e, err := expression.NewBuilder().WithKeyCondition(expression.Key(feed.KeyIndexPartitionKey).Equal(expression.Value(value))).Build()
	if err != nil {
		return nil, fmt.Errorf("feed %q: key %q: %w", f.Name, q.Values, err)
	}
	items := Query{Filters: q.Filters}.pageItems(q.Limit)
	return dynamodb.NewQueryPaginator(f.api, &dynamodb.QueryInput{
		TableName: &f.table, IndexName: aws.String(feed.KeyIndex), Limit: &items, ScanIndexForward: aws.Bool(false),
		KeyConditionExpression: e.KeyCondition(), ExpressionAttributeNames: e.Names(), ExpressionAttributeValues: e.Values(),
	}), nil
}

// version returns the record of an item of the index, which may be another feed's.
func (f *Feed) version(ctx context.Context, item map[string]types.AttributeValue, uploads map[string]ledger.Upload) (Record, error) {
	var pk string
	if err := attributevalue.Unmarshal(item[feed.PartitionKey], &pk); err != nil {
		return Record{}, fmt.Errorf("feed %q: item %v: %w", f.Name, item[feed.PartitionKey], err)
	}
	feedName, id, ok := ids.SplitPartitionKey(pk)
	if !ok {
		return Record{}, fmt.Errorf("feed %q: item %s of index %s is not a record", f.Name, pk, feed.KeyIndex)
	}
	u, known := uploads[id]
	if !known {
		var err error
		if u, ok, err = f.ledger.GetUpload(ctx, feedName, id); err != nil {
			return Record{}, err
		}
		if !ok {
			return Record{}, fmt.Errorf("feed %q has no upload %q, of which the table has records", feedName, id)
		}
		uploads[id] = u
	}
	return newRecord(item, u)
}
