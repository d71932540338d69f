package main

import (
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/ingestion/internal/testing/fake"
)

// dynamoStub takes what BatchWriteItem brings and keeps the bodies, to be
// looked at when the clock has stopped. All else, the ledger, goes to the fake.
type dynamoStub struct {
	mu     sync.Mutex
	ledger *fake.DynamoDB
	bodies [][]byte
	keep   bool
	calls  int
}

// start forgets what came before: it begins with an empty table.
func (d *dynamoStub) start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ledger, d.bodies, d.keep, d.calls = fake.NewTable(), nil, true, 0
}

// countOnly makes the stub forget what comes from now on.
func (d *dynamoStub) countOnly() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keep = false
}

// ledgerSum adds up an attribute of the uploads in the ledger.
func (d *dynamoStub) ledgerSum(attribute string) int64 {
	var sum int64
	for _, it := range d.ledger.Items() {
		if it.Str("item") == "upload" {
			n, _ := strconv.ParseInt(it.Str(attribute), 10, 64) // 0 where it has none yet
			sum += n
		}
	}
	return sum
}

// end returns what came since start.
func (d *dynamoStub) end() (bodies [][]byte, calls int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	bodies = d.bodies
	d.bodies = nil
	return bodies, d.calls
}

const describeTable = `{"Table":{"TableName":"t","TableStatus":"ACTIVE","TableArn":"arn:aws:dynamodb:us-east-1:123456789012:table/t",` +
	`"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],` +
	`"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"}]}}`

// ServeHTTP implements DynamoDB's JSON protocol.
func (d *dynamoStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch operation {
	case "BatchWriteItem":
		body, err := readBody(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		d.mu.Lock()
		d.calls++
		if d.keep {
			d.bodies = append(d.bodies, body)
		}
		d.mu.Unlock()
		answer(w, `{"UnprocessedItems":{}}`)
	case "DescribeTable":
		answer(w, describeTable)
	default:
		d.mu.Lock()
		ledger := d.ledger
		d.mu.Unlock()
		ledger.ServeHTTP(w, r)
	}
}

func answer(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(body))), 10))
	_, _ = w.Write([]byte(body)) // a client that went away has what it wants
}

// delayed answers each request as late as a service in the same region does.
type delayed struct {
	mu      sync.Mutex
	latency time.Duration
	next    http.Handler
}

func (d *delayed) set(latency time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.latency = latency
}

// ServeHTTP implements http.Handler.
func (d *delayed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	latency := d.latency
	d.mu.Unlock()
	time.Sleep(latency)
	d.next.ServeHTTP(w, r)
}
