package lambdahost

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func (c *sdkClient) receive(ctx context.Context, queueARN string, most int) ([]sqstypes.Message, error) {
	url, err := c.queueURL(ctx, queueARN)
	if err != nil {
		return nil, err
	}
	out, err := c.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:                    &url,
		MaxNumberOfMessages:         int32(min(most, 10)), //nolint:gosec // at most 10
		WaitTimeSeconds:             1,
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
	})
	if err != nil {
		return nil, fmt.Errorf("receive from %s: %w", queueARN, err)
	}
	return out.Messages, nil
}

func (c *sdkClient) deleteMessages(ctx context.Context, queueARN string, receipts []string) error {
	url, err := c.queueURL(ctx, queueARN)
	if err != nil {
		return err
	}
	var errs []error
	for _, receipt := range receipts {
		if _, err := c.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: &receipt}); err != nil {
			errs = append(errs, fmt.Errorf("delete a message of %s: %w", queueARN, err))
		}
	}
	return errors.Join(errs...)
}

func (c *sdkClient) shortenVisibility(ctx context.Context, queueARN string, receipts []string, most time.Duration) error {
	own, err := c.queueNumbers(ctx, queueARN, sqstypes.QueueAttributeNameVisibilityTimeout)
	if err != nil {
		return err
	}
	seconds := int(math.Ceil(most.Seconds()))
	if seconds >= own {
		return nil
	}
	url, err := c.queueURL(ctx, queueARN)
	if err != nil {
		return err
	}
	var errs []error
	for _, receipt := range receipts {
		in := &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: &receipt, VisibilityTimeout: int32(seconds)} //nolint:gosec // below the queue's own, which is an int32
		if _, err := c.sqs.ChangeMessageVisibility(ctx, in); err != nil {
			errs = append(errs, fmt.Errorf("make a message of %s visible: %w", queueARN, err))
		}
	}
	return errors.Join(errs...)
}

func (c *sdkClient) countMessages(ctx context.Context, queueARN string) (int, error) {
	return c.queueNumbers(ctx, queueARN,
		sqstypes.QueueAttributeNameApproximateNumberOfMessages,
		sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	)
}

// queueNumbers is the sum of attributes of a queue.
func (c *sdkClient) queueNumbers(ctx context.Context, queueARN string, names ...sqstypes.QueueAttributeName) (int, error) {
	url, err := c.queueURL(ctx, queueARN)
	if err != nil {
		return 0, err
	}
	out, err := c.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
	if err != nil {
		return 0, fmt.Errorf("attributes of %s: %w", queueARN, err)
	}
	total := 0
	for _, name := range names {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			return 0, fmt.Errorf("attribute %s of %s: %w", name, queueARN, err)
		}
		total += n
	}
	return total, nil
}

func (c *sdkClient) queueURL(ctx context.Context, queueARN string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if url, ok := c.urls[queueARN]; ok {
		return url, nil
	}
	a, err := arn.Parse(queueARN)
	if err != nil {
		return "", fmt.Errorf("queue %q: %w", queueARN, err)
	}
	// Lambda knows the URL of a queue without a request that needs a permission.
	out, err := c.sqs.GetQueueUrl(onBehalfOf(ctx, ""), &sqs.GetQueueUrlInput{QueueName: &a.Resource})
	if err != nil {
		return "", fmt.Errorf("URL of queue %s: %w", queueARN, err)
	}
	c.urls[queueARN] = aws.ToString(out.QueueUrl)
	return c.urls[queueARN], nil
}
