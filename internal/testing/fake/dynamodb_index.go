package fake

import (
	"encoding/json"
	"maps"

	"example.com/ingestion/feed"
)

// keySchema has the names of the attributes of a key, both strings.
type keySchema struct{ partition, sort string }

var tableKey = keySchema{feed.PartitionKey, feed.SortKey}

// indexes are the global secondary indexes of the table.
var indexes = map[string]keySchema{
	feed.LedgerIndex: {feed.LedgerIndexPartitionKey, feed.LedgerIndexSortKey},
	feed.KeyIndex:    {feed.KeyIndexPartitionKey, feed.KeyIndexSortKey},
}

// projections are the attributes that an index has besides the keys; nil for all.
var projections = map[string][]string{feed.LedgerIndex: feed.LedgerIndexAttributes()}

// projected is the item as an index has it.
func projected(index string, i Item) Item {
	names := projections[index]
	if names == nil {
		return i
	}
	schema, it := indexes[index], Item{}
	for _, name := range append([]string{tableKey.partition, tableKey.sort, schema.partition, schema.sort}, names...) {
		if value, ok := i[name]; ok {
			it[name] = value
		}
	}
	return it
}

// countIndexWrites counts what a change of an item writes to the indexes: one where the
// index gets, changes or loses an item, two where the item has another key in it, none
// where nothing changes that the index has.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
func (f *DynamoDB) countIndexWrites(was, now Item) {
	for name, schema := range indexes {
		before, after := schema.has(was), schema.has(now)
		switch {
		case before && after && (was.Str(schema.partition) != now.Str(schema.partition) || was.Str(schema.sort) != now.Str(schema.sort)):
			f.IndexWrites[name] += 2
		case before != after, before && !maps.EqualFunc(projected(name, was), projected(name, now), func(a, b json.RawMessage) bool { return string(a) == string(b) }):
			f.IndexWrites[name]++
		}
	}
}

// Sizes of key attributes, in bytes.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
const (
	maxPartitionKey = 2048
	maxSortKey      = 1024
)

// checkKeys returns an error for an item that DynamoDB refuses for an attribute of a key: of
// the table, or of an index where the item has it. An index does not have an item that
// lacks one of them.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
func (i Item) checkKeys() error {
	for _, name := range []string{tableKey.partition, tableKey.sort} {
		if i[name] == nil {
			return invalid("the item does not have the key %s", name)
		}
	}
	schemas := []keySchema{tableKey}
	for _, schema := range indexes {
		schemas = append(schemas, schema)
	}
	for _, schema := range schemas {
		for name, limit := range map[string]int{schema.partition: maxPartitionKey, schema.sort: maxSortKey} {
			if i[name] == nil {
				continue
			}
			var value struct{ S *string }
			switch err := json.Unmarshal(i[name], &value); {
			case err != nil || value.S == nil:
				return invalid("type mismatch for key %s: expected S, actual %s", name, kind(i[name]))
			case *value.S == "":
				return invalid("key %s: a key attribute cannot contain an empty string value", name)
			case len(*value.S) > limit:
				return invalid("key %s has %d bytes, the limit is %d", name, len(*value.S), limit)
			}
		}
	}
	return nil
}

// has reports whether an index has the item.
func (s keySchema) has(i Item) bool { return i[s.partition] != nil && i[s.sort] != nil }

// pageKey is the key of an item in a page's LastEvaluatedKey: of the table, and of the index.
func (s keySchema) pageKey(i Item) Item {
	key := Item{}
	for _, name := range []string{tableKey.partition, tableKey.sort, s.partition, s.sort} {
		key[name] = i[name]
	}
	return key
}
