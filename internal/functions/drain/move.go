package drain

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// moved is how many messages are moved at once, and hidden for how long they are
// kept from the functions meanwhile, in seconds.
const (
	moved  = 10
	hidden = 60
)

// move moves what can be received from the queues to the failure queue, as SQS
// itself would after some receives, so that it can be replayed. It ends when
// there is no more to receive, or at a time. What a function has just received
// is not there to be moved: it is done, or is there again later.
func (h *Handler) move(ctx context.Context, p properties, until time.Time, timeUp func() bool) error {
	for _, url := range p.QueueUrls {
		for h.Now().Before(until) && !timeUp() {
			out, err := h.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: moved, VisibilityTimeout: hidden, WaitTimeSeconds: 1})
			var gone *types.QueueDoesNotExist
			if errors.As(err, &gone) {
				break
			}
			if err != nil {
				return fmt.Errorf("receive from queue %s: %w", url, err)
			}
			if len(out.Messages) == 0 {
				break
			}
			if err := h.moveAll(ctx, url, p.FailureQueueUrl, out.Messages); err != nil {
				return err
			}
			h.Log.Warn("moved to the failure queue", "queue", url, "messages", len(out.Messages))
		}
	}
	return nil
}

// moveAll moves messages side by side: each is sent before it is deleted.
func (h *Handler) moveAll(ctx context.Context, from, to string, messages []types.Message) error {
	errs := make([]error, len(messages))
	var all sync.WaitGroup
	for i, m := range messages {
		all.Go(func() {
			if _, err := h.SQS.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &to, MessageBody: m.Body}); err != nil {
				errs[i] = fmt.Errorf("send message %s of queue %s to queue %s: %w", aws.ToString(m.MessageId), from, to, err)
				return
			}
			if _, err := h.SQS.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &from, ReceiptHandle: m.ReceiptHandle}); err != nil {
				errs[i] = fmt.Errorf("delete message %s of queue %s, which is in queue %s now: %w", aws.ToString(m.MessageId), from, to, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
