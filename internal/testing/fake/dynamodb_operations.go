package fake

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

type request struct {
	Item                      Item
	Key                       Item
	ConditionExpression       string
	UpdateExpression          string
	KeyConditionExpression    string
	FilterExpression          string
	IndexName                 string
	ConsistentRead            bool
	ScanIndexForward          *bool
	Limit                     int
	ExclusiveStartKey         Item
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues Item
	ReturnValues              string
	RequestItems              map[string][]writeRequest
	TransactItems             []struct{ Update *request }
}

// writeRequest is one request of a batch: an item to put, or the key of one to delete.
type writeRequest struct {
	PutRequest    *struct{ Item Item } `json:",omitempty"`
	DeleteRequest *struct{ Key Item }  `json:",omitempty"`
}

func (w writeRequest) id() string {
	if w.DeleteRequest != nil {
		return w.DeleteRequest.Key.id()
	}
	return w.PutRequest.Item.id()
}

func (f *DynamoDB) do(operation string, body []byte) (any, error) {
	if operation == "BatchGetItem" {
		return f.batchGet(body)
	}
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &apiError{status: http.StatusBadRequest, code: "SerializationException"}
	}
	if f.Conflict != nil && (operation == "UpdateItem" || operation == "TransactWriteItems") && f.Conflict(operation) {
		return nil, in.conflict()
	}
	if units := in.units(operation); units > 0 && !f.Throughput.take(in.pk(), units) {
		return nil, errThrottled
	}
	switch operation {
	case "GetItem":
		if it, ok := f.items[in.Key.id()]; ok {
			return map[string]any{"Item": it}, nil
		}
		return map[string]any{}, nil
	case "DeleteItem":
		if err := in.check(f.items[in.Key.id()]); err != nil {
			return nil, err
		}
		f.unset(in.Key.id())
		return map[string]any{}, nil
	case "PutItem":
		if err := in.check(f.items[in.Item.id()]); err != nil {
			return nil, err
		}
		if err := in.Item.checkKeys(); err != nil {
			return nil, err
		}
		f.set(in.Item)
		return map[string]any{}, nil
	case "UpdateItem":
		it, err := f.update(&in)
		if err != nil {
			return nil, err
		}
		f.set(it)
		if in.ReturnValues == "ALL_NEW" {
			return map[string]any{"Attributes": it}, nil
		}
		return map[string]any{}, nil
	case "TransactWriteItems":
		return f.transact(&in)
	case "BatchWriteItem":
		return f.batch(&in)
	case "Query":
		return f.query(&in)
	}
	return nil, invalid("operation %s", operation)
}

// units is what the request takes of the table's throughput; that of a batch is for each of its
// items.
func (in *request) units(operation string) int {
	switch operation {
	case "PutItem":
		return writeUnits(in.Item)
	case "UpdateItem", "DeleteItem":
		return 1
	case "TransactWriteItems":
		return 2 * len(in.TransactItems)
	}
	return 0
}

// pk is the partition key of the request, that of the first item of a transaction.
func (in *request) pk() string {
	if len(in.TransactItems) > 0 {
		return in.TransactItems[0].Update.pk()
	}
	return in.Item.Str("pk") + in.Key.Str("pk")
}

func (in *request) expressions() expressions {
	return expressions{in.ExpressionAttributeNames, in.ExpressionAttributeValues}
}

// check returns errCondition unless an item, nil if it does not exist, satisfies the request's condition.
func (in *request) check(it Item) error {
	ok, err := in.expressions().matches(in.ConditionExpression, it)
	if err == nil && !ok {
		return errCondition
	}
	return err
}

// update returns the item as the update leaves it.
func (f *DynamoDB) update(in *request) (Item, error) {
	old := f.items[in.Key.id()]
	if err := in.check(old); err != nil {
		return nil, err
	}
	it, err := in.expressions().apply(in.UpdateExpression, old, in.Key)
	if err != nil {
		return nil, err
	}
	return it, it.checkKeys()
}

func (in *request) conflict() error {
	if in.TransactItems == nil {
		return &apiError{status: http.StatusBadRequest, code: "TransactionConflictException"}
	}
	reasons := make([]map[string]string, len(in.TransactItems))
	for i := range reasons {
		reasons[i] = map[string]string{"Code": "None"}
	}
	reasons[len(reasons)-1]["Code"] = "TransactionConflict"
	return &apiError{status: http.StatusBadRequest, code: "TransactionCanceledException", reasons: reasons}
}

func (f *DynamoDB) transact(in *request) (any, error) {
	var changed []Item
	failed := false
	reasons := make([]map[string]string, len(in.TransactItems))
	for i, t := range in.TransactItems {
		it, err := f.update(t.Update)
		reasons[i] = map[string]string{"Code": "None"}
		if errors.Is(err, errCondition) {
			reasons[i]["Code"] = "ConditionalCheckFailed"
			failed = true
		} else if err != nil {
			return nil, err
		}
		changed = append(changed, it)
	}
	if failed {
		return nil, &apiError{status: http.StatusBadRequest, code: "TransactionCanceledException", reasons: reasons}
	}
	for _, it := range changed {
		f.set(it)
	}
	return map[string]any{}, nil
}

func (f *DynamoDB) batch(in *request) (any, error) {
	left := map[string]any{}
	for table, puts := range in.RequestItems {
		if len(puts) > 25 || len(puts) == 0 {
			return nil, invalid("%d items in a batch", len(puts))
		}
		seen := map[string]bool{}
		for _, p := range puts {
			if seen[p.id()] {
				return nil, invalid("key twice in one batch")
			}
			seen[p.id()] = true
			if p.PutRequest != nil {
				if err := p.PutRequest.Item.checkKeys(); err != nil {
					return nil, err
				}
			}
			if f.Refuse != nil && p.PutRequest != nil && f.Refuse(p.PutRequest.Item) {
				return nil, invalid("an item is refused on request")
			}
		}
		done := len(puts)
		if f.Unprocessed != nil {
			done -= min(f.Unprocessed(len(puts)), len(puts))
		}
		puts, throttled := f.withinThroughput(puts[:done], puts[done:])
		done = len(puts)
		if done == 0 && f.Throughput != nil {
			return nil, errThrottled
		}
		for _, p := range puts {
			if p.DeleteRequest != nil {
				f.unset(p.id())
				continue
			}
			f.set(p.PutRequest.Item)
		}
		if len(throttled) > 0 {
			left[table] = throttled
		}
	}
	return map[string]any{"UnprocessedItems": left}, nil
}

// withinThroughput returns the writes that the table takes now, and the others with those
// that are left anyway.
func (f *DynamoDB) withinThroughput(writes, left []writeRequest) (taken, throttled []writeRequest) {
	for _, w := range writes {
		units := 1
		if w.PutRequest != nil {
			units = writeUnits(w.PutRequest.Item)
		}
		pk, _, _ := strings.Cut(w.id(), "\x00")
		if f.Throughput.take(pk, units) {
			taken = append(taken, w)
		} else {
			throttled = append(throttled, w)
		}
	}
	return taken, append(throttled, left...)
}
