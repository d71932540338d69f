package fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
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
// supports the operations and the forms of expression that this project uses,
// and fails on any other.
type DynamoDB struct {
	mu    sync.Mutex
	items map[string]Item // by pk, NUL, sk
	// partitions are the keys of the items by partition key.
	partitions map[string]map[string]struct{}
	client     *dynamodb.Client

	// Before, when set, may fail an operation: where it returns a status other
	// than 0, the operation has no effect and fails with the error code.
	Before func(operation string, body []byte) (status int, code string)
	// Unprocessed, when set, returns how many of a batch's n items to leave unprocessed.
	Unprocessed func(n int) int
	// Throughput, when set, limits the writes.
	Throughput *Throughput
	// LoseResponse, when set and true, breaks the connection after the operation took effect.
	LoseResponse func(operation string) bool
	// Conflict, when set and true, fails an update or a transaction as DynamoDB
	// does while another one changes the same item.
	Conflict func(operation string) bool
	// Refuse, when set and true, makes a batch with that item a ValidationException.
	Refuse func(Item) bool
	// PageSize is how many items a Query without a Limit returns; 0 means all.
	PageSize int
	// Calls counts operations.
	Calls map[string]int
	// IndexWrites counts the writes of each index.
	IndexWrites map[string]int
}

// NewTable returns an empty table without a server and a client: it is an http.Handler.
func NewTable() *DynamoDB {
	return &DynamoDB{items: map[string]Item{}, partitions: map[string]map[string]struct{}{}, Calls: map[string]int{}, IndexWrites: map[string]int{}}
}

// NewDynamoDB starts a server with an empty table; it stops at the end of the test.
func NewDynamoDB(t testing.TB) *DynamoDB {
	t.Helper()
	f := NewTable()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.client = newClient(server.URL, nil)
	return f
}

// NewDynamoDBWithoutNetwork returns an empty table whose client calls it directly, for
// tests with the fake clock of testing/synctest, which does not advance while a
// connection is read.
func NewDynamoDBWithoutNetwork() *DynamoDB {
	f := NewTable()
	f.client = newClient("http://dynamodb.invalid", directly{f})
	return f
}

// NewClient is an SDK client of a table at an address.
func NewClient(url string) *dynamodb.Client { return newClient(url, nil) }

func newClient(url string, client dynamodb.HTTPClient) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(url), HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "token"),
		// As many attempts as by default, with short waits.
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 5 * time.Millisecond }),
	})
}

// directly is an HTTP client that calls a handler.
type directly struct{ http.Handler }

// Do implements dynamodb.HTTPClient.
func (d directly) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
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

func (f *DynamoDB) set(it Item) {
	key := it.id()
	f.countIndexWrites(f.items[key], it)
	f.items[key] = it
	partition, _, _ := strings.Cut(key, "\x00")
	if f.partitions[partition] == nil {
		f.partitions[partition] = map[string]struct{}{}
	}
	f.partitions[partition][key] = struct{}{}
}

func (f *DynamoDB) unset(key string) {
	f.countIndexWrites(f.items[key], nil)
	delete(f.items, key)
	partition, _, _ := strings.Cut(key, "\x00")
	delete(f.partitions[partition], key)
}

// Put puts an item of strings.
func (f *DynamoDB) Put(attributes map[string]string) {
	it := Item{}
	for name, value := range attributes {
		text, _ := json.Marshal(map[string]string{"S": value}) // strings can be encoded
		it[name] = text
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set(it)
}

// PutItem puts an item in wire form, whatever there was before.
func (f *DynamoDB) PutItem(it Item) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set(it)
}

// Str returns the value of a string or number attribute, empty if the item does not have it.
func (i Item) Str(name string) string { return text(i[name]) }

// text returns the string or the number that a value in wire form holds.
func text(value []byte) string {
	var v struct{ S, N string }
	if len(value) == 0 || json.Unmarshal(value, &v) != nil {
		return ""
	}
	return v.S + v.N
}

// kind returns the type of a value in wire form, such as S or N.
func kind(value []byte) string {
	var v map[string]json.RawMessage
	if len(value) == 0 || json.Unmarshal(value, &v) != nil {
		return ""
	}
	for name := range v {
		return name
	}
	return ""
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
	var response any
	if f.Before != nil {
		if status, code := f.Before(operation, body); status != 0 {
			err = &apiError{status: status, code: code}
		}
	}
	if err == nil {
		f.mu.Lock()
		response, err = f.do(operation, body)
		f.mu.Unlock()
	}
	status := http.StatusOK
	if err != nil {
		api := &apiError{status: http.StatusBadRequest, code: "ValidationException"}
		errors.As(err, &api)
		status = api.status
		response = map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#" + api.code, "message": err.Error(), "CancellationReasons": api.reasons}
	}
	if f.LoseResponse != nil && f.LoseResponse(operation) {
		panic(http.ErrAbortHandler)
	}
	out, err := json.Marshal(response)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(out)), 10))
	w.WriteHeader(status)
	_, _ = w.Write(out) // the client may have closed the connection
}
