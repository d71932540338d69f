package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"example.com/ingestion/internal/retry"
)

// pollQueue brings the messages of one queue to its function, several batches at once.
func (h *Host) pollQueue(ctx context.Context, c cloud, m mapping) {
	limit := h.options.Concurrency
	if m.concurrency > 0 {
		limit = min(limit, m.concurrency)
	}
	slots := make(chan struct{}, limit)
	for ctx.Err() == nil {
		if h.passGate(ctx) != nil {
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
				_ = retry.For(ctx, time.Second)
			}
			continue
		}
		end := h.work.begin(m.function)
		h.jobs.Go(func() {
			defer func() { end(); <-slots }()
			// A batch in hand is finished even if its mapping goes away.
			if err := h.batch(h.base, c, m, messages); err != nil && h.base.Err() == nil {
				h.log.printf("mapping %s of %s: %v", m.id, m.function, err)
			}
		})
	}
}

// receive takes messages from a mapping's queue. A request that ended with its
// caller could still take some, so it goes on when the mapping goes away: what
// comes then is given back. What comes during a pause is kept in hand.
func (h *Host) receive(ctx context.Context, c cloud, m mapping) ([]sqstypes.Message, error) {
	messages, err := c.receive(h.base, m.source, m.batchSize)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	if h.passGate(ctx) == nil && ctx.Err() == nil {
		return messages, nil
	}
	return nil, c.hide(h.base, m.source, receipts(messages), 0)
}

// sqsRecord is a message as a function sees it.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
type sqsRecord struct {
	MessageID         string                  `json:"messageId"`
	ReceiptHandle     string                  `json:"receiptHandle"`
	Body              string                  `json:"body"`
	Attributes        map[string]string       `json:"attributes"`
	MessageAttributes map[string]sqsAttribute `json:"messageAttributes"`
	MD5OfBody         string                  `json:"md5OfBody"`
	EventSource       string                  `json:"eventSource"`
	EventSourceARN    string                  `json:"eventSourceARN"`
	AWSRegion         string                  `json:"awsRegion"`
}

type sqsAttribute struct {
	StringValue *string `json:"stringValue,omitempty"`
	BinaryValue []byte  `json:"binaryValue,omitempty"`
	DataType    string  `json:"dataType"`
}

// batch invokes the function with messages and deletes those that it dealt
// with. The others appear again when their visibility timeout is over, or
// Options.VisibilityTimeout if that is shorter.
func (h *Host) batch(ctx context.Context, c cloud, m mapping, messages []sqstypes.Message) error {
	failed, err := h.invokeBatch(ctx, m, messages)
	if err != nil {
		failed = messages
	}
	again := receipts(failed)
	done := slices.DeleteFunc(receipts(messages), func(r string) bool { return slices.Contains(again, r) })
	if len(done) > 0 {
		err = errors.Join(err, c.remove(ctx, m.source, done))
	}
	if len(again) > 0 {
		err = errors.Join(err, c.hide(ctx, m.source, again, h.options.VisibilityTimeout))
	}
	return err
}

// invokeBatch returns the messages that the function could not deal with. An
// error means that this is all of them.
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

func sqsEvent(queueARN string, messages []sqstypes.Message) ([]byte, error) {
	a, err := arn.Parse(queueARN)
	if err != nil {
		return nil, fmt.Errorf("queue %q: %w", queueARN, err)
	}
	records := make([]sqsRecord, len(messages))
	for i, msg := range messages {
		records[i] = sqsRecord{
			MessageID:         aws.ToString(msg.MessageId),
			ReceiptHandle:     aws.ToString(msg.ReceiptHandle),
			Body:              aws.ToString(msg.Body),
			Attributes:        msg.Attributes,
			MessageAttributes: map[string]sqsAttribute{},
			MD5OfBody:         aws.ToString(msg.MD5OfBody),
			EventSource:       "aws:sqs",
			EventSourceARN:    queueARN,
			AWSRegion:         a.Region,
		}
		for name, v := range msg.MessageAttributes {
			records[i].MessageAttributes[name] = sqsAttribute{StringValue: v.StringValue, BinaryValue: v.BinaryValue, DataType: aws.ToString(v.DataType)}
		}
	}
	return json.Marshal(map[string]any{"Records": records})
}

// failedItems returns the messages that a partial batch response names. As with
// Lambda, one that cannot be understood means that the whole batch failed.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func failedItems(m mapping, payload []byte, messages []sqstypes.Message) ([]sqstypes.Message, error) {
	text := strings.TrimSpace(string(payload))
	if !m.partialBatches || text == "" || text == "null" {
		return nil, nil
	}
	var response struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(payload, &response); err != nil {
		return nil, fmt.Errorf("partial batch response %s: %w", payload, err)
	}
	var failed []sqstypes.Message
	for _, item := range response.BatchItemFailures {
		i := slices.IndexFunc(messages, func(msg sqstypes.Message) bool { return aws.ToString(msg.MessageId) == item.ItemIdentifier })
		if i < 0 {
			return nil, fmt.Errorf("partial batch response names %q, which is no message of the batch: the whole batch failed", item.ItemIdentifier)
		}
		failed = append(failed, messages[i])
	}
	return failed, nil
}
