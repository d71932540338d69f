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

	"ingestion/internal/feed"
	"ingestion/internal/function"
	"ingestion/internal/handon"
	"ingestion/internal/ledger"
	"ingestion/internal/origin"
	"ingestion/internal/unpack"
	"ingestion/internal/upload"
)

func main() {
	if err := run(context.Background(), os.Getenv); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, getenv func(string) string) error {
	function.UseShare(getenv)
	function.LimitMemory(64 << 20)
	s, err := function.Load(getenv, feed.EnvLandingBucket, feed.EnvTable, feed.EnvLoadFunction+"|"+feed.EnvLoadQueueURL)
	if err != nil {
		return err
	}
	objects := s3.NewFromConfig(s.AWS, function.S3Options)
	h := &unpack.Handler{
		Spec: s.Spec, Bucket: s.LandingBucket, Log: s.Log,
		S3: objects, Replays: objects, Ledger: ledger.New(dynamodb.NewFromConfig(s.AWS), s.Table),
		Origin: origin.New(s.AWS).Origin,
		HandOn: handon.JSON[upload.PartRef](s.Sender(feed.EnvLoadQueueURL, getenv(feed.EnvLoadFunction))),
		Again:  handon.JSON[upload.Resume](s.Sender(feed.EnvQueueURL, lambdacontext.FunctionName)),
		TimeUp: function.TimeUp, Metrics: s.Metrics,
	}
	lambda.StartWithOptions(function.Handle(h.Handle, s.Metrics, s.Log), lambda.WithContext(ctx))
	return nil
}
