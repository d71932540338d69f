package unpack

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"ingestion/internal/upload"
)

// Invoker returns a Handler's HandOn that invokes function asynchronously, once
// for each part.
func Invoker(client *lambda.Client, function string) func(context.Context, upload.PartRef) error {
	return func(ctx context.Context, ref upload.PartRef) error {
		payload, err := json.Marshal(ref)
		if err != nil {
			return fmt.Errorf("encode part %s: %w", ref.Part, err)
		}
		_, err = client.Invoke(ctx, &lambda.InvokeInput{
			FunctionName: &function, InvocationType: types.InvocationTypeEvent, Payload: payload,
		})
		return err
	}
}
