// Command unpack is the function that turns a source object into parts and
// dispatches each part to load.
package main

import (
	"context"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/unpack"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

func main() {
	if err := run(context.Background(), os.Getenv); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, getenv func(string) string) error {
	handler.TuneRuntime(getenv, 64<<20)
	cfg, err := handler.Load(ctx, getenv, feed.EnvLandingBucket, feed.EnvTable, feed.EnvLoadFunction+"|"+feed.EnvLoadQueueURL)
	if err != nil {
		return err
	}
	objects := s3.NewFromConfig(cfg.AWS, s3source.ClientOptions)
	h := &unpack.Handler{
		Spec: cfg.Spec, Bucket: cfg.LandingBucket, Log: cfg.Log,
		S3: objects, Replays: objects, Ledger: ledger.New(dynamodb.NewFromConfig(cfg.AWS), cfg.Table).WaitOutThrottling(),
		SourceBucket: s3source.NewClients(cfg.AWS).Bucket,
		Dispatch:     dispatch.JSON[ids.PartRef](cfg.Dispatcher(feed.EnvLoadQueueURL, getenv(feed.EnvLoadFunction))),
		Continue:     dispatch.JSON[ids.Resume](cfg.Dispatcher(feed.EnvQueueURL, lambdacontext.FunctionName)),
		NearDeadline: handler.NearDeadline, Metrics: cfg.Metrics,
	}
	lambda.StartWithOptions(handler.Handle(h.Handle, cfg.Metrics, cfg.Log), lambda.WithContext(ctx))
	return nil
}
