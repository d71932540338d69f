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

// waitHidden waits until the host has changed the visibility of n messages, and returns
// them with the bodies of those that are still in the queue.
func (c *fakeAWS) waitHidden(t *testing.T, n int) (hidden, left []string) {
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

func TestQueueMappingDeletesProcessedMessages(t *testing.T) {
	all := []string{"receipt-good 2s", "receipt-bad 2s", "receipt-fine 2s"}
	for name, tc := range map[string]struct {
		prepare      func(*Host)
		hidden, left []string
	}{
		"one failed": {func(*Host) {}, []string{"receipt-bad 2s"}, []string{"bad"}},
		"all failed": {func(h *Host) { h.FailNext("f", 1) }, all, []string{"good", "bad", "fine"}},
		"throttled":  {func(h *Host) { h.ThrottleNext("f", 1) }, all, []string{"good", "bad", "fine"}},
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
	withoutPartial := testQueue
	withoutPartial.partialBatches = false
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
		"not configured":   {withoutPartial, `{"batchItemFailures":[{"itemIdentifier":"id-a"}]}`, nil, ""},
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

// cancelingAWS cancels a poller while it waits for messages.
type cancelingAWS struct {
	*fakeAWS
	cancel context.CancelFunc
}

func (c *cancelingAWS) receive(ctx context.Context, queueARN string, most int) ([]sqstypes.Message, error) {
	c.cancel()
	return c.fakeAWS.receive(ctx, queueARN, most)
}

func TestDeletedMappingMakesMessagesVisible(t *testing.T) {
	h, c := newHost(t, Options{})
	c.mu.Lock()
	c.queue = messagesOf("one", "two")
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	h.pollQueue(ctx, &cancelingAWS{c, cancel}, testQueue)
	if hidden, left := c.waitHidden(t, 2); !slices.Equal(hidden, []string{"receipt-one 0s", "receipt-two 0s"}) || len(left) != 2 {
		t.Errorf("hidden %q, left %q, want both visible at once", hidden, left)
	}
	if n := h.Stats()["f"].Invocations; n != 0 {
		t.Errorf("%d invocations of a deleted mapping", n)
	}
}

// countingAWS records the maximum number of batches in flight during a receive.
type countingAWS struct {
	*fakeAWS
	host *Host
	most int
}

func (c *countingAWS) receive(ctx context.Context, queueARN string, most int) ([]sqstypes.Message, error) {
	c.host.inFlight.mu.Lock()
	c.most = max(c.most, c.host.inFlight.total)
	c.host.inFlight.mu.Unlock()
	return c.fakeAWS.receive(ctx, queueARN, most)
}

func TestMaximumConcurrency(t *testing.T) {
	for limit, want := range map[int]int{1: 0, 3: 2} {
		h, c := newHost(t, Options{})
		c.mu.Lock()
		c.queue = messagesOf("a", "b", "c", "d", "e", "f", "g", "bad")
		c.mu.Unlock()
		m := testQueue
		m.batchSize, m.concurrency = 1, limit
		counting := &countingAWS{fakeAWS: c, host: h}
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
			t.Errorf("with a maximum of %d, messages were received with %d batches in flight", limit, counting.most)
		}
	}
}
