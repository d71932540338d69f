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

	"ingestion/internal/dynamo"
	"ingestion/internal/feed"
	"ingestion/internal/function"
	"ingestion/internal/handon"
	"ingestion/internal/ledger"
	"ingestion/internal/load"
	"ingestion/internal/upload"
)

func main() {
	if err := run(context.Background(), os.Getenv); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, getenv func(string) string) error {
	function.UseShare(getenv)
	function.LimitMemory(48 << 20)
	s, err := function.Load(getenv, feed.EnvLandingBucket, feed.EnvTable)
	if err != nil {
		return err
	}
	db := dynamodb.NewFromConfig(s.AWS)
	table, err := dynamo.NewClient(ctx, db)
	if err != nil {
		return err
	}
	h := &load.Handler{
		Spec: s.Spec, Bucket: s.LandingBucket, Table: s.Table, Log: s.Log,
		S3: s3.NewFromConfig(s.AWS, function.S3Options), DynamoDB: table, Ledger: ledger.New(db, s.Table),
		HandOn: handon.JSON[upload.PartRef](s.Sender(feed.EnvQueueURL, lambdacontext.FunctionName)),
		TimeUp: function.TimeUp, Metrics: s.Metrics,
	}
	lambda.StartWithOptions(function.Handle(h.Handle, s.Metrics, s.Log), lambda.WithContext(ctx))
	return nil
}
