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

	"example.com/ingestion/internal/retry"
)

const (
	// visibilityTimeout is the time in seconds for OnEvents to process a message.
	visibilityTimeout = 120
	// retryDelay is the time in seconds after which a message is delivered again if
	// OnEvents returned an error.
	retryDelay = 1
	// waitTime is the time in seconds that a request waits for messages.
	waitTime = 2
	// backoff is the wait after a request that failed.
	backoff = 500 * time.Millisecond
)

// poll receives and processes the messages of one queue until ctx ends.
func (c *Client) poll(ctx context.Context, ch channel) {
	for ctx.Err() == nil {
		out, err := c.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &ch.url, MaxNumberOfMessages: 10, WaitTimeSeconds: waitTime})
		if err != nil {
			c.log(ctx, "topic %s: %v", ch.topic, err)
			_ = retry.Wait(ctx, backoff) // fails only if ctx ends
			continue
		}
		for _, m := range out.Messages {
			if err := c.process(ctx, ch, m); err != nil {
				c.log(ctx, "topic %s: %v", ch.topic, err)
			}
		}
	}
}

// process passes the events of a message to OnEvents. An invalid message is deleted,
// because it would be delivered again and again.
func (c *Client) process(ctx context.Context, ch channel, m sqstypes.Message) error {
	events, invalid := parseEvents(aws.ToString(m.Body))
	if len(events) > 0 && c.options.OnEvents != nil {
		if err := c.options.OnEvents(ctx, ch.topic, events); err != nil {
			_, later := c.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
				QueueUrl: &ch.url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: retryDelay,
			})
			return errors.Join(err, later)
		}
	}
	_, err := c.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &ch.url, ReceiptHandle: m.ReceiptHandle})
	return errors.Join(invalid, err)
}

// Pending returns the number of messages that OnEvents has not processed yet,
// including the current ones. The local AWS publishes the notification of an object
// before it returns from the request that puts it, so that 0 means that the events of
// all objects put before have been processed.
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

// log writes an error to the log, unless ctx has ended.
func (c *Client) log(ctx context.Context, format string, args ...any) {
	if ctx.Err() == nil {
		fmt.Fprintf(c.options.Log, "local Snowflake: "+format+"\n", args...)
	}
}
