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

// Queue is what replaying needs of an SQS client.
type Queue interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
}

const (
	// hidden is how long a message that was received is kept from other readers,
	// in seconds: it bounds how long one may take to send.
	hidden = 120
	// poll is how long to wait for a message where there seems to be none, in
	// seconds; SQS then asks all of its servers.
	poll = 2
)

// events sends the events of the failure queue again, each before it is deleted.
// What is not to be sent stays, and is visible again at the end. Events that
// fail while this goes on are for the next time.
func (r *Replay) events(ctx context.Context) (events []Event, err error) {
	start := r.now()
	var left []string
	defer func() { err = errors.Join(err, r.putBack(ctx, left)) }()
	seen := map[string]bool{}
	for empty := 0; empty < 2; {
		out, err := r.Queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &r.FailureQueueURL, MaxNumberOfMessages: 10, WaitTimeSeconds: poll, VisibilityTimeout: hidden,
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
		})
		if err != nil {
			return events, fmt.Errorf("read the failure queue: %w", err)
		}
		fresh := false
		for i, m := range out.Messages {
			id := aws.ToString(m.MessageId)
			e := r.parse(aws.ToString(m.Body))
			e.At = sentAt(m)
			if seen[id] || e.At.After(start) {
				left = append(left, aws.ToString(m.ReceiptHandle))
				continue
			}
			seen[id], fresh = true, true
			if !r.about(e) {
				left = append(left, aws.ToString(m.ReceiptHandle))
				continue
			}
			if e.Target == "" || r.DryRun {
				left = append(left, aws.ToString(m.ReceiptHandle))
			} else if err := r.sendAgain(ctx, &e, aws.ToString(m.ReceiptHandle)); err != nil {
				for _, m := range out.Messages[i:] {
					left = append(left, aws.ToString(m.ReceiptHandle))
				}
				return events, err
			} else if !e.Sent {
				left = append(left, aws.ToString(m.ReceiptHandle))
			}
			e.payload = nil // a queue may hold more of them than memory
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

// sendAgain sends the event, and only then deletes the message. One whose
// function is not there any more goes to the function that takes such payloads
// now; where there is none it stays unsent, and holds up no other.
func (r *Replay) sendAgain(ctx context.Context, e *Event, receipt string) error {
	err := r.send(ctx, e.Target, e.payload)
	if gone(err) && e.now != "" && e.now != e.Target {
		e.Target = e.now
		err = r.send(ctx, e.Target, e.payload)
	}
	if gone(err) {
		e.Why = "there is no such function any more"
		return nil
	}
	if err != nil {
		return err
	}
	e.Sent = true
	// It was taken: when ctx ends now the message still has to go.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if e.Target == Unpack {
		r.begun[e.Upload] = true
		for _, id := range e.uploads {
			r.begun[id] = true
		}
	}
	if _, err := r.Queue.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &r.FailureQueueURL, ReceiptHandle: &receipt}); err != nil {
		return fmt.Errorf("take an event that was sent again out of the failure queue: %w", err)
	}
	return nil
}

// gone reports whether err says that a function does not exist.
func gone(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ResourceNotFoundException"
}

// putBack makes messages visible again, also when ctx has ended; else they would
// be in two minutes.
func (r *Replay) putBack(ctx context.Context, receipts []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, receipt := range receipts {
		_, err := r.Queue.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
			QueueUrl: &r.FailureQueueURL, ReceiptHandle: &receipt, VisibilityTimeout: 0,
		})
		var gone *types.ReceiptHandleIsInvalid
		var visible *types.MessageNotInflight
		if err != nil && !errors.As(err, &gone) && !errors.As(err, &visible) {
			return fmt.Errorf("put messages back into the failure queue: %w", err)
		}
	}
	return nil
}
