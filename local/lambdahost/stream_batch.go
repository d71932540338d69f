package lambdahost

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"example.com/ingestion/internal/retry"
)

// maxDoublings limits the growth of the delay between two attempts of a batch.
const maxDoublings = 5

// deliverBatch invokes the function until it processes the batch or the batch is
// discarded: a failed batch is retried, in halves if the mapping has bisect, up to
// the maximum number of retries or age of its records. The error is that of ctx.
// https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
func (s *streamPoller) deliverBatch(ctx context.Context, batch []streamRecord) error {
	var last Result
	invoked := 0
	for {
		unexpired := s.unexpired(batch)
		if expired := batch[:len(batch)-len(unexpired)]; len(expired) > 0 {
			s.discard(expired, "RecordAgeExceeded", invoked, last)
		}
		if batch = unexpired; len(batch) == 0 {
			return nil
		}
		if err := s.host.waitWhilePaused(ctx); err != nil {
			return err
		}
		res, ran := s.invoke(batch)
		switch {
		case ran && res.FunctionError == "":
			return nil
		case ran:
			invoked++
			last = res
		}
		// A bisected batch does not count as a retry.
		splits := ran && s.m.bisect && len(batch) > 1
		if ran && !splits && s.m.retries >= 0 && invoked > s.m.retries {
			s.discard(batch, "RetryAttemptsExhausted", invoked, last)
			return nil
		}
		if err := retry.Wait(ctx, s.host.options.RetryDelay<<min(max(invoked-1, 0), maxDoublings)); err != nil {
			return err
		}
		if splits {
			half := len(batch) / 2
			if err := s.deliverBatch(ctx, batch[:half]); err != nil {
				return err
			}
			batch, invoked, last = batch[half:], 0, Result{}
		}
	}
}

// unexpired is the batch without the records that exceed the maximum age. These are
// the first ones: a stream is ordered by time.
func (s *streamPoller) unexpired(batch []streamRecord) []streamRecord {
	if s.m.maxAge == 0 {
		return batch
	}
	for len(batch) > 0 && time.Since(batch[0].created) > s.m.maxAge {
		batch = batch[1:]
	}
	return batch
}

// invoke invokes the function once; ran is false if it could not be invoked. A
// running invocation is completed even if the mapping is deleted.
func (s *streamPoller) invoke(batch []streamRecord) (res Result, ran bool) {
	if s.host.faults.take(faultThrottle, s.m.function) {
		return Result{}, false
	}
	payload, err := streamEvent(batch)
	if err == nil {
		res, err = s.host.attempt(s.host.base, s.m.function, newRequestID(), payload)
	}
	if err != nil && s.host.base.Err() == nil {
		s.host.log.printf("mapping %s of %s: %v", s.m.id, s.m.function, err)
	}
	return res, err == nil
}

// batchInfo identifies the records of a discarded batch.
type batchInfo struct {
	ShardID       string `json:"shardId"`
	StartSequence string `json:"startSequenceNumber"`
	EndSequence   string `json:"endSequenceNumber"`
	FirstArrival  string `json:"approximateArrivalOfFirstRecord"`
	LastArrival   string `json:"approximateArrivalOfLastRecord"`
	BatchSize     int    `json:"batchSize"`
	StreamARN     string `json:"streamArn"`
}

// streamFailure is the record that a destination receives. Only that of a bucket has
// a Payload, the event as a string.
// https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
type streamFailure struct {
	RequestContext  requestContext   `json:"requestContext"`
	ResponseContext *responseContext `json:"responseContext,omitempty"` // nil if the function was not invoked
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	Batch           batchInfo        `json:"DDBStreamBatchInfo"`
	Payload         string           `json:"payload,omitempty"`
}

// discard sends records that are not retried to the on-failure destination, if any.
func (s *streamPoller) discard(batch []streamRecord, condition string, invoked int, last Result) {
	first, end := batch[0], batch[len(batch)-1]
	err := s.sendFailure(batch, condition, invoked, last)
	if err != nil && s.host.base.Err() == nil {
		s.host.log.printf("mapping %s of %s: %d records from %s to %s are discarded (%s) and lost: %v",
			s.m.id, s.m.function, len(batch), first.sequence, end.sequence, condition, err)
	}
}

func (s *streamPoller) sendFailure(batch []streamRecord, condition string, invoked int, last Result) error {
	ctx := onBehalfOf(s.host.base, s.m.function)
	if s.m.onFailure == "" {
		return fmt.Errorf("the mapping has no on-failure destination; the last error was %s", last.Payload)
	}
	destination, err := arn.Parse(s.m.onFailure)
	if err != nil {
		return fmt.Errorf("on-failure destination %q: %w", s.m.onFailure, err)
	}
	f, err := s.client.function(ctx, s.m.function)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	first, end := batch[0], batch[len(batch)-1]
	failure := streamFailure{
		RequestContext: requestContext{
			RequestID: last.RequestID, FunctionARN: f.ARN, Condition: condition, ApproximateInvokeCount: invoked,
		},
		Version:   "1.0",
		Timestamp: now.Format(timestampFormat),
		Batch: batchInfo{
			ShardID:       s.shard,
			StartSequence: first.sequence,
			EndSequence:   end.sequence,
			FirstArrival:  first.created.UTC().Format(time.RFC3339),
			LastArrival:   end.created.UTC().Format(time.RFC3339),
			BatchSize:     len(batch),
			StreamARN:     s.m.source,
		},
	}
	if invoked > 0 {
		failure.ResponseContext = &responseContext{StatusCode: 200, ExecutedVersion: "$LATEST", FunctionError: last.FunctionError}
	}
	if destination.Service == "s3" {
		event, err := streamEvent(batch)
		if err != nil {
			return err
		}
		failure.Payload = string(event)
	}
	record, err := json.Marshal(failure)
	if err != nil {
		return err
	}
	if destination.Service == "s3" {
		err = s.client.putObject(ctx, destination.Resource, s.failureKey(now), record)
	} else {
		err = s.client.sendToDestination(ctx, destination, record)
	}
	if err != nil {
		return fmt.Errorf("on-failure destination %s: %w", s.m.onFailure, err)
	}
	return nil
}

// failureKey is the key of the record of a discarded batch in a bucket, as Lambda names it.
func (s *streamPoller) failureKey(now time.Time) string {
	return fmt.Sprintf("aws/lambda/%s/%s/%s-%s", s.m.id, s.shard, now.Format("2006/01/02/2006-01-02T15.04.05"), newRequestID())
}
