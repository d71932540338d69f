package fake

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// query knows the project's: by the index, by pk, and by pk with the beginning of
// sk. It pages by Limit or PageSize.
func (f *DynamoDB) query(in *request) (any, error) {
	found := []Item{}
	keys := maps.Keys(f.items)
	if in.IndexName == "" {
		keys = f.keysOf(in.ExpressionAttributeValues.Str(":k"))
	}
	for _, key := range slices.Sorted(keys) {
		it := f.items[key]
		switch in.KeyConditionExpression {
		case "#k = :k":
			if it.Str(in.ExpressionAttributeNames["#k"]) != in.ExpressionAttributeValues.Str(":k") {
				continue
			}
		case "#k = :k AND begins_with(#s, :s)":
			if it.Str(in.ExpressionAttributeNames["#k"]) != in.ExpressionAttributeValues.Str(":k") ||
				!strings.HasPrefix(it.Str(in.ExpressionAttributeNames["#s"]), in.ExpressionAttributeValues.Str(":s")) {
				continue
			}
		case "#k = :k AND #s BETWEEN :first AND :last":
			if sort := it.Str(in.ExpressionAttributeNames["#s"]); it.Str(in.ExpressionAttributeNames["#k"]) != in.ExpressionAttributeValues.Str(":k") ||
				sort < in.ExpressionAttributeValues.Str(":first") || sort > in.ExpressionAttributeValues.Str(":last") {
				continue
			}
		default:
			return nil, invalid("key condition %q", in.KeyConditionExpression)
		}
		found = append(found, it)
	}
	if in.IndexName != "" {
		slices.SortStableFunc(found, func(a, b Item) int { return strings.Compare(a.Str("ledger_time"), b.Str("ledger_time")) })
	}
	if in.ScanIndexForward != nil && !*in.ScanIndexForward {
		slices.Reverse(found)
	}
	switch start := in.ExclusiveStartKey; {
	case start == nil:
	case in.IndexName == "" && (in.ScanIndexForward == nil || *in.ScanIndexForward):
		// The item need not be there.
		found = slices.DeleteFunc(found, func(it Item) bool { return it.id() <= start.id() })
	default:
		after := slices.IndexFunc(found, func(it Item) bool { return it.id() == start.id() })
		found = found[after+1:]
	}
	answer := map[string]any{}
	if in.Limit == 0 {
		in.Limit = f.PageSize
	}
	if in.Limit > 0 && in.Limit < len(found) {
		found = found[:in.Limit]
		last := found[in.Limit-1]
		answer["LastEvaluatedKey"] = Item{"pk": last["pk"], "sk": last["sk"]}
	}
	answer["Items"], answer["Count"] = found, len(found)
	return answer, nil
}

// keysOf are the keys of the items with a partition key.
func (f *DynamoDB) keysOf(partition string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for key := range f.items {
			if strings.HasPrefix(key, partition+"\x00") && !yield(key) {
				return
			}
		}
	}
}
