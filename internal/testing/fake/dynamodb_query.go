package fake

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// query performs a Query of the table or of its index, in pages of Limit or PageSize.
func (f *DynamoDB) query(in *request) (any, error) {
	expressions := in.expressions()
	found := []Item{}
	schema := tableKey
	if in.IndexName != "" {
		index, ok := indexes[in.IndexName]
		switch {
		case !ok:
			return nil, invalid("the table does not have the index %s", in.IndexName)
		case in.ConsistentRead:
			return nil, invalid("consistent reads are not supported on global secondary indexes")
		}
		schema = index
	}
	keys := maps.Keys(f.items)
	if partition, ok := expressions.equals(in.KeyConditionExpression, "pk"); ok {
		keys = f.keysOf(partition)
	}
	for _, key := range slices.Sorted(keys) {
		it := f.items[key]
		ok, err := expressions.matches(in.KeyConditionExpression, it)
		if err != nil {
			return nil, err
		}
		if ok && schema.has(it) {
			if in.IndexName != "" {
				it = projected(in.IndexName, it)
			}
			found = append(found, it)
		}
	}
	slices.SortStableFunc(found, func(a, b Item) int { return strings.Compare(a.Str(schema.sort), b.Str(schema.sort)) })
	if in.ScanIndexForward != nil && !*in.ScanIndexForward {
		slices.Reverse(found)
	}
	switch start := in.ExclusiveStartKey; {
	case start == nil:
	case in.IndexName == "" && (in.ScanIndexForward == nil || *in.ScanIndexForward):
		// The start key need not be that of an item.
		found = slices.DeleteFunc(found, func(it Item) bool { return it.id() <= start.id() })
	case start[schema.partition] == nil || start[schema.sort] == nil || start["pk"] == nil || start["sk"] == nil:
		return nil, invalid("the provided starting key is invalid: %v", start)
	default:
		after := slices.IndexFunc(found, func(it Item) bool { return it.id() == start.id() })
		found = found[after+1:]
	}
	response := map[string]any{}
	if in.Limit == 0 {
		in.Limit = f.PageSize
	}
	if in.Limit > 0 && in.Limit < len(found) {
		found = found[:in.Limit]
		last := found[in.Limit-1]
		response["LastEvaluatedKey"] = schema.pageKey(last)
	}
	chosen := []Item{}
	for _, it := range found {
		ok, err := expressions.matches(in.FilterExpression, it)
		if err != nil {
			return nil, err
		}
		if ok {
			chosen = append(chosen, it)
		}
	}
	response["Items"], response["Count"] = chosen, len(chosen)
	return response, nil
}

// keysOf returns the keys of the items with a partition key.
func (f *DynamoDB) keysOf(partition string) iter.Seq[string] {
	return maps.Keys(f.partitions[partition])
}
