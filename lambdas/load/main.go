// Command load is the function that writes the records of parts to the table.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/batchwrite"
	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/handler"
	"example.com/ingestion/internal/functions/load"
	"example.com/ingestion/internal/functions/metrics"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/announce"
	"example.com/ingestion/internal/store/ledger"
)

func main() {
	if err := run(context.Background(), os.Getenv); err != nil {
		log.Fatal(err)
	}
}

// run does not use handler.Load: one function loads for all feeds of a table, so it has
// no feed spec.
func run(ctx context.Context, getenv func(string) string) error {
	handler.TuneRuntime(getenv, 48<<20)
	var errs []error
	for _, name := range []string{feed.EnvLandingBucket, feed.EnvTable, feed.EnvLoaders} {
		if getenv(name) == "" {
			errs = append(errs, fmt.Errorf("environment variable %s is not set", name))
		}
	}
	loaders, err := strconv.Atoi(getenv(feed.EnvLoaders))
	errs = append(errs, err)
	cfg, err := handler.AWSConfig(ctx)
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	db, tableName := dynamodb.NewFromConfig(cfg), getenv(feed.EnvTable)
	table, err := batchwrite.NewClient(ctx, db)
	if err != nil {
		return err
	}
	log := handler.NewLogger()
	h := &load.Handler{
		Bucket: getenv(feed.EnvLandingBucket), Table: tableName, Loaders: loaders, Log: log,
		S3: s3.NewFromConfig(cfg, s3source.ClientOptions), DynamoDB: table,
		Ledger:       ledger.New(db, tableName).WaitOutThrottling().Announcing(announce.To(eventbridge.NewFromConfig(cfg), tableName)),
		Continue:     dispatch.JSON[ids.Load](dispatch.Function(cfg, lambdacontext.FunctionName)),
		NearDeadline: handler.NearDeadline,
		Metrics: func(feedName, names string) *metrics.Emitter {
			return metrics.New(os.Stdout, names, tableName, feedName)
		},
	}
	lambda.StartWithOptions(h.Handle, lambda.WithContext(ctx))
	return nil
}
