// Command export is the function that writes the changes of the table to the
// landing bucket, from which Snowflake loads them.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/export"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/store/ledger"
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
	var errs []error
	for _, name := range []string{feed.EnvLandingBucket, feed.EnvTable} {
		if getenv(name) == "" {
			errs = append(errs, fmt.Errorf("environment variable %s is not set", name))
		}
	}
	cfg, err := handler.AWSConfig(ctx)
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	book := ledger.New(dynamodb.NewFromConfig(cfg), getenv(feed.EnvTable)).WaitOutThrottling()
	h := &export.Handler{
		Bucket: getenv(feed.EnvLandingBucket), S3: s3.NewFromConfig(cfg, s3source.ClientOptions), Uploads: book.GetUpload, Log: handler.NewLogger(),
	}
	lambda.StartWithOptions(h.Handle, lambda.WithContext(ctx))
	return nil
}
