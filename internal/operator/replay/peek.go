package replay

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Peek returns up to ten events of the failure queue, without waiting for more. They
// stay in the queue and are visible again afterwards: at once or, where
// sqs:ChangeMessageVisibility is not allowed (an error), after two seconds. It needs Feed, Queue,
// FailureQueueURL, UnpackFunction and LoadFunction only.
func (r *Replay) Peek(ctx context.Context) ([]Event, error) {
	out, err := r.Queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &r.FailureQueueURL, MaxNumberOfMessages: 10, VisibilityTimeout: 2,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
	})
	if err != nil {
		return nil, fmt.Errorf("read the failure queue: %w", err)
	}
	var events []Event
	var receipts []string
	for _, m := range out.Messages {
		e := r.ParseEvent(aws.ToString(m.Body))
		e.Time, e.payload = sentAt(m), nil
		events = append(events, e)
		receipts = append(receipts, aws.ToString(m.ReceiptHandle))
	}
	return events, r.release(ctx, receipts)
}
