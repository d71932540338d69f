package doctor

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	watchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/ingestion/internal/testing/fakesnowflake"
	"example.com/ingestion/snowflake/client"
)

// fakeAWS implements the clients of the checks with resources that the test sets. For a
// missing resource it returns the error of the service.
type fakeAWS struct {
	errs map[string]error // by the operation

	stack     cfntypes.Stack
	resources map[string][2]string // type and physical ID by logical ID

	functions    map[string]*lambda.GetFunctionConfigurationOutput
	concurrency  map[string]int32
	accountLimit int32
	failures     map[string]string // destination by function
	policies     map[string]string // of functions
	mappings     []lambdatypes.EventSourceMappingConfiguration

	buckets       map[string]*s3.GetBucketNotificationConfigurationOutput
	queues        map[string]map[string]string
	messages      []string          // of every queue
	released      int               // messages that were made visible again
	topics        map[string]string // policies
	subscriptions map[string][]snstypes.Subscription
	table         *dynamotypes.TableDescription
	rules         map[string]*eventbridge.DescribeRuleOutput
	targets       map[string][]string
	alarms        []watchtypes.MetricAlarm
	metrics       map[string]float64
	trust         string
	rolePolicies  map[string]string

	account   *fakesnowflake.Account
	desc      map[string]string // of the integration
	rejected  []client.Row      // of COPY_HISTORY
	refresh   string            // status of the external table
	reader    error             // of ListObjectsV2
	keys      []string          // of every bucket
	endless   bool              // every listing has another page
	cursor    map[string]dynamotypes.AttributeValue
	loginFail error
}

func (w *fakeAWS) err(operation string) error { return w.errs[operation] }

func apiError(code string, status int) error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: &smithy.GenericAPIError{Code: code, Message: "as the test wants"},
	}}
}

func notFound() error     { return apiError("ResourceNotFoundException", http.StatusNotFound) }
func accessDenied() error { return apiError("AccessDeniedException", http.StatusBadRequest) }

func (w *fakeAWS) DescribeStacks(context.Context, *cfn.DescribeStacksInput, ...func(*cfn.Options)) (*cfn.DescribeStacksOutput, error) {
	return &cfn.DescribeStacksOutput{Stacks: []cfntypes.Stack{w.stack}}, w.err("DescribeStacks")
}

func (w *fakeAWS) ListStackResources(context.Context, *cfn.ListStackResourcesInput, ...func(*cfn.Options)) (*cfn.ListStackResourcesOutput, error) {
	out := &cfn.ListStackResourcesOutput{}
	for id, r := range w.resources {
		out.StackResourceSummaries = append(out.StackResourceSummaries, cfntypes.StackResourceSummary{LogicalResourceId: &id, ResourceType: &r[0], PhysicalResourceId: &r[1]})
	}
	return out, w.err("ListStackResources")
}

func (w *fakeAWS) GetFunctionConfiguration(_ context.Context, in *lambda.GetFunctionConfigurationInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error) {
	f := w.functions[*in.FunctionName]
	if f == nil && w.err("GetFunctionConfiguration") == nil {
		return nil, notFound()
	}
	return f, w.err("GetFunctionConfiguration")
}

func (w *fakeAWS) GetAccountSettings(context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options)) (*lambda.GetAccountSettingsOutput, error) {
	return &lambda.GetAccountSettingsOutput{AccountLimit: &lambdatypes.AccountLimit{
		ConcurrentExecutions: w.accountLimit, UnreservedConcurrentExecutions: aws.Int32(w.accountLimit),
	}}, w.err("GetAccountSettings")
}

func (w *fakeAWS) GetFunctionConcurrency(_ context.Context, in *lambda.GetFunctionConcurrencyInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionConcurrencyOutput, error) {
	out := &lambda.GetFunctionConcurrencyOutput{}
	if n, ok := w.concurrency[*in.FunctionName]; ok {
		out.ReservedConcurrentExecutions = &n
	}
	return out, w.err("GetFunctionConcurrency")
}

func (w *fakeAWS) GetFunctionEventInvokeConfig(_ context.Context, in *lambda.GetFunctionEventInvokeConfigInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionEventInvokeConfigOutput, error) {
	to, ok := w.failures[*in.FunctionName]
	if !ok && w.err("GetFunctionEventInvokeConfig") == nil {
		return nil, notFound()
	}
	return &lambda.GetFunctionEventInvokeConfigOutput{DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: &to}}}, w.err("GetFunctionEventInvokeConfig")
}

func (w *fakeAWS) GetPolicy(_ context.Context, in *lambda.GetPolicyInput, _ ...func(*lambda.Options)) (*lambda.GetPolicyOutput, error) {
	p, ok := w.policies[*in.FunctionName]
	if !ok && w.err("GetPolicy") == nil {
		return nil, notFound()
	}
	return &lambda.GetPolicyOutput{Policy: &p}, w.err("GetPolicy")
}

func (w *fakeAWS) ListEventSourceMappings(_ context.Context, in *lambda.ListEventSourceMappingsInput, _ ...func(*lambda.Options)) (*lambda.ListEventSourceMappingsOutput, error) {
	out := &lambda.ListEventSourceMappingsOutput{}
	for _, m := range w.mappings {
		if *m.EventSourceArn == *in.EventSourceArn {
			out.EventSourceMappings = append(out.EventSourceMappings, m)
		}
	}
	return out, w.err("ListEventSourceMappings")
}

func (w *fakeAWS) GetBucketNotificationConfiguration(_ context.Context, in *s3.GetBucketNotificationConfigurationInput, _ ...func(*s3.Options)) (*s3.GetBucketNotificationConfigurationOutput, error) {
	c := w.buckets[*in.Bucket]
	if c == nil && w.err("GetBucketNotificationConfiguration") == nil {
		return nil, apiError("NoSuchBucket", http.StatusNotFound)
	}
	return c, w.err("GetBucketNotificationConfiguration")
}

func (w *fakeAWS) ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	out := &s3.ListObjectsV2Output{}
	for _, key := range w.keys {
		out.Contents = append(out.Contents, s3types.Object{Key: &key, Size: aws.Int64(1)})
	}
	if w.endless {
		out.IsTruncated, out.NextContinuationToken = aws.Bool(true), aws.String("next")
	}
	return out, w.reader
}

func (w *fakeAWS) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	q := w.queues[*in.QueueUrl]
	if q == nil && w.err("GetQueueAttributes") == nil {
		return nil, apiError("AWS.SimpleQueueService.NonExistentQueue", http.StatusBadRequest)
	}
	return &sqs.GetQueueAttributesOutput{Attributes: q}, w.err("GetQueueAttributes")
}

func (w *fakeAWS) ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	out := &sqs.ReceiveMessageOutput{}
	for _, body := range w.messages {
		out.Messages = append(out.Messages, sqstypes.Message{Body: &body})
	}
	return out, w.err("ReceiveMessage")
}

func (w *fakeAWS) ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	w.released++
	return &sqs.ChangeMessageVisibilityOutput{}, w.err("ChangeMessageVisibility")
}

func (w *fakeAWS) DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error) {
	panic("doctor changes nothing")
}

func (w *fakeAWS) GetTopicAttributes(_ context.Context, in *sns.GetTopicAttributesInput, _ ...func(*sns.Options)) (*sns.GetTopicAttributesOutput, error) {
	p, ok := w.topics[*in.TopicArn]
	if !ok && w.err("GetTopicAttributes") == nil {
		return nil, apiError("NotFound", http.StatusNotFound)
	}
	return &sns.GetTopicAttributesOutput{Attributes: map[string]string{"Policy": p}}, w.err("GetTopicAttributes")
}

func (w *fakeAWS) ListSubscriptionsByTopic(_ context.Context, in *sns.ListSubscriptionsByTopicInput, _ ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error) {
	return &sns.ListSubscriptionsByTopicOutput{Subscriptions: w.subscriptions[*in.TopicArn]}, w.err("ListSubscriptionsByTopic")
}

func (w *fakeAWS) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: w.cursor}, w.err("GetItem")
}

func (w *fakeAWS) DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	if w.table == nil && w.err("DescribeTable") == nil {
		return nil, notFound()
	}
	return &dynamodb.DescribeTableOutput{Table: w.table}, w.err("DescribeTable")
}

func (w *fakeAWS) DescribeRule(_ context.Context, in *eventbridge.DescribeRuleInput, _ ...func(*eventbridge.Options)) (*eventbridge.DescribeRuleOutput, error) {
	r := w.rules[*in.Name]
	if r == nil && w.err("DescribeRule") == nil {
		return nil, notFound()
	}
	return r, w.err("DescribeRule")
}

func (w *fakeAWS) ListTargetsByRule(_ context.Context, in *eventbridge.ListTargetsByRuleInput, _ ...func(*eventbridge.Options)) (*eventbridge.ListTargetsByRuleOutput, error) {
	out := &eventbridge.ListTargetsByRuleOutput{}
	for _, arn := range w.targets[*in.Rule] {
		out.Targets = append(out.Targets, eventtypes.Target{Arn: &arn})
	}
	return out, w.err("ListTargetsByRule")
}

func (w *fakeAWS) DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error) {
	return &cloudwatch.DescribeAlarmsOutput{MetricAlarms: w.alarms}, w.err("DescribeAlarms")
}

func (w *fakeAWS) GetMetricStatistics(_ context.Context, in *cloudwatch.GetMetricStatisticsInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricStatisticsOutput, error) {
	out := &cloudwatch.GetMetricStatisticsOutput{}
	if v, ok := w.metrics[*in.MetricName]; ok {
		out.Datapoints = []watchtypes.Datapoint{{Sum: &v, Maximum: &v}}
	}
	return out, w.err("GetMetricStatistics")
}

func (w *fakeAWS) GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error) {
	if w.trust == "" && w.err("GetRole") == nil {
		return nil, apiError("NoSuchEntity", http.StatusNotFound)
	}
	return &iam.GetRoleOutput{Role: &iamtypes.Role{AssumeRolePolicyDocument: aws.String(url.PathEscape(w.trust))}}, w.err("GetRole")
}

func (w *fakeAWS) ListRolePolicies(context.Context, *iam.ListRolePoliciesInput, ...func(*iam.Options)) (*iam.ListRolePoliciesOutput, error) {
	out := &iam.ListRolePoliciesOutput{}
	for name := range w.rolePolicies {
		out.PolicyNames = append(out.PolicyNames, name)
	}
	return out, w.err("ListRolePolicies")
}

func (w *fakeAWS) GetRolePolicy(_ context.Context, in *iam.GetRolePolicyInput, _ ...func(*iam.Options)) (*iam.GetRolePolicyOutput, error) {
	return &iam.GetRolePolicyOutput{PolicyDocument: aws.String(url.PathEscape(w.rolePolicies[*in.PolicyName]))}, w.err("GetRolePolicy")
}

// Query implements Session over the account of package fake, which has no files.
func (w *fakeAWS) Query(ctx context.Context, statement string) ([]client.Row, error) {
	switch {
	case strings.HasPrefix(statement, "DESC STORAGE INTEGRATION") && w.desc != nil:
		var rows []client.Row
		for name, value := range w.desc {
			rows = append(rows, client.Row{"property": name, "property_value": value})
		}
		return rows, nil
	case strings.Contains(statement, "COPY_HISTORY"):
		return w.rejected, w.err("COPY_HISTORY")
	case strings.Contains(statement, "SYSTEM$EXTERNAL_TABLE_PIPE_STATUS"):
		return []client.Row{{"s": w.refresh}}, nil
	}
	return w.account.Query(ctx, statement)
}

// Close implements Session.
func (w *fakeAWS) Close() error { return nil }
