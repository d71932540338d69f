package lambdahost

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

var testQueue = mapping{id: "m", source: "arn:aws:sqs:us-east-1:123456789012:q", function: "f", batchSize: 10, partialBatches: true}

func messagesOf(bodies ...string) []sqstypes.Message {
	var all []sqstypes.Message
	for _, body := range bodies {
		all = append(all, sqstypes.Message{MessageId: aws.String("id-" + body), ReceiptHandle: aws.String("receipt-" + body), Body: aws.String(body)})
	}
	return all
}

// waitHidden waits until the host has let go of so many messages, and returns
// them with the bodies of those that the queue still holds.
func (c *fakeCloud) waitHidden(t *testing.T, n int) (hidden, left []string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c.mu.Lock()
		hidden, left = slices.Clone(c.hidden), nil
		for _, m := range c.queue {
			left = append(left, aws.ToString(m.Body))
		}
		c.mu.Unlock()
		if len(hidden) >= n {
			return hidden, left
		}
		if time.Now().After(deadline) {
			t.Fatalf("hidden %q, left %q, want %d hidden", hidden, left, n)
		}
	}
}

func TestQueueMappingDeletesWhatWasDealtWith(t *testing.T) {
	every := []string{"receipt-good 2s", "receipt-bad 2s", "receipt-fine 2s"}
	for name, tc := range map[string]struct {
		prepare      func(*Host)
		hidden, left []string
	}{
		"one refused": {func(*Host) {}, []string{"receipt-bad 2s"}, []string{"bad"}},
		"all failed":  {func(h *Host) { h.FailNext("f", 1) }, every, []string{"good", "bad", "fine"}},
		"throttled":   {func(h *Host) { h.ThrottleNext("f", 1) }, every, []string{"good", "bad", "fine"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := newHost(t, Options{VisibilityTimeout: 2 * time.Second})
			tc.prepare(h)
			c.mu.Lock()
			c.queue, c.mapped = messagesOf("good", "bad", "fine"), []mapping{testQueue}
			c.mu.Unlock()
			hidden, left := c.waitHidden(t, len(tc.hidden))
			if !slices.Equal(hidden, tc.hidden) || !slices.Equal(left, tc.left) {
				t.Errorf("hidden %q, left %q, want %q and %q", hidden, left, tc.hidden, tc.left)
			}
		})
	}
}

func TestPartialBatchResponses(t *testing.T) {
	whole := testQueue
	whole.partialBatches = false
	for name, tc := range map[string]struct {
		mapping  mapping
		response string
		failed   []string
		err      string
	}{
		"null":             {testQueue, `null`, nil, ""},
		"none":             {testQueue, `{"batchItemFailures":[]}`, nil, ""},
		"two":              {testQueue, `{"batchItemFailures":[{"itemIdentifier":"id-c"},{"itemIdentifier":"id-a"}]}`, []string{"receipt-c", "receipt-a"}, ""},
		"empty identifier": {testQueue, `{"batchItemFailures":[{"itemIdentifier":""}]}`, nil, `names ""`},
		"unknown":          {testQueue, `{"batchItemFailures":[{"itemIdentifier":"id-a"},{"itemIdentifier":"id-d"}]}`, nil, `names "id-d"`},
		"another form":     {testQueue, `"done"`, nil, "partial batch response"},
		"not asked for":    {whole, `{"batchItemFailures":[{"itemIdentifier":"id-a"}]}`, nil, ""},
	} {
		failed, err := failedItems(tc.mapping, []byte(tc.response), messagesOf("a", "b", "c"))
		if got := receipts(failed); !slices.Equal(got, tc.failed) {
			t.Errorf("%s: failed %q, want %q", name, got, tc.failed)
		}
		if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %v, want %q", name, err, tc.err)
		}
	}
}

// leavingCloud ends a mapping while its poller waits for messages.
type leavingCloud struct {
	*fakeCloud
	leave context.CancelFunc
}

func (c *leavingCloud) receive(ctx context.Context, queueARN string, most int) ([]sqstypes.Message, error) {
	c.leave()
	return c.fakeCloud.receive(ctx, queueARN, most)
}

func TestMappingThatGoesAwayGivesMessagesBack(t *testing.T) {
	h, c := newHost(t, Options{})
	c.mu.Lock()
	c.queue = messagesOf("one", "two")
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	h.pollQueue(ctx, &leavingCloud{c, cancel}, testQueue)
	if hidden, left := c.waitHidden(t, 2); !slices.Equal(hidden, []string{"receipt-one 0s", "receipt-two 0s"}) || len(left) != 2 {
		t.Errorf("hidden %q, left %q, want both for no time", hidden, left)
	}
	if n := h.Stats()["f"].Invocations; n != 0 {
		t.Errorf("%d invocations of a mapping that is gone", n)
	}
}

// countingCloud tells how many batches are in hand at most when more is asked for.
type countingCloud struct {
	*fakeCloud
	host *Host
	most int
}

func (c *countingCloud) receive(ctx context.Context, queueARN string, most int) ([]sqstypes.Message, error) {
	c.host.work.mu.Lock()
	c.most = max(c.most, c.host.work.n)
	c.host.work.mu.Unlock()
	return c.fakeCloud.receive(ctx, queueARN, most)
}

func TestMaximumConcurrencyHolds(t *testing.T) {
	for limit, want := range map[int]int{1: 0, 3: 2} {
		h, c := newHost(t, Options{})
		c.mu.Lock()
		c.queue = messagesOf("a", "b", "c", "d", "e", "f", "g", "bad")
		c.mu.Unlock()
		m := testQueue
		m.batchSize, m.concurrency = 1, limit
		counting := &countingCloud{fakeCloud: c, host: h}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			h.pollQueue(ctx, counting, m)
			close(ended)
		}()
		_, _ = c.waitHidden(t, 1)
		cancel()
		<-ended
		if counting.most > want {
			t.Errorf("with a maximum of %d, more was asked for with %d batches in hand", limit, counting.most)
		}
	}
}
