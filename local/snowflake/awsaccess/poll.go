package awsaccess

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// visibility is for how many seconds OnEvents may take until a message counts as lost.
	visibility = 120
	// again is after how many seconds a message comes back that OnEvents refused.
	again = 1
	// pollWait is how many seconds a poll waits for messages.
	pollWait = 2
	// pollPause follows a poll that failed.
	pollPause = 500 * time.Millisecond
)

// poll hands on the messages of one queue until ctx ends.
func (c *Client) poll(ctx context.Context, ch channel) {
	for ctx.Err() == nil {
		out, err := c.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &ch.url, MaxNumberOfMessages: 10, WaitTimeSeconds: pollWait})
		if err != nil {
			c.log(ctx, "topic %s: %v", ch.topic, err)
			pause(ctx, pollPause)
			continue
		}
		for _, m := range out.Messages {
			if err := c.take(ctx, ch, m); err != nil {
				c.log(ctx, "topic %s: %v", ch.topic, err)
			}
		}
	}
}

// take hands on one message. One that cannot be read is logged and dropped, as
// it would come back for ever.
func (c *Client) take(ctx context.Context, ch channel, m sqstypes.Message) error {
	events, unreadable := parseEvents(aws.ToString(m.Body))
	if len(events) > 0 && c.options.OnEvents != nil {
		if err := c.options.OnEvents(ctx, ch.topic, events); err != nil {
			_, later := c.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
				QueueUrl: &ch.url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: again,
			})
			return errors.Join(err, later)
		}
	}
	_, err := c.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &ch.url, ReceiptHandle: m.ReceiptHandle})
	return errors.Join(unreadable, err)
}

// Pending counts the messages that were announced and that OnEvents has not yet
// dealt with, those in its hands included. The local AWS announces an object
// before it answers who put it, so 0 means that everything put before was taken.
func (c *Client) Pending(ctx context.Context) (int, error) {
	c.mu.Lock()
	var urls []string
	for _, ch := range c.channels {
		urls = append(urls, ch.url)
	}
	c.mu.Unlock()
	names := []sqstypes.QueueAttributeName{
		sqstypes.QueueAttributeNameApproximateNumberOfMessages,
		sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	pending := 0
	for _, url := range urls {
		out, err := c.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
		if err != nil {
			return 0, fmt.Errorf("queue %s: %w", url, err)
		}
		for _, name := range names {
			n, err := strconv.Atoi(out.Attributes[string(name)])
			if err != nil {
				return 0, fmt.Errorf("queue %s: %s: %w", url, name, err)
			}
			pending += n
		}
	}
	return pending, nil
}

// log tells what went wrong, but not that the end of ctx ended something.
func (c *Client) log(ctx context.Context, format string, args ...any) {
	if ctx.Err() == nil {
		fmt.Fprintf(c.options.Log, "local Snowflake: "+format+"\n", args...)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
