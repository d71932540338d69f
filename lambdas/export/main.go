// Command export is the function that writes the changes of the table to the
// landing bucket, from which Snowflake loads them.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/export"
	"example.com/ingestion/internal/functions/handler"
)

func main() {
	if err := run(context.Background(), os.Getenv); err != nil {
		log.Fatal(err)
	}
}

// run does not use handler.Load: one export function serves all feeds of a table,
// so it has no feed spec.
func run(ctx context.Context, getenv func(string) string) error {
	handler.TuneRuntime(getenv, 64<<20)
	bucket := getenv(feed.EnvLandingBucket)
	if bucket == "" {
		return fmt.Errorf("environment variable %s is not set", feed.EnvLandingBucket)
	}
	cfg, err := handler.AWSConfig(ctx)
	if err != nil {
		return err
	}
	h := &export.Handler{Bucket: bucket, S3: s3.NewFromConfig(cfg, s3source.ClientOptions), Log: handler.NewLogger()}
	lambda.StartWithOptions(h.Handle, lambda.WithContext(ctx))
	return nil
}
