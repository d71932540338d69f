package fake

import (
	"net/http"
	"time"
)

// Throughput is the write throughput of a table and of each of its partitions: token
// buckets that hold the units of one second. Every write takes units, and is throttled
// where one of the two has too few; a batch leaves such items unprocessed, and is
// throttled where that are all of them. Each partition key has a partition of its own,
// so that only the table's throughput is shared.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
type Throughput struct {
	// Table and Partition are write units a second.
	Table, Partition float64
	// Doubling is the time of full use after which an on-demand table takes twice as
	// much: half an hour in DynamoDB. Zero means never.
	Doubling time.Duration
	// Written and Throttled count units and requests.
	Written, Throttled int

	table      bucket
	partitions map[string]*bucket
	fullSince  time.Time
}

type bucket struct {
	units float64
	at    time.Time
}

func (b *bucket) refill(now time.Time, perSecond float64) {
	if b.at.IsZero() {
		b.units = perSecond
	}
	b.units = min(b.units+now.Sub(b.at).Seconds()*perSecond, perSecond)
	b.at = now
}

var errThrottled = &apiError{status: http.StatusBadRequest, code: "ProvisionedThroughputExceededException"}

// writeUnits is what a write of items takes: one for each KiB.
func writeUnits(items ...Item) int {
	units := 0
	for _, it := range items {
		size := 0
		for name, value := range it {
			size += len(name) + max(0, len(value)-len(`{"S":""}`))
		}
		units += max(1, (size+1023)/1024)
	}
	return units
}

// take takes units of a partition, or reports that it cannot.
func (t *Throughput) take(pk string, units int) bool {
	if t == nil {
		return true
	}
	if t.partitions == nil {
		t.partitions = map[string]*bucket{}
	}
	p := t.partitions[pk]
	if p == nil {
		p = &bucket{}
		t.partitions[pk] = p
	}
	now, need := time.Now(), float64(units)
	t.table.refill(now, t.Table)
	p.refill(now, t.Partition)
	if t.table.units < min(need, t.Table) || p.units < min(need, t.Partition) {
		t.refused(now)
		return false
	}
	t.table.units -= need
	p.units -= need
	t.Written += units
	return true
}

// refused doubles the throughput after a time of full use.
func (t *Throughput) refused(now time.Time) {
	t.Throttled++
	switch {
	case t.Doubling == 0:
	case t.fullSince.IsZero():
		t.fullSince = now
	case now.Sub(t.fullSince) >= t.Doubling:
		t.Table *= 2
		t.fullSince = now
	}
}
