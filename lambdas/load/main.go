// Command load is the function that turns a landed part into items of the table.
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
	handler.UseShare(getenv)
	handler.LimitMemory(48 << 20)
	s, err := handler.Load(getenv, feed.EnvLandingBucket, feed.EnvTable)
	if err != nil {
		return err
	}
	db := dynamodb.NewFromConfig(s.AWS)
	table, err := batchwrite.NewClient(ctx, db)
	if err != nil {
		return err
	}
	h := &load.Handler{
		Spec: s.Spec, Bucket: s.LandingBucket, Table: s.Table, Log: s.Log,
		S3: s3.NewFromConfig(s.AWS, s3source.ClientOptions), DynamoDB: table, Ledger: ledger.New(db, s.Table),
		HandOn: dispatch.JSON[ids.PartRef](s.Sender(feed.EnvQueueURL, lambdacontext.FunctionName)),
		TimeUp: handler.TimeUp, Metrics: s.Metrics,
	}
	lambda.StartWithOptions(handler.Handle(h.Handle, s.Metrics, s.Log), lambda.WithContext(ctx))
	return nil
}
