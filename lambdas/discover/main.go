// Command discover is the function that lists external source buckets on a
// schedule and dispatches new and changed objects to unpack.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/discover"
	"example.com/ingestion/internal/functions/handler"
)

func main() {
	if err := run(context.Background(), os.Getenv); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, getenv func(string) string) error {
	handler.TuneRuntime(getenv, 64<<20)
	cfg, err := handler.Load(ctx, getenv, feed.EnvTable, feed.EnvUnpackFunction)
	if err != nil {
		return err
	}
	clients := s3source.NewClients(cfg.AWS)
	h := &discover.Handler{
		Spec: cfg.Spec, Table: cfg.Table, DynamoDB: dynamodb.NewFromConfig(cfg.AWS), Log: cfg.Log, NearDeadline: handler.NearDeadline, Now: time.Now,
		Bucket: func(ctx context.Context, source feed.Source, bucket string) (s3source.ListAPI, error) {
			return clients.Client(ctx, source, bucket)
		},
		Dispatch: dispatch.Function(cfg.AWS, getenv(feed.EnvUnpackFunction)),
		Continue: dispatch.JSON[discover.Request](dispatch.Function(cfg.AWS, lambdacontext.FunctionName)),
	}
	lambda.StartWithOptions(h.HandlePayload, lambda.WithContext(ctx))
	return nil
}
