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
)

// After any sequence of puts, overwrites, deletions and walks that fail or are
// cut off at any place, a walk that comes to its end has sent every object that
// was there while it went, as it was, and nothing is sent that is remembered as
// it is.
func TestNothingIsMissedAndNothingUnchangedIsSentAgain(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { newPlay(t, seed).run() })
	}
}

type play struct {
	*world
	r *rand.Rand
	// luck is what trouble is drawn from, under mu: a request that nobody waits
	// for any more may still be served.
	luck *rand.Rand
	// there is the ETag of each object that is there, sentETags those that unpack got.
	there     map[string]string
	mu        sync.Mutex
	sentETags map[string]bool
	content   int
	// began is what was there when the walk that is under way began.
	began map[string]string
	// trouble is how likely a step of a walk is to fail, of 1.
	trouble float64
}

func newPlay(t *testing.T, seed uint64) *play {
	p := &play{world: newWorld(t, feed.Source{Kind: feed.ExternalBucket, Bucket: "theirs", Prefix: "in/"}), there: map[string]string{}, sentETags: map[string]bool{}}
	p.r, p.luck = rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	p.s3.PageSize, p.db.PageSize = 1+p.r.IntN(40), 1+p.r.IntN(40)
	p.s3.ForbidVersions = seed%2 == 0
	p.fail = func(o s3event.Object) error {
		if p.remembered(o) {
			t.Errorf("seed %d: %q was sent again and is remembered as it is", seed, o.Key)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.unlucky() {
			return errors.New("no luck")
		}
		p.sentETags[o.ETag] = true
		return nil
	}
	p.s3.FailList = func(string, string) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.unlucky() {
			return errors.New("no luck")
		}
		return nil
	}
	p.db.Before = func(string, []byte) (int, string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.unlucky() {
			return http.StatusBadRequest, "AccessDeniedException" // which the SDK does not try again
		}
		return 0, ""
	}
	p.db.LoseResponse = func(operation string) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return operation == "BatchWriteItem" && p.unlucky()
	}
	return p
}

func (p *play) unlucky() bool { return p.trouble > 0 && p.luck.Float64() < p.trouble }

func (p *play) setTrouble(likely float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble = likely
}

func (p *play) remembered(o s3event.Object) bool {
	for _, it := range p.db.Items() {
		if it.Str("pk") == discover.SeenKey("orders", o.Bucket) && it.Str("sk") == o.Key {
			return it.Str("etag") == o.ETag
		}
	}
	return false
}

// change puts, overwrites and deletes some objects.
func (p *play) change() {
	for range p.r.IntN(40) {
		key := fmt.Sprintf("%s%02d%s", []string{"in/", "in/", "in/a/", "other/"}[p.r.IntN(4)], p.r.IntN(60), []string{"", " é", "+😀", "/"}[p.r.IntN(4)])
		if p.r.IntN(4) == 0 {
			p.s3.Delete("theirs", key)
			delete(p.there, key)
			continue
		}
		p.content++
		p.there[key] = p.put("theirs", key, strconv.Itoa(p.content)) // no two alike
	}
}

// walkOn invokes the function until nothing is handed on, some of the times
// without what was handed on arriving; it reports whether no invocation failed.
func (p *play) walkOn() bool {
	requests := []discover.Request{{Bucket: "theirs", Prefix: "in/"}}
	ok := true
	for len(requests) > 0 {
		request := requests[0]
		requests = requests[1:]
		p.objects = []int{0, 25, 50}[p.r.IntN(3)]
		p.again = nil
		if err := p.h.Handle(p.t.Context(), request); err != nil {
			ok = false
			if !strings.Contains(err.Error(), "no luck") && !strings.Contains(err.Error(), "AccessDenied") && !strings.Contains(err.Error(), "EOF") {
				p.t.Errorf("error %v", err)
			}
		}
		requests = append(requests, p.again...)
		if len(p.again) > 0 && p.trouble > 0 && p.r.IntN(5) == 0 {
			requests, ok = nil, false // the invocation never came
		}
		if len(p.again) > 0 && p.r.IntN(5) == 0 {
			requests = append(requests, p.again...) // it came twice
		}
	}
	return ok
}

func (p *play) run() {
	for range 12 {
		p.change()
		p.setTrouble([]float64{0, 0.02, 0.1}[p.r.IntN(3)])
		if p.cursor("after") == "" {
			p.began = maps.Clone(p.there)
		}
		if p.walkOn() && p.cursor("after") == "" && p.cursor("until") == "0" {
			p.complete()
		}
		p.now = p.now.Add([]time.Duration{time.Minute, time.Hour}[p.r.IntN(2)])
	}
	// The walk that was cut off comes to its end, then one from the first key on.
	p.setTrouble(0)
	p.now = p.now.Add(time.Hour)
	for range 2 {
		if !p.walkOn() {
			p.t.Fatal("a walk without trouble failed")
		}
	}
	p.began = p.there
	p.complete()
	p.sent = nil
	if !p.walkOn() || len(p.sent) > 0 {
		p.t.Errorf("unchanged objects were sent: %+v", p.sent)
	}
}

// cursor is an attribute of the item that says how far the walk is.
func (p *play) cursor(attribute string) string {
	for _, it := range p.db.Items() {
		if it.Str("pk") == discover.CursorKey("orders") {
			return it.Str(attribute)
		}
	}
	return ""
}

// complete checks that a walk that has ended missed nothing of what was there
// from its beginning on.
func (p *play) complete() {
	for key, etag := range p.began {
		if p.there[key] != etag {
			continue
		}
		if strings.HasPrefix(key, "in/") && !strings.HasSuffix(key, "/") && !p.sentETags[etag] {
			p.t.Errorf("%q was there and was never sent", key)
		}
	}
}
