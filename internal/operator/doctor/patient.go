package doctor

import (
	"context"

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

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/warehouse"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// What the checks need of each service.
type (
	stacksAPI interface {
		DescribeStacks(context.Context, *cfn.DescribeStacksInput, ...func(*cfn.Options)) (*cfn.DescribeStacksOutput, error)
		ListStackResources(context.Context, *cfn.ListStackResourcesInput, ...func(*cfn.Options)) (*cfn.ListStackResourcesOutput, error)
	}
	lambdaAPI interface {
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

// Session is a session with Snowflake; *warehouse.Warehouse is one.
type Session interface {
	Query(ctx context.Context, statement string) ([]client.Row, error)
	Close() error
}

// Patient is the feed that is looked at, and through what. Make one with New.
type Patient struct {
	Live *operator.Live
	// Incomplete is what operate.Open found missing among the stack's outputs.
	Incomplete error

	stacks stacksAPI
	lambda lambdaAPI
	// s3 looks at a bucket, reader at one that is read through another's role.
	s3     s3API
	reader func(roleARN, externalID string) s3API
	sqs    sqsAPI
	sns    snsAPI
	dynamo dynamoAPI
	events eventsAPI
	watch  watchAPI
	iam    iamAPI
	// open logs in to Snowflake.
	open func(context.Context) (Session, error)
}

// New returns the patient that a feed is. incomplete is the error with which
// operate.Open returned it, if any: a stack that lacks outputs is looked at all
// the same. getenv is that of warehouse.Open.
func New(l *operator.Live, incomplete error, getenv func(string) string) Patient {
	cfg := l.Account.Config
	return Patient{
		Live: l, Incomplete: incomplete,
		stacks: cfn.NewFromConfig(cfg), lambda: l.Lambda, s3: l.S3, sqs: l.SQS, dynamo: l.DynamoDB,
		sns: sns.NewFromConfig(cfg), events: eventbridge.NewFromConfig(cfg), watch: cloudwatch.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg),
		reader: func(roleARN, externalID string) s3API { return assumed(cfg, roleARN, externalID) },
		open: func(ctx context.Context) (Session, error) {
			w, err := warehouse.Open(ctx, l, getenv)
			if err != nil {
				return nil, err
			}
			return w, nil
		},
	}
}

// exam is one look at a patient, with what the checks have learned.
type exam struct {
	Patient
	report Report
	area   string // of the check that looks

	resources map[string][]string // physical IDs by type
	functions map[string]*lambda.GetFunctionConfigurationOutput
	plan      snowflake.Plan
	session   Session
	trust     policy // of the integration's role
	trusted   bool   // whether trust was read
}

func (x *exam) close() {
	if x.session != nil {
		_ = x.session.Close() // nothing hangs on the end of a session that only looked
	}
}

// queued tells a feed with queues between its functions.
func (x *exam) queued() bool { return x.Live.UnpackQueueURL != "" || x.Live.LoadQueueURL != "" }

func (x *exam) snowflake() bool { return x.Live.Snowflake != nil }

func (x *exam) fromTable() bool {
	return x.snowflake() && x.Live.Snowflake.WithDefaults().From == snowflake.FromTable
}

func (x *exam) loggedIn() bool { return x.session != nil }

// functionARN is empty for a function that was not found.
func (x *exam) functionARN(name string) string {
	if f := x.functions[name]; f != nil {
		return aws.ToString(f.FunctionArn)
	}
	return ""
}

// partition is that of AWS which the feed is in.
func (x *exam) partition() string {
	for _, f := range x.functions {
		if a, err := arn.Parse(aws.ToString(f.FunctionArn)); err == nil {
			return a.Partition
		}
	}
	return "aws"
}

// logs is the command that shows what a function has logged.
func (x *exam) logs(name string) string {
	group := "/aws/lambda/" + name
	if f := x.functions[name]; f != nil && f.LoggingConfig != nil && f.LoggingConfig.LogGroup != nil {
		group = *f.LoggingConfig.LogGroup
	}
	return "see why: aws logs tail --since 1h " + group
}

// revert is how a resource that differs from the template is mended. Without
// the option, CloudFormation compares templates only and finds nothing to do.
func (x *exam) revert() string {
	return "bring it back to the template: npx cdk deploy --revert-drift " + x.Live.Stack
}

// remake is how an object in Snowflake that is missing is made again: of one
// that CloudFormation has made, it does not notice that it is gone.
func (x *exam) remake() string {
	return "run the statements that make it: ingest sql " + x.Live.Name + " --role " + x.Live.Connection.Role
}
