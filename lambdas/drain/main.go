// Command drain is the function of the custom resource that keeps a feed's queues
// until they are empty.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/functions/drain"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/retry"
)

// envInterval replaces drain.Interval in the local cloud, where the message counts
// of a queue are exact.
const envInterval = "DRAIN_EVERY"

func main() {
	if err := run(context.Background(), os.Getenv); err != nil {
		log.Fatal(err)
	}
}

// run does not use handler.Load: the function has no feed spec; the properties of
// the custom resource name its queues.
func run(ctx context.Context, getenv func(string) string) error {
	cfg, err := handler.AWSConfig(ctx)
	if err != nil {
		return err
	}
	interval := drain.Interval
	if d, err := time.ParseDuration(getenv(envInterval)); err == nil {
		interval = d
	}
	h := &drain.Handler{
		Interval: interval,
		SQS:      sqs.NewFromConfig(cfg),
		Continue: dispatch.JSON[drain.Request](dispatch.Function(cfg, lambdacontext.FunctionName)),
		Respond:  drain.Respond, Wait: retry.Wait, Now: time.Now, NearDeadline: handler.NearDeadline,
		Log: handler.NewLogger(),
	}
	lambda.StartWithOptions(h.Handle, lambda.WithContext(ctx))
	return nil
}
