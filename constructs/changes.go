package constructs

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// failedBatches is where Lambda puts the batches of a stream that it gave up
// on; it cannot be chosen (Lambda's documentation: "Retain discarded records
// for a DynamoDB event source").
const failedBatches = "aws/lambda/"

// newExport makes the function that writes the changes of every feed from the
// table's stream to the landing bucket. It is one for all feeds: a stream takes
// two readers at most.
func newExport(this core.Construct, s settings, bucket awss3.IBucket, table awsdynamodb.ITableV2) awslambda.IFunction {
	f := newFunction(this, "Export", functionConfig{
		settings:    s,
		name:        assets.Export,
		of:          "of the store",
		description: "Writes the changes of the table to the landing bucket",
		environment: map[string]string{feed.EnvLandingBucket: *bucket.BucketName()},
		// A batch is 6 MB at most, the payload of an invocation.
		size: FunctionProps{MemoryMB: 512, Timeout: 2 * time.Minute},
	})
	f.allow(nil, []string{*bucket.ArnForObjects(jsii.String(snowflake.ChangesPrefix + "*"))}, "s3:PutObject")
	f.allow(nil, []string{*table.TableStreamArn()}, "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
	// Lambda looks for the stream among those of the table, as this role.
	f.allow(nil, []string{*table.TableArn() + "/stream/*"}, "dynamodb:ListStreams")
	f.allow(nil, []string{*bucket.ArnForObjects(jsii.String(failedBatches + "*"))}, "s3:PutObject")
	f.allow(nil, []string{*bucket.BucketArn()}, "s3:ListBucket")
	f.allowKey(keyWrites)
	f.wildcards("The changes of every feed, and what Lambda gave up on, under names that come with the data", "/"+snowflake.ChangesPrefix+"*", "/"+failedBatches+"*")
	f.wildcards("The streams of this table: Lambda lists them to find the one to read", "/stream/*")

	// The level-1 resource, because the level-2 one also grants the function
	// every stream of the account to list and the whole bucket to write.
	awslambda.NewCfnEventSourceMapping(this, jsii.String("ExportChanges"), &awslambda.CfnEventSourceMappingProps{
		FunctionName:     jsii.String(f.name()),
		EventSourceArn:   table.TableStreamArn(),
		StartingPosition: jsii.String("TRIM_HORIZON"),
		// Each batch becomes a file for every feed in it, and Snowflake wants few
		// and large ones: so a batch waits for a minute or for 6 MB, whichever is
		// first, and its number of records is no limit.
		BatchSize:                      jsii.Number(10_000),
		MaximumBatchingWindowInSeconds: jsii.Number(60),
		BisectBatchOnFunctionError:     true,
		// Given up an hour before the stream forgets the records, because then
		// Lambda can still read them, and writes them whole to the bucket.
		MaximumRetryAttempts:      jsii.Number(-1),
		MaximumRecordAgeInSeconds: jsii.Number((23 * time.Hour).Seconds()),
		DestinationConfig: &awslambda.CfnEventSourceMapping_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: bucket.BucketArn()},
		},
	})
	f.grant()
	return f.Function
}
