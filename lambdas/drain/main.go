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

	"ingestion/internal/drain"
	"ingestion/internal/function"
	"ingestion/internal/handon"
	"ingestion/internal/pause"
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
	cfg, err := function.AWSConfig(getenv)
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
		Again:  handon.JSON[drain.Request](handon.Function(cfg, lambdacontext.FunctionName)),
		Answer: drain.Send, Wait: pause.For, Now: time.Now, TimeUp: function.TimeUp,
		Log: slog.New(slog.NewJSONHandler(os.Stdout, nil)),
	}
	lambda.StartWithOptions(h.Handle, lambda.WithContext(ctx))
	return nil
}
