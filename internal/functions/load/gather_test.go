package load_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
)

// gathered is a cloud whose small files share parts.
func gathered(t *testing.T) *cloud {
	c := newCloud(t)
	c.gather = true
	return c
}

// delay lets each request to the table take so long.
func (c *cloud) delay(d time.Duration) {
	before := c.db.Before
	c.db.Before = func(operation string, body []byte) (int, string) {
		time.Sleep(d)
		if before == nil {
			return 0, ""
		}
		return before(operation, body)
	}
}

// completeSmall gathers what is left of invocations that were killed three times, as
// `ingest replay` does, and checks that everything is stored once: in the table, in the
// ledger and in the landing bucket, from which Snowflake reads.
func (c *cloud) completeSmall(feeds ...string) {
	c.t.Helper()
	c.running.Wait()
	book := ledger.New(c.db.Client(), "table").WaitOutThrottling()
	for range 20 {
		left := 0
		for _, name := range feeds {
			for shard := range ledger.WaitingShards {
				list, err := book.ListWaiting(c.t.Context(), name, shard, "", 1)
				if err != nil {
					c.t.Fatal(err)
				}
				if len(list) > 0 {
					left++
					c.unpack(name, fmt.Appendf(nil, `{"gather":{"feed":%q,"shard":%d}}`, name, shard))
				}
			}
		}
		if left == 0 {
			break
		}
		time.Sleep(2 * time.Minute) // leases expire
		c.replay()
	}
	c.complete(feeds...)
	for id, n := range c.landed() {
		if c.expected[id] != n {
			c.t.Errorf("upload %s of %d records has %d lines in the landing bucket", id, c.expected[id], n)
		}
	}
	for _, name := range feeds {
		for shard := range ledger.WaitingShards {
			list, err := book.ListWaiting(c.t.Context(), name, shard, "", 1)
			state, stateErr := book.GetGathering(c.t.Context(), name, shard)
			if err != nil || stateErr != nil || len(list) > 0 || state.Shared != "" || state.Active(time.Now()) {
				c.t.Errorf("shard %d of %s: waiting %+v, state %+v, error %v %v", shard, name, list, state, err, stateErr)
			}
		}
	}
}

// landed returns the number of lines in the landing bucket by upload.
func (c *cloud) landed() map[string]int {
	c.t.Helper()
	lines := map[string]int{}
	for _, key := range c.s3.Keys(bucket, "landing/") {
		object, _ := c.s3.Get(bucket, key)
		gz, err := gzip.NewReader(bytes.NewReader(object))
		if err != nil {
			c.t.Fatal(err)
		}
		var text bytes.Buffer
		if _, err := text.ReadFrom(gz); err != nil {
			c.t.Fatal(err)
		}
		for line := range strings.Lines(text.String()) {
			lines[line[len(`{"id":"`):][:ids.IDLength]]++
		}
	}
	return lines
}

// Ten thousand tiny files within four seconds: a part and a loader for hundreds of them.
func TestTinyFilesShareParts(t *testing.T) {
	files := 10_000
	if testing.Short() {
		files = 2_000
	}
	synctest.Test(t, func(t *testing.T) {
		c := gathered(t)
		c.concurrent, c.partBytes = make(chan struct{}, 1000), 1<<20
		c.db.Throughput = &fake.Throughput{Table: 40_000, Partition: 1000}
		c.delay(8 * time.Millisecond)
		for i := range files {
			c.put("orders", strconv.Itoa(i), 2)
			time.Sleep(400 * time.Microsecond)
		}
		c.completeSmall("orders")
		c.noneFailed()
		parts := len(c.s3.Keys(bucket, "landing/"))
		loads := c.invocations - files
		t.Logf("%d files: %d parts, %d invocations besides one for each file, %d write units", files, parts, loads, c.db.Throughput.Written)
		if parts > files/50 || loads > files/50 || len(c.landed()) != files {
			t.Errorf("%d files: %d parts of %d uploads, %d invocations besides one for each file", files, parts, len(c.landed()), loads)
		}
	})
}

// A file that comes alone does not wait for others, and needs one invocation of unpack.
func TestSingleSmallFileDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gathered(t)
		start := time.Now()
		for i := range 20 {
			c.put("orders", strconv.Itoa(i), 2)
			c.running.Wait()
			if waited := time.Since(start); waited > time.Second {
				t.Fatalf("file %d was stored after %s", i, waited)
			}
			time.Sleep(time.Minute)
			start = time.Now()
		}
		c.completeSmall("orders")
		c.noneFailed()
		// The last check invokes a loader.
		if c.invocations != 41 {
			t.Errorf("%d invocations for 20 files", c.invocations)
		}
	})
}

// An invocation that gathers is killed at each of its requests in turn, and one event is
// delivered three times.
func TestGatheringKilledAtEveryRequest(t *testing.T) {
	for at := 1; ; at++ {
		died := false
		synctest.Test(t, func(t *testing.T) {
			c := gathered(t)
			c.delay(5 * time.Millisecond)
			var first atomic.Int64
			c.kill = func() int {
				if first.Add(1) == 1 {
					return at
				}
				return 0
			}
			// Files of one shard, which wait when the first of them is gathered.
			for i, n := 0, 0; n < 4; i++ {
				if key := strconv.Itoa(i); c.shard("orders", key, 2+n) == 3 {
					c.put("orders", key, 2+n)
					n++
					time.Sleep(time.Millisecond)
					c.repeated = at % 3
				}
			}
			c.replay()
			c.completeSmall("orders")
			died = c.killed > 0
		})
		if t.Failed() {
			t.Fatalf("killed at request %d", at)
		}
		if !died {
			if at < 20 {
				t.Errorf("an invocation makes %d requests", at)
			}
			return
		}
	}
}

// shard is the shard in which a file waits that put makes.
func (c *cloud) shard(feedName, key string, records int) int {
	etag := c.s3.Set("src", key, file(key, records))
	return ledger.WaitingShard(ids.New(ids.Upload{Feed: feedName, Bucket: "src", Key: key, ETag: etag}).ID)
}

// Functions that are killed at random requests, whose writes to S3 fail at random, and
// whose events are repeated.
func TestGatheringKilledAtRandom(t *testing.T) {
	kills, shared := 0, 0 // each seed kills about twenty invocations
	for seed := uint64(1); kills < 200; seed++ {
		synctest.Test(t, func(t *testing.T) {
			c := gathered(t)
			r := newFaults(seed)
			c.kill = func() int {
				if r.up(3) > 0 {
					return 0
				}
				return 1 + r.up(60)
			}
			c.delay(time.Duration(1+r.up(10)) * time.Millisecond)
			failing := true
			c.s3.FailPut = func(key string) (bool, error) {
				if !failing || !strings.HasPrefix(key, "landing/") || r.up(8) > 0 {
					return false, nil
				}
				return r.up(2) == 0, errors.New("S3 failed")
			}
			random := rand.New(rand.NewPCG(seed, 9))
			var feeds []string
			for i := range 2 {
				name := "feed-" + strconv.Itoa(i)
				feeds = append(feeds, name)
				for j := range 60 {
					c.repeated = 0
					if random.IntN(4) == 0 {
						c.repeated = 1 + random.IntN(2)
					}
					c.put(name, fmt.Sprint(name, "/", j), 1+random.IntN(30))
					if random.IntN(10) == 0 {
						time.Sleep(time.Duration(random.IntN(8000)) * time.Millisecond)
					}
				}
			}
			c.running.Wait()
			failing = false
			c.replay()
			c.completeSmall(feeds...)
			kills += c.killed
			shared += len(c.landed()) - len(c.s3.Keys(bucket, "landing/"))
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if shared < kills {
		t.Errorf("%d more uploads than parts, after %d kills", shared, kills)
	}
}

// An invocation stands still while it writes a shared part, so long that another one takes
// its shard over and gathers the same files: the first one lands nothing.
func TestLateGatheringLandsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gathered(t)
		var paused atomic.Bool
		c.s3.FailPut = func(key string) (bool, error) {
			if strings.HasPrefix(key, "landing/") && paused.CompareAndSwap(false, true) {
				time.Sleep(2 * time.Minute)
			}
			return false, nil
		}
		c.db.Before = func(operation string, body []byte) (int, string) {
			// Renewals of the shard's lease fail, as of a process that does not run.
			if paused.Load() && operation == "UpdateItem" && bytes.Contains(body, []byte("#small#")) &&
				bytes.Contains(body, []byte("reader_until")) && !bytes.Contains(body, []byte("attempts")) {
				return http.StatusBadRequest, "AccessDeniedException"
			}
			return 0, ""
		}
		c.kill = func() int { return 0 }
		// Many files at once: those of a shard are gathered together.
		for i := range 100 {
			c.put("orders", strconv.Itoa(i), 3)
		}
		time.Sleep(time.Minute)
		for i := range 100 {
			c.put("orders", strconv.Itoa(i), 3) // again
		}
		c.replay()
		c.db.Before = nil
		c.completeSmall("orders")
		if !paused.Load() {
			t.Error("no part was landed")
		}
	})
}

// A table that refuses most requests: files wait, and everything is stored. Where it refuses
// nine of ten, leases expire before they are renewed, so that invocations may fail.
func TestThrottledGathering(t *testing.T) {
	for _, share := range []int{30, 60, 90} {
		synctest.Test(t, func(t *testing.T) {
			c := gathered(t)
			r := newFaults(uint64(share))
			c.db.Before = func(string, []byte) (int, string) {
				if r.up(100) < share {
					return http.StatusBadRequest, "ThrottlingException"
				}
				return 0, ""
			}
			for i := range 200 {
				c.put("orders", strconv.Itoa(i), 2)
			}
			c.running.Wait()
			c.db.Before = nil
			if share < 90 {
				c.noneFailed()
			}
			c.replay()
			c.completeSmall("orders")
		})
	}
}
