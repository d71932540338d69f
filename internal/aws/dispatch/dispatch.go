// Package dispatch dispatches a payload to a function by an asynchronous invocation.
// The SDK's client retries throttling and other transient errors; what still fails is for the caller's own
// retry, so a payload may be delivered twice and every function is idempotent.
package dispatch

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Dispatcher dispatches one payload: JSON of at most 256 KB. When it returns nil,
// the payload is durable until it is processed: Lambda keeps an asynchronous
// event for six hours. Delivery is at least once.
type Dispatcher func(ctx context.Context, payload []byte) error

// Function dispatches by an asynchronous invocation of the function with a name or ARN.
func Function(cfg aws.Config, name string) Dispatcher {
	client := lambda.NewFromConfig(cfg)
	return func(ctx context.Context, payload []byte) error {
		_, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, InvocationType: types.InvocationTypeEvent, Payload: payload})
		if err != nil {
			return fmt.Errorf("invoke function %s: %w", name, err)
		}
		return nil
	}
}

// JSON returns a function that dispatches a value as JSON.
func JSON[T any](dispatch Dispatcher) func(context.Context, T) error {
	return func(ctx context.Context, v T) error {
		payload, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode payload: %w", err)
		}
		return dispatch(ctx, payload)
	}
}
