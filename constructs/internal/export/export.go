// Package export makes the function that writes the changes of the table, from
// its stream, to the landing bucket.
package export

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/constructs/internal/bucket"
	"example.com/ingestion/constructs/internal/function"
	"example.com/ingestion/constructs/internal/kmskey"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// failedBatches is the prefix under which Lambda puts the batches of a stream
// that it gave up on. It cannot be chosen (Lambda's documentation: "Retain
// discarded records for a DynamoDB event source").
const failedBatches = "aws/lambda/"

// Config names what the function reads and writes.
type Config struct {
	stackscope.Settings
	Bucket *bucket.Output
	Table  awsdynamodb.ITableV2
}

// New makes the function: one for all feeds of a store, because a stream takes
// two readers at most.
func New(scope core.Construct, id string, c Config) *function.Output {
	f := function.New(scope, id, function.Config{
		Settings:    c.Settings,
		Asset:       assets.Export,
		Of:          "of the store",
		Description: "Writes the changes of the table to the landing bucket",
		Environment: map[string]string{feed.EnvLandingBucket: c.Bucket.Name, feed.EnvTable: *c.Table.TableName()},
		// A batch has at most 6 MB, the limit of an invocation's payload.
		Size: function.Size{MemoryMB: 512, Timeout: 2 * time.Minute},
	})
	f.Allow(nil, []string{c.Bucket.ARN + "/" + snowflake.ChangesPrefix + "*"}, "s3:PutObject")
	f.Allow(nil, []string{*c.Table.TableStreamArn()}, "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
	// Lambda looks for the stream among those of the table, as this role.
	f.Allow(nil, []string{*c.Table.TableArn() + "/stream/*"}, "dynamodb:ListStreams")
	f.Allow(nil, []string{c.Bucket.ARN + "/" + failedBatches + "*"}, "s3:PutObject")
	f.Allow(nil, []string{c.Bucket.ARN}, "s3:ListBucket")
	// The uploads of the ledger have the origin of their records.
	f.Allow(nil, []string{*c.Table.TableArn()}, "dynamodb:GetItem")
	f.AllowKey(kmskey.Writes)
	f.AllowKey(kmskey.Table)
	f.AllowWildcards("The changes of every feed, and what Lambda gave up on, under names that come with the data", "/"+snowflake.ChangesPrefix+"*", "/"+failedBatches+"*")
	f.AllowWildcards("The streams of this table: Lambda lists them to find the one to read", "/stream/*")

	// The level-1 resource, because the level-2 one also lets the function list
	// every stream of the account and write to the whole bucket.
	awslambda.NewCfnEventSourceMapping(scope, jsii.String(id+"Changes"), &awslambda.CfnEventSourceMappingProps{
		FunctionName:     jsii.String(f.Name()),
		EventSourceArn:   c.Table.TableStreamArn(),
		StartingPosition: jsii.String("TRIM_HORIZON"),
		// Each batch becomes a file for every feed in it, and Snowflake loads few
		// large files best: so a batch waits for one minute or 6 MB, whichever comes
		// first, and the number of its records is no limit.
		BatchSize:                      jsii.Number(10_000),
		MaximumBatchingWindowInSeconds: jsii.Number(60),
		BisectBatchOnFunctionError:     true,
		// Lambda gives up an hour before the records expire in the stream, because then
		// it can still read them and write them to the bucket.
		MaximumRetryAttempts:      jsii.Number(-1),
		MaximumRecordAgeInSeconds: jsii.Number((23 * time.Hour).Seconds()),
		DestinationConfig: &awslambda.CfnEventSourceMapping_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: &c.Bucket.ARN},
		},
	})
	f.AttachPolicy()
	return f
}
