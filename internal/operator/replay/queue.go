package replay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// Queue is the part of the SQS client that the package uses.
type Queue interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
}

const (
	// visibilityTimeout is that of received messages, in seconds. It bounds the time
	// to dispatch one.
	visibilityTimeout = 120
	// waitTime enables long polling, which queries all servers of SQS, in seconds.
	waitTime = 2
)

// events dispatches the events of the failure queue, and deletes each afterwards.
// Events that are not selected stay in the queue and are visible again at the end.
// Events that fail in the meantime are kept to the next replay.
func (r *Replay) events(ctx context.Context) (events []Event, err error) {
	start := r.now()
	var kept []string
	defer func() { err = errors.Join(err, r.release(ctx, kept)) }()
	seen := map[string]bool{}
	for empty := 0; empty < 2 && (r.limit == 0 || len(events) < r.limit); {
		out, err := r.Queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &r.FailureQueueURL, MaxNumberOfMessages: 10, WaitTimeSeconds: waitTime, VisibilityTimeout: visibilityTimeout,
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
		})
		if err != nil {
			return events, fmt.Errorf("read the failure queue: %w", err)
		}
		fresh := false
		for i, m := range out.Messages {
			id := aws.ToString(m.MessageId)
			e := r.ParseEvent(aws.ToString(m.Body))
			e.Time = sentAt(m)
			if seen[id] || e.Time.After(start) {
				kept = append(kept, aws.ToString(m.ReceiptHandle))
				continue
			}
			seen[id], fresh = true, true
			if !r.selects(e) {
				kept = append(kept, aws.ToString(m.ReceiptHandle))
				continue
			}
			if e.Target == "" || r.DryRun {
				kept = append(kept, aws.ToString(m.ReceiptHandle))
			} else if err := r.redrive(ctx, &e, aws.ToString(m.ReceiptHandle)); err != nil {
				for _, m := range out.Messages[i:] {
					kept = append(kept, aws.ToString(m.ReceiptHandle))
				}
				return events, err
			} else if !e.Dispatched {
				kept = append(kept, aws.ToString(m.ReceiptHandle))
			}
			e.payload = nil // the payloads of a queue may not fit in memory
			events = append(events, e)
		}
		if empty++; fresh {
			empty = 0
		}
	}
	return events, nil
}

func sentAt(m types.Message) time.Time {
	ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// redrive dispatches the event, then deletes the message. If the function was deleted,
// for example replaced by a deployment, the event is dispatched to the function that
// processes such payloads now; if there is none, it stays in the queue.
func (r *Replay) redrive(ctx context.Context, e *Event, receipt string) error {
	err := r.dispatch(ctx, e.Target, e.payload)
	if deleted(err) && e.current != "" && e.current != e.Target {
		e.Target = e.current
		err = r.dispatch(ctx, e.Target, e.payload)
	}
	if deleted(err) {
		e.Problem = "the function does not exist"
		return nil
	}
	if err != nil {
		return err
	}
	e.Dispatched = true
	// The message must be deleted even if ctx has ended in the meantime.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if e.Target == Unpack {
		r.started[e.Upload] = true
		for _, id := range e.uploads {
			r.started[id] = true
		}
	}
	if _, err := r.Queue.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &r.FailureQueueURL, ReceiptHandle: &receipt}); err != nil {
		return fmt.Errorf("delete a dispatched event from the failure queue: %w", err)
	}
	return nil
}

// deleted reports whether the error is that a function does not exist.
func deleted(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ResourceNotFoundException"
}

// release makes messages visible again before their visibility timeout, also if ctx
// has ended.
func (r *Replay) release(ctx context.Context, receipts []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, receipt := range receipts {
		_, err := r.Queue.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
			QueueUrl: &r.FailureQueueURL, ReceiptHandle: &receipt, VisibilityTimeout: 0,
		})
		var invalid *types.ReceiptHandleIsInvalid
		var visible *types.MessageNotInflight
		if err != nil && !errors.As(err, &invalid) && !errors.As(err, &visible) {
			return fmt.Errorf("make messages of the failure queue visible again: %w", err)
		}
	}
	return nil
}
