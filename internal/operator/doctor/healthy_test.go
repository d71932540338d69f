package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	watchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/store/ledger"
	fakeaws "example.com/ingestion/internal/testing/fake"
	"example.com/ingestion/internal/testing/fakesnowflake"
	"example.com/ingestion/snowflake"
)

const (
	account     = "123456789012"
	unpackARN   = "arn:aws:lambda:us-east-1:" + account + ":function:Orders-Unpack"
	loadARN     = "arn:aws:lambda:us-east-1:" + account + ":function:Orders-Load"
	discoverARN = "arn:aws:lambda:us-east-1:" + account + ":function:Orders-Discover"
	topicARN    = "arn:aws:sns:us-east-1:" + account + ":parts"
	sourceTopic = "arn:aws:sns:us-east-1:" + account + ":source"
	alarmTopic  = "arn:aws:sns:us-east-1:" + account + ":alarms"
	roleARN     = "arn:aws:iam::" + account + ":role/orders-snowflake"
	streamARN   = "arn:aws:dynamodb:us-east-1:" + account + ":table/records/stream/1"
	queueURL    = "https://sqs.us-east-1.amazonaws.com/" + account + "/"
	queueARN    = "arn:aws:sqs:us-east-1:" + account + ":"
)

// fixture is a feed and the resources that it is deployed with.
type fixture struct {
	feed feed.Spec
	snow *snowflake.Spec
	conn *snowflake.Connection
	out  map[string]string
	aws  *fakeAWS

	waiting, setAside []ledger.Work
}

// healthy returns a correct feed with its own bucket and a Snowpipe.
func healthy() *fixture {
	spec := feed.Spec{Feed: "orders", Format: feed.Format{Kind: feed.JSON}, Sources: []feed.Source{
		{Kind: feed.OwnBucket, Prefix: "in/", Suffixes: []string{".json", ".gz"}},
	}}.WithDefaults()
	f := &fixture{
		feed: spec,
		snow: &snowflake.Spec{
			Feed: "orders", Database: "RAW", Schema: "PUBLIC", Table: "ORDERS", ExternalID: "orders-1",
			From: snowflake.FromParts, Load: snowflake.Continuous, Format: spec.Format,
		},
		conn: &snowflake.Connection{Account: "org-acct", User: "INGESTION", Role: "INGESTION", Secret: "key"},
		out: map[string]string{
			"Feed": "orders", "LandingPrefix": "landing/orders/", "SourceBucket": "source", "LandingBucket": "landing", "Table": "records",
			"UnpackFunction": "Orders-Unpack", "LoadFunction": "Orders-Load", "FailureQueueUrl": queueURL + "failures",
			"SnowflakeOwner": account + "/us-east-1/Orders/Orders", "SnowflakeBucket": "landing", "SnowflakeRoleArn": roleARN,
			"SnowflakeTopic": topicARN, "AlarmTopic": alarmTopic,
		},
	}
	f.aws = &fakeAWS{
		errs:      map[string]error{},
		stack:     cfntypes.Stack{StackStatus: cfntypes.StackStatusUpdateComplete},
		resources: map[string][2]string{"OrdersAlarm1": {"AWS::CloudWatch::Alarm", "orders-failed"}, "OtherAlarm": {"AWS::CloudWatch::Alarm", "of another feed"}},
		functions: map[string]*lambda.GetFunctionConfigurationOutput{}, concurrency: map[string]int32{}, accountLimit: 1000,
		failures: map[string]string{"Orders-Unpack": queueARN + "failures", "Orders-Load": queueARN + "failures"},
		policies: map[string]string{"Orders-Unpack": permission("s3.amazonaws.com", "arn:aws:s3:::source")},
		buckets: map[string]*s3.GetBucketNotificationConfigurationOutput{
			"source": {LambdaFunctionConfigurations: []s3types.LambdaFunctionConfiguration{
				{LambdaFunctionArn: aws.String(unpackARN), Events: []s3types.Event{s3types.EventS3ObjectCreated}, Filter: filter("in/", ".json")},
				{LambdaFunctionArn: aws.String(unpackARN), Events: []s3types.Event{s3types.EventS3ObjectCreated}, Filter: filter("in/", ".gz")},
			}},
			"landing": {TopicConfigurations: []s3types.TopicConfiguration{
				{TopicArn: aws.String(topicARN), Events: []s3types.Event{s3types.EventS3ObjectCreated}, Filter: filter("landing/", "")},
			}},
		},
		queues: map[string]map[string]string{queueURL + "failures": {"QueueArn": queueARN + "failures", "ApproximateNumberOfMessages": "0"}},
		topics: map[string]string{topicARN: fmt.Sprintf(`{"Statement":{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"sns:Publish","Resource":%q,"Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:s3:::landing"}}}}`, topicARN)},
		subscriptions: map[string][]snstypes.Subscription{
			topicARN:   {{Endpoint: aws.String(fakesnowflake.QueueARN), Protocol: aws.String("sqs"), SubscriptionArn: aws.String(topicARN + ":1")}},
			alarmTopic: {{Endpoint: aws.String("me@example.com"), Protocol: aws.String("email"), SubscriptionArn: aws.String(alarmTopic + ":1")}},
		},
		table: &dynamotypes.TableDescription{TableStatus: dynamotypes.TableStatusActive, GlobalSecondaryIndexes: []dynamotypes.GlobalSecondaryIndexDescription{
			{IndexName: aws.String(feed.LedgerIndex), IndexStatus: dynamotypes.IndexStatusActive},
		}},
		rules: map[string]*eventbridge.DescribeRuleOutput{}, targets: map[string][]string{}, metrics: map[string]float64{},
		alarms:       []watchtypes.MetricAlarm{{AlarmName: aws.String("orders-failed"), StateValue: watchtypes.StateValueOk, ActionsEnabled: aws.Bool(true), AlarmActions: []string{alarmTopic}}},
		trust:        trustPolicy("orders-1"),
		rolePolicies: map[string]string{"ReadParts": readPolicy("landing", "landing/orders/")},
		account:      &fakesnowflake.Account{},
		desc: map[string]string{
			"ENABLED": "true", "STORAGE_AWS_ROLE_ARN": roleARN, "STORAGE_AWS_EXTERNAL_ID": "orders-1", "STORAGE_AWS_IAM_USER_ARN": fakesnowflake.IAMUserARN,
			"STORAGE_ALLOWED_LOCATIONS": "s3://landing/landing/orders/",
		},
	}
	return f
}

func filter(prefix, suffix string) *s3types.NotificationConfigurationFilter {
	f := &s3types.S3KeyFilter{}
	for name, value := range map[string]string{"Prefix": prefix, "Suffix": suffix} {
		if value != "" {
			f.FilterRules = append(f.FilterRules, s3types.FilterRule{Name: s3types.FilterRuleName(name), Value: &value})
		}
	}
	return &s3types.NotificationConfigurationFilter{Key: f}
}

func permission(service, source string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":%q},"Action":"lambda:InvokeFunction","Resource":%q,"Condition":{"ArnLike":{"AWS:SourceArn":%q}}}]}`, service, unpackARN, source)
}

func trustPolicy(externalID string) string {
	return fmt.Sprintf(`{"Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":%q}}}]}`, fakesnowflake.IAMUserARN, externalID)
}

func readPolicy(bucket, prefix string) string {
	return fmt.Sprintf(`{"Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":"arn:aws:s3:::%[1]s/%[2]s*"},
		{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::%[1]s","Condition":{"StringLike":{"s3:prefix":"%[2]s*"}}},
		{"Effect":"Allow","Action":"s3:GetBucketLocation","Resource":"arn:aws:s3:::%[1]s"}]}`, bucket, prefix)
}

// existing makes the source an existing bucket.
func (f *fixture) existing() *fixture {
	w := f.aws
	f.feed.Sources = []feed.Source{{Kind: feed.ExistingBucket, Bucket: "theirs", Prefix: "in/"}}
	w.buckets["theirs"] = &s3.GetBucketNotificationConfigurationOutput{EventBridgeConfiguration: &s3types.EventBridgeConfiguration{}}
	w.resources["OrdersRule"] = [2]string{"AWS::Events::Rule", "orders-rule"}
	w.rules["orders-rule"] = &eventbridge.DescribeRuleOutput{
		Arn: aws.String("arn:aws:events:us-east-1:" + account + ":rule/orders-rule"), State: eventtypes.RuleStateEnabled,
		EventPattern: aws.String(`{"detail":{"bucket":{"name":["theirs"]}}}`),
	}
	w.targets["orders-rule"] = []string{unpackARN}
	w.policies["Orders-Unpack"] = permission("events.amazonaws.com", "arn:aws:events:us-east-1:"+account+":rule/orders-rule")
	return f
}

// listed sets the cursor of discover, and for how long its lease is valid.
func (f *fixture) listed(after string, lease time.Duration) {
	until := int64(0)
	if lease != 0 {
		until = time.Now().Add(lease).UnixMilli()
	}
	f.aws.cursor = map[string]dynamotypes.AttributeValue{
		"after": &dynamotypes.AttributeValueMemberS{Value: after}, "until": &dynamotypes.AttributeValueMemberN{Value: strconv.FormatInt(until, 10)},
	}
}

// external makes the source an external bucket.
func (f *fixture) external() *fixture {
	w := f.aws
	f.feed.Sources = []feed.Source{{Kind: feed.ExternalBucket, Bucket: "strange", RoleARN: "arn:aws:iam::1:role/reader", EveryMinutes: 5}}
	f.out["DiscoverFunction"] = "Orders-Discover"
	w.resources["OrdersSchedule"] = [2]string{"AWS::Events::Rule", "orders-every"}
	w.rules["orders-every"] = &eventbridge.DescribeRuleOutput{
		Arn: aws.String("arn:aws:events:us-east-1:" + account + ":rule/orders-every"), State: eventtypes.RuleStateEnabled, ScheduleExpression: aws.String("rate(5 minutes)"),
	}
	w.targets["orders-every"] = []string{discoverARN}
	w.failures["Orders-Discover"] = queueARN + "failures"
	w.policies["Orders-Discover"] = permission("events.amazonaws.com", "arn:aws:events:us-east-1:"+account+":rule/orders-every")
	w.metrics["Invocations"], w.metrics["Errors"] = 3, 0
	f.listed("", 0)
	return f
}

// fromFilesOfOthers has Snowflake load the files of an existing bucket, of which rules
// notify a topic of the feed.
func (f *fixture) fromFilesOfOthers() *fixture {
	f.fromFiles().existing()
	f.out["SnowflakeBucket"] = "theirs"
	f.aws.desc["STORAGE_ALLOWED_LOCATIONS"] = "s3://theirs/in/"
	f.aws.rolePolicies = map[string]string{"ReadFiles": readPolicy("theirs", "in/")}
	f.aws.topics[sourceTopic] = fmt.Sprintf(`{"Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sns:Publish","Resource":%q}]}`, sourceTopic)
	return f
}

// fromFiles has Snowflake load the source files, notified by a topic of the feed.
func (f *fixture) fromFiles() *fixture {
	w := f.aws
	f.snow.From = snowflake.FromFiles
	f.snow.Prefix, f.snow.Suffixes = "in/", []string{".json", ".gz"}
	f.out["SourceTopic"], f.out["SnowflakeTopic"], f.out["SnowflakeBucket"] = sourceTopic, sourceTopic, "source"
	w.desc["STORAGE_ALLOWED_LOCATIONS"] = "s3://source/in/"
	w.buckets["source"] = &s3.GetBucketNotificationConfigurationOutput{TopicConfigurations: []s3types.TopicConfiguration{
		{TopicArn: aws.String(sourceTopic), Events: []s3types.Event{s3types.EventS3ObjectCreated}, Filter: filter("in/", ".json")},
		{TopicArn: aws.String(sourceTopic), Events: []s3types.Event{s3types.EventS3ObjectCreated}, Filter: filter("in/", ".gz")},
	}}
	w.topics[sourceTopic] = fmt.Sprintf(`{"Statement":[{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"sns:Publish","Resource":%q}]}`, sourceTopic)
	w.subscriptions[sourceTopic] = []snstypes.Subscription{
		{Endpoint: aws.String(fakesnowflake.QueueARN), SubscriptionArn: aws.String(sourceTopic + ":1")},
		{Endpoint: aws.String(unpackARN), SubscriptionArn: aws.String(sourceTopic + ":2")},
	}
	w.policies["Orders-Unpack"] = permission("sns.amazonaws.com", sourceTopic)
	w.rolePolicies = map[string]string{"ReadFiles": readPolicy("source", "in/")}
	return f
}

// fromTable has Snowflake load the changes of the table with a nightly task.
func (f *fixture) fromTable() *fixture {
	w := f.aws
	f.snow.From, f.snow.Load, f.snow.Schedule = snowflake.FromTable, snowflake.Bulk, "17 2 * * *"
	f.out["SnowflakeTopic"] = ""
	w.desc["STORAGE_ALLOWED_LOCATIONS"] = "s3://landing/changes/orders/"
	w.rolePolicies = map[string]string{"ReadChanges": readPolicy("landing", "changes/orders/")}
	w.table.LatestStreamArn, w.table.StreamSpecification = aws.String(streamARN), &dynamotypes.StreamSpecification{StreamEnabled: aws.Bool(true)}
	w.mappings = append(w.mappings, lambdatypes.EventSourceMappingConfiguration{
		UUID: aws.String("uuid-export"), State: aws.String("Enabled"), FunctionArn: aws.String("arn:aws:lambda:us-east-1:1:function:export"),
		EventSourceArn: aws.String(streamARN), LastProcessingResult: aws.String("OK"),
	})
	return f
}

// externalTable has Snowflake read the parts with an external table.
func (f *fixture) externalTable() *fixture {
	f.snow.Load = snowflake.ExternalTable
	f.aws.refresh = `{"executionState":"RUNNING","pendingFileCount":0}`
	return f
}

// run creates the Snowflake objects, changes the fixture, and runs all checks.
func (f *fixture) run(t *testing.T, change func(*fixture)) Report {
	t.Helper()
	spec, err := f.feed.Env()
	if err != nil {
		t.Fatal(err)
	}
	for name, arn := range map[string]string{"Orders-Unpack": unpackARN, "Orders-Load": loadARN, "Orders-Discover": discoverARN} {
		f.aws.functions[name] = &lambda.GetFunctionConfigurationOutput{
			FunctionArn: &arn, MemorySize: aws.Int32(512), LastModified: aws.String("2026-03-01T00:00:00Z"), State: lambdatypes.StateActive, LastUpdateStatus: lambdatypes.LastUpdateStatusSuccessful,
			Environment: &lambdatypes.EnvironmentResponse{Variables: map[string]string{feed.EnvSpec: spec, feed.EnvLandingBucket: "landing", feed.EnvTable: "records", feed.EnvLoaders: "16"}},
		}
	}
	if f.snow != nil {
		plan, err := f.snow.Plan(snowflake.Names{Owner: f.out["SnowflakeOwner"], Bucket: f.out["SnowflakeBucket"], RoleARN: roleARN, TopicARN: f.out["SnowflakeTopic"]})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range plan.Objects() {
			for _, statement := range o.Create() {
				if err := f.aws.account.Exec(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	change(f)
	w := f.aws
	r, err := Run(t.Context(), Clients{
		Feed: f.deployment(t), work: func(context.Context) (_, _ []ledger.Work, err error) { return f.waiting, f.setAside, w.err("Query") }, stacks: w, lambda: w, s3: w, sqs: w, sns: w, dynamo: w, events: w, watch: w, iam: w,
		reader: func(context.Context, feed.Source) (s3API, error) { return w, nil },
		open: func(context.Context) (Session, error) {
			if w.loginFail != nil {
				return nil, w.loginFail
			}
			return w, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// deployment opens the feed.
func (f *fixture) deployment(t *testing.T) *operator.Deployment {
	t.Helper()
	outputs := map[string]string{}
	for name, value := range f.out {
		outputs["Orders"+name] = value
	}
	template, err := json.Marshal(map[string]any{"Metadata": map[string]any{"Ingestion": map[string]any{
		"Orders": operator.Static{Spec: f.feed, Snowflake: f.snow, Connection: f.conn},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := operator.Open(t.Context(), operator.Account{Stacks: &fakeaws.CloudFormation{Stacks: []fakeaws.Stack{
		{Name: "Orders", Outputs: outputs, Template: string(template)},
	}}}, "orders")
	if err != nil {
		t.Fatal(err)
	}
	return d
}
