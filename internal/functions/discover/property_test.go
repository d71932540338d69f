package discover_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/functions/discover"
	"example.com/ingestion/internal/store/scancursor"
)

// After any sequence of puts, overwrites, deletions and scans that fail or are
// interrupted at any point, a complete scan has dispatched every object that existed
// during all of it, and no invocation dispatches an object that the table had
// recorded, unchanged, when it started, nor one object twice.
func TestEveryObjectIsDispatchedAndUnchangedOnesAreNot(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { newSimulation(t, seed).run() })
	}
}

type simulation struct {
	*fixture
	r *rand.Rand
	// failures is the source of random failures. It is guarded by mu: the server may
	// still process a request that the client has canceled.
	failures *rand.Rand
	mu       sync.Mutex
	// existing has the ETag of each object of the bucket, by key.
	existing map[string]string
	// dispatched are the ETags that were dispatched, no two alike in a simulation, and
	// inInvocation those of the current invocation.
	dispatched, inInvocation map[string]bool
	content                  int
	// atStart is what existed when the current scan started.
	atStart map[string]string
	// recorded has the ETags of the seen objects when the current invocation started,
	// by key. A later state of the table would not do: a BatchWriteItem that the previous
	// invocation has canceled may be stored at any time, also after the Query of this one.
	recorded map[string]string
	// failureRate is how likely a request is to fail, from 0 to 1.
	failureRate float64
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	p := &simulation{fixture: newFixture(t, feed.Source{Kind: feed.ExternalBucket, Bucket: "theirs", Prefix: "in/"}), existing: map[string]string{}, dispatched: map[string]bool{}}
	p.r, p.failures = rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	p.s3.PageSize, p.db.PageSize = 1+p.r.IntN(40), 1+p.r.IntN(40)
	p.s3.ForbidVersions = seed%2 == 0
	p.fail = func(o s3event.Object) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.recorded[o.Key] == o.ETag || p.inInvocation[o.ETag] {
			t.Errorf("seed %d: %q was dispatched again, unchanged", seed, o.Key)
		}
		if p.fails() {
			return errors.New("broken")
		}
		p.dispatched[o.ETag], p.inInvocation[o.ETag] = true, true
		return nil
	}
	p.s3.FailList = func(string, string) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.fails() {
			return errors.New("broken")
		}
		return nil
	}
	p.db.Before = func(string, []byte) (int, string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.fails() {
			return http.StatusBadRequest, "AccessDeniedException" // which the SDK does not retry
		}
		return 0, ""
	}
	p.db.LoseResponse = func(operation string) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return operation == "BatchWriteItem" && p.fails()
	}
	return p
}

func (p *simulation) fails() bool { return p.failureRate > 0 && p.failures.Float64() < p.failureRate }

func (p *simulation) setFailureRate(rate float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failureRate = rate
}

// startInvocation notes what the table has recorded.
func (p *simulation) startInvocation() {
	recorded := map[string]string{}
	for _, it := range p.db.Items() {
		if it.Str("pk") == discover.SeenKey("orders", "theirs") {
			recorded[it.Str("sk")] = it.Str("etag")
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recorded, p.inInvocation = recorded, map[string]bool{}
}

// change puts, overwrites and deletes some objects.
func (p *simulation) change() {
	for range p.r.IntN(40) {
		key := fmt.Sprintf("%s%02d%s", []string{"in/", "in/", "in/a/", "other/"}[p.r.IntN(4)], p.r.IntN(60), []string{"", " é", "+😀", "/"}[p.r.IntN(4)])
		if p.r.IntN(4) == 0 {
			p.s3.Delete("theirs", key)
			delete(p.existing, key)
			continue
		}
		p.content++
		p.existing[key] = p.put("theirs", key, strconv.Itoa(p.content))
	}
}

// scanAll invokes the function and its continuations, some of which are lost or
// delivered twice. It returns true if no invocation failed and none was lost.
func (p *simulation) scanAll() bool {
	requests := []discover.Request{{Bucket: "theirs", Prefix: "in/"}}
	ok := true
	for len(requests) > 0 {
		request := requests[0]
		requests = requests[1:]
		p.objects = []int{0, 25, 50}[p.r.IntN(3)]
		p.continued = nil
		p.startInvocation()
		if err := p.h.Handle(p.t.Context(), request); err != nil {
			ok = false
			if !strings.Contains(err.Error(), "broken") && !strings.Contains(err.Error(), "AccessDenied") && !strings.Contains(err.Error(), "EOF") {
				p.t.Errorf("error %v", err)
			}
		}
		requests = append(requests, p.continued...)
		if len(p.continued) > 0 && p.failureRate > 0 && p.r.IntN(5) == 0 {
			requests, ok = nil, false // it is lost
		}
		if len(p.continued) > 0 && p.r.IntN(5) == 0 {
			requests = append(requests, p.continued...) // it is delivered twice
		}
	}
	return ok
}

func (p *simulation) run() {
	for range 12 {
		p.change()
		p.setFailureRate([]float64{0, 0.02, 0.1}[p.r.IntN(3)])
		if p.cursor("after") == "" {
			p.atStart = maps.Clone(p.existing)
		}
		if p.scanAll() && p.cursor("after") == "" && p.cursor("until") == "0" {
			p.complete()
		}
		p.now = p.now.Add([]time.Duration{time.Minute, time.Hour}[p.r.IntN(2)])
	}
	// The interrupted scan is completed, then one from the first key on.
	p.setFailureRate(0)
	p.now = p.now.Add(time.Hour)
	for range 2 {
		if !p.scanAll() {
			p.t.Fatal("a scan without failures failed")
		}
	}
	p.atStart = p.existing
	p.complete()
	p.sent = nil
	if !p.scanAll() || len(p.sent) > 0 {
		p.t.Errorf("unchanged objects were dispatched: %+v", p.sent)
	}
}

// cursor is an attribute of the cursor of the scan.
func (p *simulation) cursor(attribute string) string {
	for _, it := range p.db.Items() {
		if it.Str("pk") == scancursor.PartitionKey("orders") {
			return it.Str(attribute)
		}
	}
	return ""
}

// complete checks that a complete scan has dispatched every object that existed
// unchanged from its start to its end.
func (p *simulation) complete() {
	for key, etag := range p.atStart {
		if p.existing[key] != etag {
			continue
		}
		if strings.HasPrefix(key, "in/") && !p.dispatched[etag] {
			p.t.Errorf("%q existed and was never dispatched", key)
		}
	}
}
