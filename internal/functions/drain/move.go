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

const (
	// batchSize is how many messages are moved concurrently.
	batchSize = 10
	// visibilityTimeout hides a received message from the functions while it is
	// moved, in seconds.
	visibilityTimeout = 60
)

// move moves messages from the queues to the failure queue, from which they can be
// replayed. It ends when no message can be received, or at until. A message that a
// function is processing is not moved: it is deleted by the function, or becomes
// visible again.
func (h *Handler) move(ctx context.Context, p properties, until time.Time, nearDeadline func() bool) error {
	for _, url := range p.QueueUrls {
		for h.Now().Before(until) && !nearDeadline() {
			out, err := h.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
				QueueUrl: &url, MaxNumberOfMessages: batchSize, VisibilityTimeout: visibilityTimeout, WaitTimeSeconds: 1,
			})
			var deleted *types.QueueDoesNotExist
			if errors.As(err, &deleted) {
				break
			}
			if err != nil {
				return fmt.Errorf("receive from queue %s: %w", url, err)
			}
			if len(out.Messages) == 0 {
				break
			}
			if err := h.moveBatch(ctx, url, p.FailureQueueUrl, out.Messages); err != nil {
				return err
			}
			h.Log.Warn("moved to the failure queue", "queue", url, "messages", len(out.Messages))
		}
	}
	return nil
}

// moveBatch sends each message before it deletes it: a failure in between leaves it
// in both queues, and the functions are idempotent.
func (h *Handler) moveBatch(ctx context.Context, from, to string, messages []types.Message) error {
	errs := make([]error, len(messages))
	var group sync.WaitGroup
	for i, m := range messages {
		group.Go(func() {
			if _, err := h.SQS.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &to, MessageBody: m.Body}); err != nil {
				errs[i] = fmt.Errorf("send message %s of queue %s to queue %s: %w", aws.ToString(m.MessageId), from, to, err)
				return
			}
			if _, err := h.SQS.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &from, ReceiptHandle: m.ReceiptHandle}); err != nil {
				errs[i] = fmt.Errorf("delete message %s of queue %s, a copy of which is in queue %s: %w", aws.ToString(m.MessageId), from, to, err)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
