package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// FillBucket puts an object under each of the keys, all with the same body, into
// a bucket of any account, and sends no events. It is for buckets with many
// objects, for which PutObject would take minutes.
func (e *Env) FillBucket(ctx context.Context, bucket string, keys []string, body []byte) error {
	request := struct {
		Keys []string
		Body []byte
	}{keys, body}
	if _, err := e.post(ctx, "/_local/fill/"+url.PathEscape(bucket), request); err != nil {
		return fmt.Errorf("fill bucket %s: %w", bucket, err)
	}
	return nil
}

// FireSchedules fires every schedule of a stack now: rules with a
// ScheduleExpression, and schedules of EventBridge Scheduler. Functions are invoked
// asynchronously: Host().Idle waits for them. Schedules also fire when they are due.
// It is an error if the stack has no enabled schedule, or if a delivery fails.
func (e *Env) FireSchedules(ctx context.Context, stack string) error {
	if _, err := e.post(ctx, "/_local/schedules/"+url.PathEscape(stack), nil); err != nil {
		return fmt.Errorf("fire the schedules of stack %s: %w", stack, err)
	}
	return nil
}

// Throttle makes DynamoDB throttle every request of some operations, such as
// "BatchWriteItem", until it is called again with others or none.
func (e *Env) Throttle(ctx context.Context, operations ...string) error {
	if _, err := e.post(ctx, "/_local/throttle", append([]string{}, operations...)); err != nil {
		return fmt.Errorf("throttle %q: %w", operations, err)
	}
	return nil
}

// post posts JSON, or no body if request is nil, to a route of the gateway that no
// AWS service has, and returns the body of the response.
func (e *Env) post(ctx context.Context, path string, request any) ([]byte, error) {
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Endpoint()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer closeQuietly(resp.Body)
	message, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(string(message))
	}
	return message, err
}
