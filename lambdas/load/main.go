// Command load is the function that writes the records of a part to the table.
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
	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/load"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
)

func main() {
	if err := run(context.Background(), os.Getenv); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, getenv func(string) string) error {
	handler.TuneRuntime(getenv, 48<<20)
	cfg, err := handler.Load(ctx, getenv, feed.EnvLandingBucket, feed.EnvTable)
	if err != nil {
		return err
	}
	db := dynamodb.NewFromConfig(cfg.AWS)
	table, err := batchwrite.NewClient(ctx, db)
	if err != nil {
		return err
	}
	h := &load.Handler{
		Spec: cfg.Spec, Bucket: cfg.LandingBucket, Table: cfg.Table, Log: cfg.Log,
		S3: s3.NewFromConfig(cfg.AWS, s3source.ClientOptions), DynamoDB: table, Ledger: ledger.New(db, cfg.Table).WaitOutThrottling(),
		Continue:     dispatch.JSON[ids.PartRef](cfg.Dispatcher(feed.EnvQueueURL, lambdacontext.FunctionName)),
		NearDeadline: handler.NearDeadline, Metrics: cfg.Metrics,
	}
	lambda.StartWithOptions(handler.Handle(h.Handle, cfg.Metrics, cfg.Log), lambda.WithContext(ctx))
	return nil
}
