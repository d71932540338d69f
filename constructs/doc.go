// Package constructs builds ingestion feeds with the AWS CDK: one
// [IngestionPipeline] per feed, which loads the files of S3 buckets into a DynamoDB
// table and, if asked, into Snowflake, and the [Store] that feeds share: a landing
// bucket, a topic and the table.
//
// # A feed
//
// [NewIngestionPipeline] needs a name, a [Source] and a [Format]:
//
//	_, err := constructs.NewIngestionPipeline(stack, "Orders", constructs.IngestionPipelineProps{
//		Feed:   "orders",
//		Source: constructs.NewBucket(constructs.WithPrefix("incoming/")),
//		Format: constructs.CSV('|', "id", "customer", "amount"),
//	})
//
// Give each feed a stack of its own, which is then deployed, compared and destroyed
// by itself. Without IngestionPipelineProps.Store the feed makes a store of its own;
// several feeds share one that [NewStore] makes, or that [ImportStore] refers to. Adding
// or removing a feed changes neither the store's template nor that of another feed.
//
// # Errors and warnings
//
// Props are plain Go values, not pointers. Everything that is wrong with them is
// returned as one error, before anything is made: jsii, the bridge to the CDK,
// panics where Go returns an error. [CatchPanic] turns what the CDK itself reports
// into an error. [ValidateFeeds] checks the feeds of an app against each other.
// What is valid and unwise is a warning of the construct, which the cdk CLI prints.
//
// # Functions
//
// The Lambda functions are built from the sources of this module with the go
// command when an app is synthesized, at the versions that the app's go.mod names,
// and cached under a hash of those sources. So an app needs no build step, and cannot
// deploy a stale binary. It needs the go command, and the app must run in the
// folder of its module. IngestionPipelineProps.Assets names prebuilt binaries instead.
//
// # Grants and metrics
//
// [IngestionPipeline.GrantPut] lets a role put files, [IngestionPipeline.GrantRead]
// lets it read the records of the feed. [IngestionPipeline.MetricErrors],
// [IngestionPipeline.MetricQuarantined], [IngestionPipeline.MetricFailures] and so on are
// metrics for alarms and dashboards of your own.
//
// # Escape hatches
//
// The fields of [IngestionPipeline] and [Store] are the resources that they are made
// of. What no prop sets can be set on the CloudFormation resource of a field:
//
//	function := pipeline.Unpack.Node().DefaultChild().(awslambda.CfnFunction)
//	function.AddPropertyOverride(jsii.String("TracingConfig.Mode"), jsii.String("Active"))
//
// Resources without a field, such as the event invoke configuration of a function, are
// found with pipeline.Construct.Node().FindChild, and aspects and tags apply to
// pipeline.Construct as to any construct. docs/construct.md of the repository lists
// the IDs.
//
// # Limits
//
// Everything is in one account and region, except external buckets. Like jsii the
// package is not safe for concurrent use. [Close] ends the process of the CDK; after
// it, objects of the CDK are of no use, and another app can be made.
package constructs
