// Command export is the function that writes the changes of the table to the
// landing bucket, from where Snowflake loads them.
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
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

// run is without function.Load: one export is for all feeds, so it has no spec.
func run(ctx context.Context, getenv func(string) string) error {
	handler.UseShare(getenv)
	handler.LimitMemory(64 << 20)
	bucket := getenv(feed.EnvLandingBucket)
	if bucket == "" {
		return fmt.Errorf("environment variable %s is not set", feed.EnvLandingBucket)
	}
	cfg, err := handler.AWSConfig(getenv)
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	h := &export.Handler{
		Bucket: bucket, S3: s3.NewFromConfig(cfg, s3source.ClientOptions),
		Log: slog.New(slog.NewJSONHandler(os.Stdout, nil)),
	}
	lambda.StartWithOptions(h.Handle, lambda.WithContext(ctx))
	return nil
}
