package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
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
		messages, err := c.receive(ctx, m.source, m.batchSize)
		if err != nil || len(messages) == 0 {
			<-slots
			if err != nil && ctx.Err() == nil {
				h.log.printf("mapping %s: %v", m.id, err)
				_ = sleep(ctx, time.Second)
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
// with. The others appear again when their visibility timeout is over.
func (h *Host) batch(ctx context.Context, c cloud, m mapping, messages []sqstypes.Message) error {
	payload, err := sqsEvent(m.source, messages)
	if err != nil {
		return err
	}
	res, err := h.attempt(ctx, m.function, newRequestID(), payload)
	if err != nil {
		return err
	}
	if res.FunctionError != "" {
		return fmt.Errorf("batch of %d failed: %s", len(messages), res.Payload)
	}
	failed, err := failedItems(m, res.Payload)
	if err != nil {
		return err
	}
	var receipts []string
	for _, msg := range messages {
		if !failed[aws.ToString(msg.MessageId)] {
			receipts = append(receipts, aws.ToString(msg.ReceiptHandle))
		}
	}
	return c.remove(ctx, m.source, receipts)
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

// failedItems reads a partial batch response. As with Lambda, one that cannot
// be understood means that the whole batch failed.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func failedItems(m mapping, payload []byte) (map[string]bool, error) {
	failed := map[string]bool{}
	text := strings.TrimSpace(string(payload))
	if !m.partialBatches || text == "" || text == "null" {
		return failed, nil
	}
	var response struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(payload, &response); err != nil {
		return nil, fmt.Errorf("partial batch response %s: %w", payload, err)
	}
	for _, item := range response.BatchItemFailures {
		if item.ItemIdentifier == "" {
			return nil, errors.New("partial batch response with an empty itemIdentifier: the whole batch failed")
		}
		failed[item.ItemIdentifier] = true
	}
	return failed, nil
}
