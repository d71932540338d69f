package scale

import (
	"math/rand/v2"
	"strconv"
	"strings"
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

// Both functions are killed at random requests, five hundred times.
func TestKilledAtRandom(t *testing.T) {
	total, replayed := 0, 0
	for seed := uint64(1); total < 500; seed++ {
		c := newCloud(t)
		random := rand.New(rand.NewPCG(seed, 1))
		c.kill = func(_ string, attempt int) int64 {
			c.mu.Lock()
			defer c.mu.Unlock()
			// The third attempt is the last one that Lambda makes.
			if attempt == 2 || random.IntN(3) == 0 {
				return 0
			}
			return 1 + random.Int64N(40)
		}
		for i := range 3 {
			for j := range 3 {
				c.put("feed-"+strconv.Itoa(i), strconv.Itoa(i)+strconv.Itoa(j), 10+random.IntN(400))
			}
		}
		c.complete()
		total += c.kills
		replayed += c.replayed
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("killed %d times; %d parts were set aside after two kills, and replayed", total, replayed)
}
