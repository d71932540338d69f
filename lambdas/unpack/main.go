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
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"ingestion/internal/feed"
	"ingestion/internal/function"
	"ingestion/internal/ledger"
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
	s, err := function.Load(getenv, feed.EnvLandingBucket, feed.EnvTable, feed.EnvLoadFunction)
	if err != nil {
		return err
	}
	client := awslambda.NewFromConfig(s.AWS)
	h := &unpack.Handler{
		Spec: s.Spec, Bucket: s.LandingBucket, Log: s.Log,
		S3: s3.NewFromConfig(s.AWS, function.S3Options), Ledger: ledger.New(dynamodb.NewFromConfig(s.AWS), s.Table),
		HandOn: function.Invoker[upload.PartRef](client, s.LoadFunction),
		Again:  function.Invoker[upload.Resume](client, lambdacontext.FunctionName),
		TimeUp: function.TimeUp,
	}
	lambda.StartWithOptions(h.Handle, lambda.WithContext(ctx))
	return nil
}
