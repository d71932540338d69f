// Command unpack is the function that turns source objects into parts, which wait for
// the loaders.
package main

import (
	"context"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/aws/secrets"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/unpack"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/announce"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/store/partdispatch"
)

func main() {
	if err := run(context.Background(), os.Getenv); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, getenv func(string) string) error {
	handler.TuneRuntime(getenv, 64<<20)
	cfg, err := handler.Load(ctx, getenv, feed.EnvLandingBucket, feed.EnvTable, feed.EnvLoadFunction)
	if err != nil {
		return err
	}
	book := ledger.New(dynamodb.NewFromConfig(cfg.AWS), cfg.Table).WaitOutThrottling()
	if cfg.Spec.Announce { // otherwise the function has no permission to
		book = book.Announcing(announce.To(eventbridge.NewFromConfig(cfg.AWS), cfg.Table))
	}
	parts := partdispatch.Dispatcher{
		Ledger: book,
		Feed:   ledger.FeedWithWork{Feed: cfg.Spec.Feed, Metrics: getenv(feed.EnvMetrics)},
		Wake:   dispatch.JSON[ids.Load](dispatch.Function(cfg.AWS, getenv(feed.EnvLoadFunction))),
	}
	dispatchPart := parts.Dispatch
	if cfg.Spec.NoTable {
		dispatchPart = partdispatch.WithoutTable{Ledger: book}.Dispatch
	}
	objects := s3.NewFromConfig(cfg.AWS, s3source.ClientOptions)
	h := &unpack.Handler{
		Spec: cfg.Spec, Bucket: cfg.LandingBucket, Log: cfg.Log,
		S3: objects, Replays: objects, Ledger: book,
		Secret:       secrets.Cached(secretsmanager.NewFromConfig(cfg.AWS)),
		SourceBucket: s3source.NewClients(cfg.AWS).Bucket,
		Dispatch:     dispatchPart,
		Self:         dispatch.JSON[any](dispatch.Function(cfg.AWS, lambdacontext.FunctionName)),
		Continue:     dispatch.JSON[ids.Resume](dispatch.Function(cfg.AWS, lambdacontext.FunctionName)),
		NearDeadline: handler.NearDeadline, Metrics: cfg.Metrics,
	}
	lambda.StartWithOptions(handler.Handle(h.Handle, cfg.Metrics), lambda.WithContext(ctx))
	return nil
}
