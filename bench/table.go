package main

import (
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"example.com/ingestion/internal/testing/fake"
)

// tableServer is a DynamoDB table that stores the bodies of BatchWriteItem
// requests without decoding them, so that it costs little while an
// implementation is measured. Other requests, which are the ledger's, go to the fake.
type tableServer struct {
	mu     sync.Mutex
	ledger *fake.DynamoDB
	bodies [][]byte
	keep   bool
	calls  int
}

// reset empties the table.
func (t *tableServer) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ledger, t.bodies, t.keep, t.calls = fake.NewTable(), nil, true, 0
}

// countOnly discards the bodies of later requests.
func (t *tableServer) countOnly() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keep = false
}

// ledgerSum returns the sum of an attribute of the uploads in the ledger.
func (t *tableServer) ledgerSum(attribute string) int64 {
	var sum int64
	for _, it := range t.ledger.Items() {
		if it.Str("item") == "upload" {
			n, _ := strconv.ParseInt(it.Str(attribute), 10, 64) // 0 where the item does not have it
			sum += n
		}
	}
	return sum
}

// take returns and removes the bodies since reset, and the number of requests.
func (t *tableServer) take() (bodies [][]byte, calls int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	bodies = t.bodies
	t.bodies = nil
	return bodies, t.calls
}

const describeTable = `{"Table":{"TableName":"t","TableStatus":"ACTIVE","TableArn":"arn:aws:dynamodb:us-east-1:123456789012:table/t",` +
	`"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],` +
	`"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"}]}}`

// ServeHTTP implements DynamoDB's JSON protocol.
func (t *tableServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch operation {
	case "BatchWriteItem":
		if r.ContentLength < 0 {
			http.Error(w, "the request has no content length", http.StatusLengthRequired)
			return
		}
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		t.mu.Lock()
		t.calls++
		if t.keep {
			t.bodies = append(t.bodies, body)
		}
		t.mu.Unlock()
		respond(w, `{"UnprocessedItems":{}}`)
	case "DescribeTable":
		respond(w, describeTable)
	default:
		t.mu.Lock()
		ledger := t.ledger
		t.mu.Unlock()
		ledger.ServeHTTP(w, r)
	}
}

func respond(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(body))), 10))
	_, _ = w.Write([]byte(body)) // the client may have closed the connection
}
