package doctor

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/replay"
	"example.com/ingestion/internal/operator/snowflakeconn"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// The parts of the SDK clients that the checks use.
type (
	stacksAPI interface {
		DescribeStacks(context.Context, *cfn.DescribeStacksInput, ...func(*cfn.Options)) (*cfn.DescribeStacksOutput, error)
		ListStackResources(context.Context, *cfn.ListStackResourcesInput, ...func(*cfn.Options)) (*cfn.ListStackResourcesOutput, error)
	}
	lambdaAPI interface {
		GetAccountSettings(context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options)) (*lambda.GetAccountSettingsOutput, error)
		GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error)
		GetFunctionConcurrency(context.Context, *lambda.GetFunctionConcurrencyInput, ...func(*lambda.Options)) (*lambda.GetFunctionConcurrencyOutput, error)
		GetFunctionEventInvokeConfig(context.Context, *lambda.GetFunctionEventInvokeConfigInput, ...func(*lambda.Options)) (*lambda.GetFunctionEventInvokeConfigOutput, error)
		GetPolicy(context.Context, *lambda.GetPolicyInput, ...func(*lambda.Options)) (*lambda.GetPolicyOutput, error)
		ListEventSourceMappings(context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options)) (*lambda.ListEventSourceMappingsOutput, error)
	}
	s3API interface {
		GetBucketNotificationConfiguration(context.Context, *s3.GetBucketNotificationConfigurationInput, ...func(*s3.Options)) (*s3.GetBucketNotificationConfigurationOutput, error)
		ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	}
	sqsAPI interface {
		replay.Queue
		GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	}
	snsAPI interface {
		GetTopicAttributes(context.Context, *sns.GetTopicAttributesInput, ...func(*sns.Options)) (*sns.GetTopicAttributesOutput, error)
		ListSubscriptionsByTopic(context.Context, *sns.ListSubscriptionsByTopicInput, ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error)
	}
	dynamoAPI interface {
		DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
		GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	}
	eventsAPI interface {
		DescribeRule(context.Context, *eventbridge.DescribeRuleInput, ...func(*eventbridge.Options)) (*eventbridge.DescribeRuleOutput, error)
		ListTargetsByRule(context.Context, *eventbridge.ListTargetsByRuleInput, ...func(*eventbridge.Options)) (*eventbridge.ListTargetsByRuleOutput, error)
	}
	watchAPI interface {
		DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
		GetMetricStatistics(context.Context, *cloudwatch.GetMetricStatisticsInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricStatisticsOutput, error)
	}
	iamAPI interface {
		GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
		ListRolePolicies(context.Context, *iam.ListRolePoliciesInput, ...func(*iam.Options)) (*iam.ListRolePoliciesOutput, error)
		GetRolePolicy(context.Context, *iam.GetRolePolicyInput, ...func(*iam.Options)) (*iam.GetRolePolicyOutput, error)
	}
)

// Session is a session with Snowflake; *snowflakeconn.Conn implements it.
type Session interface {
	Query(ctx context.Context, statement string) ([]client.Row, error)
	Close() error
}

// Clients are a feed and the clients to check it with. New creates them.
type Clients struct {
	Feed *operator.Deployment
	// Incomplete is the error of operator.Open about missing outputs of the stack.
	Incomplete error

	stacks stacksAPI
	lambda lambdaAPI
	s3     s3API
	// reader returns a client with the role of a source, in the region of its bucket.
	reader func(context.Context, feed.Source) (s3API, error)
	sqs    sqsAPI
	sns    snsAPI
	dynamo dynamoAPI
	work   func(context.Context) (waiting, setAside []ledger.Work, err error)
	events eventsAPI
	watch  watchAPI
	iam    iamAPI
	// open logs in to Snowflake.
	open func(context.Context) (Session, error)
}

// New returns the clients for a feed. incomplete is the error of operator.Open, nil if
// there was none: a feed with missing outputs is checked too. getenv is that of
// snowflakeconn.Open.
func New(d *operator.Deployment, incomplete error, getenv func(string) string) Clients {
	cfg := d.Account.Config
	buckets := s3source.NewClients(cfg)
	return Clients{
		Feed: d, Incomplete: incomplete,
		work: func(ctx context.Context) (waiting, setAside []ledger.Work, err error) {
			return d.Ledger.ListWork(ctx, d.Name, maxParts)
		},
		stacks: cfn.NewFromConfig(cfg), lambda: d.Lambda, s3: d.S3, sqs: d.SQS, dynamo: d.DynamoDB,
		sns: sns.NewFromConfig(cfg), events: eventbridge.NewFromConfig(cfg), watch: cloudwatch.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg),
		reader: func(ctx context.Context, s feed.Source) (s3API, error) { return buckets.Client(ctx, s, s.Bucket) },
		open: func(ctx context.Context) (Session, error) {
			conn, err := snowflakeconn.Open(ctx, d, getenv)
			if err != nil {
				return nil, err
			}
			return conn, nil
		},
	}
}

// doctor is one run of the checks, with their intermediate results.
type doctor struct {
	Clients
	report Report
	area   string // of the current check

	resources map[string][]string // physical IDs by type
	functions map[string]*lambda.GetFunctionConfigurationOutput
	plan      snowflake.Plan
	session   Session
	trust     policy // of the role of the integration
	trustRead bool
}

func (d *doctor) close() {
	if d.session != nil {
		_ = d.session.Close() // the session only reads
	}
}

func (d *doctor) snowflake() bool { return d.Feed.Snowflake != nil }

func (d *doctor) fromTable() bool {
	return d.snowflake() && d.Feed.Snowflake.WithDefaults().From == snowflake.FromTable
}

func (d *doctor) loggedIn() bool { return d.session != nil }

// functionARN returns the ARN of a function, empty if it was not found.
func (d *doctor) functionARN(name string) string {
	if f := d.functions[name]; f != nil {
		return aws.ToString(f.FunctionArn)
	}
	return ""
}

// partition returns the AWS partition of the feed.
func (d *doctor) partition() string {
	for _, f := range d.functions {
		if a, err := arn.Parse(aws.ToString(f.FunctionArn)); err == nil {
			return a.Partition
		}
	}
	return "aws"
}

// logs is the command that prints the logs of a function.
func (d *doctor) logs(name string) string {
	if slices.Contains([]string{d.Feed.UnpackFunction, d.Feed.LoadFunction, d.Feed.DiscoverFunction}, name) {
		return "see the cause: ingest logs " + d.Feed.Name
	}
	group := "/aws/lambda/" + name
	if f := d.functions[name]; f != nil && f.LoggingConfig != nil && f.LoggingConfig.LogGroup != nil {
		group = *f.LoggingConfig.LogGroup
	}
	return "see the cause: aws logs tail --since 1h " + group
}

// revert is the remedy for a resource that differs from the template of the feed's
// stack. Without --revert-drift, CloudFormation only compares templates and changes
// nothing.
func (d *doctor) revert() string { return revertDrift(d.Feed.Stack) }

func revertDrift(stack string) string {
	return "restore it from the template: npx cdk deploy --revert-drift " + stack +
		" (if CloudFormation detects no drift of it, as local clouds never do, change it by hand as the template defines it)"
}

// storeStack stands for the name of the stack of the store, which outputs do not have.
const storeStack = "<the stack of the store>"

// recreate is the remedy for a missing object in Snowflake: CloudFormation does not
// detect that an object was deleted.
func (d *doctor) recreate() string {
	return "run the statements that create it: ingest sql " + d.Feed.Name + " --role " + d.Feed.Connection.Role
}
