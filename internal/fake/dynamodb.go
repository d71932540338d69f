package fake

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Item is an item in DynamoDB's wire form, by attribute.
type Item map[string]json.RawMessage

// DynamoDB is one table with the keys pk and sk, behind DynamoDB's HTTP API. It
// knows the operations and the forms of expression that this project uses, and
// fails on any other.
type DynamoDB struct {
	mu     sync.Mutex
	items  map[string]Item // by pk, NUL, sk
	client *dynamodb.Client

	// Before, when set, may answer an operation in the table's place: with a
	// status other than 0 and the error's code, the operation has no effect.
	Before func(operation string, body []byte) (status int, code string)
	// Unprocessed, when set, tells how many of a batch's n items to leave unprocessed.
	Unprocessed func(n int) int
	// LoseAnswer, when set and true, breaks the connection after the operation took effect.
	LoseAnswer func(operation string) bool
	// Refuse, when set and true, makes a batch with that item a ValidationException.
	Refuse func(Item) bool
	// PageSize is how many items a Query returns that asks for no number; 0 means all.
	PageSize int
	// Calls counts operations.
	Calls map[string]int
}

// NewTable returns a table to be served by whoever asked for it. It has no client.
func NewTable() *DynamoDB { return &DynamoDB{items: map[string]Item{}, Calls: map[string]int{}} }

// NewDynamoDB starts a table that ends with the test.
func NewDynamoDB(t testing.TB) *DynamoDB {
	t.Helper()
	f := NewTable()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.client = dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "token"),
		// As many tries as by default, but no test waits seconds for them.
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 5 * time.Millisecond }),
	})
	return f
}

// Client is an SDK client of a table that NewDynamoDB started.
func (f *DynamoDB) Client() *dynamodb.Client { return f.client }

// Items returns a copy of all items, in order of their keys.
func (f *DynamoDB) Items() []Item {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]Item, 0, len(f.items))
	for _, key := range slices.Sorted(maps.Keys(f.items)) {
		all = append(all, maps.Clone(f.items[key]))
	}
	return all
}

// Str returns the value of a string or number attribute.
func (i Item) Str(name string) string {
	var v struct{ S, N string }
	if len(i[name]) == 0 || json.Unmarshal(i[name], &v) != nil {
		return ""
	}
	return v.S + v.N
}

func (i Item) id() string { return i.Str("pk") + "\x00" + i.Str("sk") }

type apiError struct {
	status  int
	code    string
	reasons []map[string]string
}

func (e *apiError) Error() string { return e.code }

var errCondition = &apiError{status: http.StatusBadRequest, code: "ConditionalCheckFailedException"}

func invalid(format string, args ...any) error {
	return fmt.Errorf("fake DynamoDB: "+format, args...)
}

// ServeHTTP implements DynamoDB's JSON protocol.
func (f *DynamoDB) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	f.mu.Lock()
	f.Calls[operation]++
	f.mu.Unlock()
	var answer any
	if f.Before != nil {
		if status, code := f.Before(operation, body); status != 0 {
			err = &apiError{status: status, code: code}
		}
	}
	if err == nil {
		f.mu.Lock()
		answer, err = f.do(operation, body)
		f.mu.Unlock()
	}
	status := http.StatusOK
	if err != nil {
		api := &apiError{status: http.StatusBadRequest, code: "ValidationException"}
		errors.As(err, &api)
		status = api.status
		answer = map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#" + api.code, "message": err.Error(), "CancellationReasons": api.reasons}
	}
	if f.LoseAnswer != nil && f.LoseAnswer(operation) {
		panic(http.ErrAbortHandler)
	}
	out, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(out)), 10))
	w.WriteHeader(status)
	_, _ = w.Write(out) // a client that went away has what it wants
}

type request struct {
	Item                      Item
	Key                       Item
	ConditionExpression       string
	UpdateExpression          string
	KeyConditionExpression    string
	IndexName                 string
	ScanIndexForward          *bool
	Limit                     int
	ExclusiveStartKey         Item
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues Item
	ReturnValues              string
	RequestItems              map[string][]struct{ PutRequest struct{ Item Item } }
	TransactItems             []struct{ Update *request }
}

func (f *DynamoDB) do(operation string, body []byte) (any, error) {
	if operation == "BatchGetItem" {
		return f.batchGet(body)
	}
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &apiError{status: http.StatusBadRequest, code: "SerializationException"}
	}
	switch operation {
	case "GetItem":
		if it, ok := f.items[in.Key.id()]; ok {
			return map[string]any{"Item": it}, nil
		}
		return map[string]any{}, nil
	case "PutItem":
		if err := in.check(f.items[in.Item.id()]); err != nil {
			return nil, err
		}
		f.items[in.Item.id()] = in.Item
		return map[string]any{}, nil
	case "UpdateItem":
		it, err := f.update(&in)
		if err != nil {
			return nil, err
		}
		f.items[it.id()] = it
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
		f.items[it.id()] = it
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
			if seen[p.PutRequest.Item.id()] {
				return nil, invalid("key twice in one batch")
			}
			seen[p.PutRequest.Item.id()] = true
			if f.Refuse != nil && f.Refuse(p.PutRequest.Item) {
				return nil, invalid("an item is refused on request")
			}
		}
		done := len(puts)
		if f.Unprocessed != nil {
			done -= min(f.Unprocessed(len(puts)), len(puts))
		}
		for _, p := range puts[:done] {
			f.items[p.PutRequest.Item.id()] = p.PutRequest.Item
		}
		if done < len(puts) {
			left[table] = puts[done:]
		}
	}
	return map[string]any{"UnprocessedItems": left}, nil
}

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

// check knows attribute_not_exists(pk), and comparisons of one attribute with
// = or <>, joined by AND.
func (in *request) check(it Item) error {
	if in.ConditionExpression == "" {
		return nil
	}
	for condition := range strings.SplitSeq(in.ConditionExpression, " AND ") {
		if condition == "attribute_not_exists(pk)" {
			if it != nil {
				return errCondition
			}
			continue
		}
		name, value, equal := strings.Cut(condition, " = ")
		if !equal {
			name, value, _ = strings.Cut(condition, " <> ")
		}
		if in.ExpressionAttributeNames[name] == "" || in.ExpressionAttributeValues[value] == nil {
			return invalid("condition %q", in.ConditionExpression)
		}
		if same := it.Str(in.ExpressionAttributeNames[name]) == in.ExpressionAttributeValues.Str(value); it == nil || same != equal {
			return errCondition
		}
	}
	return nil
}

// update returns the item as the update leaves it. It knows SET of a value or
// of if_not_exists, REMOVE, and ADD of a number, in this order.
func (f *DynamoDB) update(in *request) (Item, error) {
	old := f.items[in.Key.id()]
	if err := in.check(old); err != nil {
		return nil, err
	}
	it := maps.Clone(old)
	if it == nil {
		it = maps.Clone(in.Key)
	}
	sets, adds, _ := strings.Cut(in.UpdateExpression, "ADD ")
	sets, removes, _ := strings.Cut(sets, "REMOVE ")
	for name := range strings.SplitSeq(strings.TrimSpace(removes), ", ") {
		delete(it, in.ExpressionAttributeNames[name])
	}
	sets = strings.TrimSpace(strings.TrimPrefix(sets, "SET "))
	for clause := range strings.SplitSeq(sets, ", #") {
		if clause == "" {
			continue
		}
		name, operand, ok := strings.Cut("#"+strings.TrimPrefix(clause, "#"), " = ")
		attribute := in.ExpressionAttributeNames[name]
		if inner, yes := strings.CutPrefix(operand, "if_not_exists("); yes {
			_, operand, _ = strings.Cut(strings.TrimSuffix(inner, ")"), ", ")
			if _, exists := it[attribute]; exists {
				continue
			}
		}
		value := in.ExpressionAttributeValues[operand]
		if !ok || attribute == "" || value == nil {
			return nil, invalid("clause %q of %q", clause, in.UpdateExpression)
		}
		it[attribute] = value
	}
	for clause := range strings.SplitSeq(adds, ", ") {
		if clause == "" {
			continue
		}
		name, operand, _ := strings.Cut(clause, " ")
		attribute := in.ExpressionAttributeNames[name]
		sum, ok := new(big.Int).SetString(in.ExpressionAttributeValues.Str(operand), 10)
		was, wasOK := new(big.Int).SetString(cmp.Or(it.Str(attribute), "0"), 10)
		if attribute == "" || !ok || !wasOK {
			return nil, invalid("clause %q of %q", clause, in.UpdateExpression)
		}
		it[attribute] = fmt.Appendf(nil, `{"N":"%s"}`, sum.Add(sum, was))
	}
	return it, nil
}
