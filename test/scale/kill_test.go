package scale

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// unpack and load are killed at every request of their run, one after the other, until a
// run needs fewer requests.
func TestKilledAtEveryRequest(t *testing.T) {
	for _, function := range []string{unpackName + "orders", loadName} {
		t.Run(strings.TrimSuffix(function, "-orders"), func(t *testing.T) {
			for request := int64(1); ; request++ {
				c := newCloud(t)
				var once atomic.Bool
				c.kill = func(name string, _ int) int64 {
					if name == function && once.CompareAndSwap(false, true) {
						return request
					}
					return 0
				}
				c.put("orders", "k", 200)
				c.complete()
				if t.Failed() {
					t.Fatalf("killed at request %d", request)
				}
				if c.kills == 0 {
					t.Logf("killed at each of %d requests", request-1)
					return
				}
			}
		})
	}
}

// Both functions are killed at random requests, five hundred times. Invocations wait for the
// leases of killed ones, so ten stores run at a time.
func TestKilledAtRandom(t *testing.T) {
	kills, replayed := 0, 0
	for seed := uint64(1); kills < 500; {
		var stores []*cloud
		for range 10 {
			stores = append(stores, killedAtRandom(t, seed))
			seed++
		}
		for i, c := range stores {
			c.complete()
			kills += c.kills
			replayed += c.replayed
			if t.Failed() {
				t.Fatalf("seed %d", seed-uint64(len(stores)-i))
			}
		}
	}
	t.Logf("killed %d times; %d parts were set aside after two kills, and replayed", kills, replayed)
}

// killedAtRandom is a store of three feeds whose functions run, and are killed.
func killedAtRandom(t *testing.T, seed uint64) *cloud {
	t.Helper()
	c := newCloud(t)
	random := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex
	upTo := func(n int64) int64 {
		mu.Lock()
		defer mu.Unlock()
		return random.Int64N(n)
	}
	c.kill = func(_ string, attempt int) int64 {
		// The third attempt is the last one that Lambda makes.
		if attempt == 2 || upTo(3) == 0 {
			return 0
		}
		return 1 + upTo(40)
	}
	for i := range 3 {
		for j := range 3 {
			c.put("feed-"+strconv.Itoa(i), strconv.Itoa(i)+strconv.Itoa(j), int(10+upTo(400)))
		}
	}
	return c
}
