// Command drain is the function behind the custom resource that keeps a feed's
// queues until they are empty.
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
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

// envEvery shortens drain.Every where the numbers of a queue are exact: in the local AWS.
const envEvery = "DRAIN_EVERY"

func main() {
	if err := run(context.Background(), os.Getenv); err != nil {
		log.Fatal(err)
	}
}

// run is without function.Load: the function has no spec, the resource names
// its queues.
func run(ctx context.Context, getenv func(string) string) error {
	cfg, err := handler.AWSConfig(getenv)
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	every := drain.Every
	if d, err := time.ParseDuration(getenv(envEvery)); err == nil {
		every = d
	}
	h := &drain.Handler{
		Every:  every,
		SQS:    sqs.NewFromConfig(cfg),
		Again:  dispatch.JSON[drain.Request](dispatch.Function(cfg, lambdacontext.FunctionName)),
		Answer: drain.Send, Wait: retry.Wait, Now: time.Now, TimeUp: handler.TimeUp,
		Log: slog.New(slog.NewJSONHandler(os.Stdout, nil)),
	}
	lambda.StartWithOptions(h.Handle, lambda.WithContext(ctx))
	return nil
}
