package load_test

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/ingestion/internal/testing/fake"
)

// A table that takes less than one loader could write has one loader most of the time,
// since Lambda bills the time for which loaders wait.
func TestFewLoadersForASlowTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		c.db.Throughput = &fake.Throughput{Table: 1000, Partition: 1000}
		start := time.Now()
		for i := range 10 {
			c.put("orders", strconv.Itoa(i), 6000)
		}
		c.complete("orders")
		c.noneFailed()
		// Several loaders are invoked in the beginning, since no unpack finds one that runs.
		took := time.Since(start) - 2*time.Minute // complete waits so long
		t.Logf("%s for 60000 records, %s of loaders, at most %d at a time", took, c.loading, c.peak)
		if c.loading > took*4 {
			t.Errorf("loaders ran for %s in %s", c.loading, took)
		}
	})
}

// While parts are due and the table does not throttle, the number of loaders doubles
// every five seconds.
func TestMoreLoadersForAFastTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, 16)
		s.timeout, s.lease = 15*time.Minute, time.Minute
		s.s3.BreakGet = func(_ string, _ int64, body []byte) []byte {
			time.Sleep(10 * time.Second)
			return body
		}
		start := time.Now()
		u := s.put("k", 320, 1)
		s.complete(u)
		if took := time.Since(start); took > 4*time.Minute {
			t.Errorf("320 parts of 10 seconds with 16 loaders took %s", took)
		}
	})
}

// Loaders that run when the table begins to throttle end, except for those that are
// needed, and run again when it takes more.
func TestLoadersFollowTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, 16)
		s.timeout, s.lease = 15*time.Minute, time.Minute
		s.s3.BreakGet = func(_ string, _ int64, body []byte) []byte {
			time.Sleep(time.Second)
			return body
		}
		var slow atomic.Bool
		var last time.Time
		s.db.Unprocessed = func(n int) int { // ten items a second
			if now := time.Now(); slow.Load() && now.Sub(last) < 100*time.Millisecond {
				return n
			} else if slow.Load() {
				last = now
				return n - 1
			}
			return 0
		}
		running := func() int {
			held, err := s.ledger.Loaders(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return len(held)
		}
		u := s.put("k", 1000, 25)
		time.Sleep(30 * time.Second)
		before := running()
		slow.Store(true)
		time.Sleep(time.Minute)
		during := running()
		slow.Store(false)
		time.Sleep(30 * time.Second)
		after := running()
		s.complete(u)
		if before != 16 || during > 3 || after != 16 {
			t.Errorf("%d loaders before the table throttled, %d when it did, %d after it", before, during, after)
		}
	})
}

// A loader that is the only one is not ended, however slow the table is.
func TestTheLastLoaderStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, 16)
		s.timeout, s.lease = 15*time.Minute, time.Minute
		until := time.Now().Add(10 * time.Minute)
		s.db.Before = func(operation string, _ []byte) (int, string) {
			if operation == "BatchWriteItem" && time.Now().Before(until) {
				return http.StatusBadRequest, "ThrottlingException"
			}
			return 0, ""
		}
		u := s.put("k", 30, 5)
		s.complete(u)
		if n := s.invocations.Load(); n > 20 {
			t.Errorf("%d invocations", n)
		}
	})
}
