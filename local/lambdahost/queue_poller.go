package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"example.com/ingestion/internal/retry"
)

// pollQueue invokes the function of a mapping with the messages of its queue,
// several batches concurrently.
func (h *Host) pollQueue(ctx context.Context, c awsClient, m mapping) {
	limit := h.options.Concurrency
	if m.concurrency > 0 {
		limit = min(limit, m.concurrency)
	}
	slots := make(chan struct{}, limit)
	for ctx.Err() == nil {
		if h.waitWhilePaused(ctx) != nil {
			return
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		messages, err := h.receive(ctx, c, m)
		if err != nil || len(messages) == 0 {
			<-slots
			if err != nil && h.base.Err() == nil {
				h.log.printf("mapping %s: %v", m.id, err)
				_ = retry.Wait(ctx, time.Second)
			}
			continue
		}
		end := h.inFlight.start(m.function)
		h.jobs.Go(func() {
			defer func() { end(); <-slots }()
			// A received batch is completed even if its mapping is deleted.
			if err := h.batch(h.base, c, m, messages); err != nil && h.base.Err() == nil {
				h.log.printf("mapping %s of %s: %v", m.id, m.function, err)
			}
		})
	}
}

// receive receives messages from the queue of a mapping. A canceled request could
// still receive messages, so it continues when the mapping is deleted: its messages
// are made visible again. Messages that arrive during a Pause are kept until Resume.
func (h *Host) receive(ctx context.Context, c awsClient, m mapping) ([]sqstypes.Message, error) {
	messages, err := c.receive(onBehalfOf(h.base, m.function), m.source, m.batchSize)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	if h.waitWhilePaused(ctx) == nil && ctx.Err() == nil {
		return messages, nil
	}
	return nil, c.shortenVisibility(h.base, m.source, receipts(messages), 0)
}

// batch invokes the function with messages and deletes those that it processed.
// The others become visible again after their visibility timeout, or after
// Options.VisibilityTimeout if that is shorter.
func (h *Host) batch(ctx context.Context, c awsClient, m mapping, messages []sqstypes.Message) error {
	failed, err := h.invokeBatch(ctx, m, messages)
	if err != nil {
		failed = messages
	}
	retried := receipts(failed)
	processed := slices.DeleteFunc(receipts(messages), func(r string) bool { return slices.Contains(retried, r) })
	if len(processed) > 0 {
		err = errors.Join(err, c.deleteMessages(onBehalfOf(ctx, m.function), m.source, processed))
	}
	if len(retried) > 0 {
		err = errors.Join(err, c.shortenVisibility(ctx, m.source, retried, h.options.VisibilityTimeout))
	}
	return err
}

// invokeBatch returns the messages that the function could not process; with an
// error, these are all of them.
func (h *Host) invokeBatch(ctx context.Context, m mapping, messages []sqstypes.Message) ([]sqstypes.Message, error) {
	payload, err := sqsEvent(m.source, messages)
	if err != nil {
		return nil, err
	}
	if h.faults.take(faultThrottle, m.function) {
		return nil, fmt.Errorf("batch of %d: %w", len(messages), ErrThrottled)
	}
	res, err := h.attempt(ctx, m.function, newRequestID(), payload)
	if err != nil {
		return nil, err
	}
	if res.FunctionError != "" {
		return nil, fmt.Errorf("batch of %d failed: %s", len(messages), res.Payload)
	}
	return failedItems(m, res.Payload, messages)
}

// receipts are the receipt handles of messages.
func receipts(messages []sqstypes.Message) []string {
	all := make([]string, len(messages))
	for i, msg := range messages {
		all[i] = aws.ToString(msg.ReceiptHandle)
	}
	return all
}

// sqsEvent is the event of a batch.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
func sqsEvent(queueARN string, messages []sqstypes.Message) ([]byte, error) {
	a, err := arn.Parse(queueARN)
	if err != nil {
		return nil, fmt.Errorf("queue %q: %w", queueARN, err)
	}
	records := make([]events.SQSMessage, len(messages))
	for i, msg := range messages {
		records[i] = events.SQSMessage{
			MessageId:              aws.ToString(msg.MessageId),
			ReceiptHandle:          aws.ToString(msg.ReceiptHandle),
			Body:                   aws.ToString(msg.Body),
			Attributes:             msg.Attributes,
			MessageAttributes:      map[string]events.SQSMessageAttribute{},
			Md5OfBody:              aws.ToString(msg.MD5OfBody),
			Md5OfMessageAttributes: aws.ToString(msg.MD5OfMessageAttributes),
			EventSource:            "aws:sqs",
			EventSourceARN:         queueARN,
			AWSRegion:              a.Region,
		}
		for name, v := range msg.MessageAttributes {
			records[i].MessageAttributes[name] = events.SQSMessageAttribute{
				StringValue: v.StringValue, BinaryValue: v.BinaryValue, DataType: aws.ToString(v.DataType),
				StringListValues: []string{}, BinaryListValues: [][]byte{},
			}
		}
	}
	return json.Marshal(events.SQSEvent{Records: records})
}

// failedItems returns the messages that a partial batch response reports as failed.
// As in Lambda, an invalid response means that the whole batch failed.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func failedItems(m mapping, payload []byte, messages []sqstypes.Message) ([]sqstypes.Message, error) {
	text := strings.TrimSpace(string(payload))
	if !m.partialBatches || text == "" || text == "null" {
		return nil, nil
	}
	var response events.SQSEventResponse
	if err := json.Unmarshal(payload, &response); err != nil {
		return nil, fmt.Errorf("partial batch response %s: %w", payload, err)
	}
	var failed []sqstypes.Message
	for _, item := range response.BatchItemFailures {
		i := slices.IndexFunc(messages, func(msg sqstypes.Message) bool { return aws.ToString(msg.MessageId) == item.ItemIdentifier })
		if i < 0 {
			return nil, fmt.Errorf("partial batch response names %q, which is not a message of the batch: the whole batch failed", item.ItemIdentifier)
		}
		failed = append(failed, messages[i])
	}
	return failed, nil
}
