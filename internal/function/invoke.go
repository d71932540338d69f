package function

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Invoker returns what invokes function asynchronously with a payload.
func Invoker[T any](client *lambda.Client, function string) func(context.Context, T) error {
	return func(ctx context.Context, v T) error {
		payload, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode payload of %s: %w", function, err)
		}
		_, err = client.Invoke(ctx, &lambda.InvokeInput{
			FunctionName: &function, InvocationType: types.InvocationTypeEvent, Payload: payload,
		})
		return err
	}
}
