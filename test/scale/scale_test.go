package scale

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"example.com/ingestion/internal/testing/fake"
)

// newTable is the throughput of a new on-demand table, of which the half hour of full use
// after which it doubles is a thousandth.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
func newTable() *fake.Throughput {
	return &fake.Throughput{Table: 4000, Partition: 1000, Doubling: 1800 * time.Millisecond}
}

// Uploads of 300 and of 1,000 parts.
func TestManyParts(t *testing.T) {
	c := newCloud(t)
	c.table.Throughput = newTable()
	c.put("orders", "300 parts", 300*77)
	c.put("orders", "1000 parts", 1000*77)
	c.complete()
	c.report()
}

// Twenty feeds at once.
func TestManyFeeds(t *testing.T) {
	c := newCloud(t)
	c.table.Throughput = newTable()
	for i := range 20 {
		for j := range 2 + i%3*4 {
			c.put(fmt.Sprintf("feed-%02d", i), fmt.Sprint(i, "-", j), 300)
		}
	}
	c.complete()
	c.report()
}

// Ten thousand tiny files.
func TestManyTinyFiles(t *testing.T) {
	files := 10_000
	if testing.Short() {
		files = 1_000
	}
	c := newCloud(t)
	c.table.Throughput = newTable()
	for i := range files {
		c.put("orders", strconv.Itoa(i), 2)
	}
	c.complete()
	c.report()
}

// A table that throttles requests of any kind, and 90 per cent of those that write records:
// with as many of the ledger's, which come one after another, the test would take an hour.
func TestThrottled(t *testing.T) {
	for _, percent := range []int{30, 60, 90} {
		t.Run(strconv.Itoa(percent), func(t *testing.T) {
			t.Parallel() // it waits most of the time
			c := newCloud(t)
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(uint64(percent), 1))
			c.table.Before = func(operation string, _ []byte) (int, string) {
				mu.Lock()
				defer mu.Unlock()
				if random.IntN(100) < percent && (percent < 90 || operation == "BatchWriteItem") {
					return http.StatusBadRequest, "ThrottlingException"
				}
				return 0, ""
			}
			c.put("orders", "k", 200)
			c.running.Wait()
			c.table.Before = nil
			c.complete()
			c.report()
		})
	}
}

// report logs what was done.
func (c *cloud) report() {
	units, throttled := 0, 0
	if c.table.Throughput != nil {
		units, throttled = c.table.Throughput.Written, c.table.Throughput.Throttled
	}
	records := int64(0)
	for _, e := range c.expected {
		records += e.records
	}
	c.t.Logf("%d records of %d files; invocations: %v, %d killed; %d write units, %d throttled", records, len(c.expected), c.invocations, c.kills, units, throttled)
}
