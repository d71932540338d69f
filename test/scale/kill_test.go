package scale

import (
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
