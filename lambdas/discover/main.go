// Command discover is the function that lists the buckets of others, and hands
// what is new in them to unpack.
package main

import (
	"context"
	"encoding/json"
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
	handler.UseShare(getenv)
	handler.LimitMemory(64 << 20)
	s, err := handler.Load(getenv, feed.EnvTable, feed.EnvUnpackFunction+"|"+feed.EnvUnpackQueueURL)
	if err != nil {
		return err
	}
	buckets := s3source.NewClients(s.AWS)
	h := &discover.Handler{
		Spec: s.Spec, Table: s.Table, DynamoDB: dynamodb.NewFromConfig(s.AWS), Log: s.Log, TimeUp: handler.TimeUp, Now: time.Now,
		Bucket: func(ctx context.Context, source feed.Source, bucket string) (s3source.ListAPI, error) {
			return buckets.Client(ctx, source, bucket)
		},
		HandOn: s.Sender(feed.EnvUnpackQueueURL, getenv(feed.EnvUnpackFunction)),
		Again:  dispatch.JSON[discover.Request](dispatch.Function(s.AWS, lambdacontext.FunctionName)),
	}
	handle := func(ctx context.Context, payload json.RawMessage) error {
		r, err := discover.Payload(payload)
		if err != nil {
			return err
		}
		return h.Handle(ctx, r)
	}
	lambda.StartWithOptions(handle, lambda.WithContext(ctx))
	return nil
}
