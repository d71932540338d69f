// Command unpack is the function that turns a source object into parts and
// hands each to load.
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
	handler.UseShare(getenv)
	handler.LimitMemory(64 << 20)
	s, err := handler.Load(getenv, feed.EnvLandingBucket, feed.EnvTable, feed.EnvLoadFunction+"|"+feed.EnvLoadQueueURL)
	if err != nil {
		return err
	}
	objects := s3.NewFromConfig(s.AWS, s3source.ClientOptions)
	h := &unpack.Handler{
		Spec: s.Spec, Bucket: s.LandingBucket, Log: s.Log,
		S3: objects, Replays: objects, Ledger: ledger.New(dynamodb.NewFromConfig(s.AWS), s.Table),
		SourceBucket: s3source.NewClients(s.AWS).Bucket,
		HandOn: dispatch.JSON[ids.PartRef](s.Sender(feed.EnvLoadQueueURL, getenv(feed.EnvLoadFunction))),
		Again:  dispatch.JSON[ids.Resume](s.Sender(feed.EnvQueueURL, lambdacontext.FunctionName)),
		TimeUp: handler.TimeUp, Metrics: s.Metrics,
	}
	lambda.StartWithOptions(handler.Handle(h.Handle, s.Metrics, s.Log), lambda.WithContext(ctx))
	return nil
}
