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

// patient is a feed and the world it is in.
type patient struct {
	feed  feed.Spec
	snow  *snowflake.Spec
	conn  *snowflake.Connection
	out   map[string]string
	world *world
}

// healthy is a feed with a bucket of its own and a Snowpipe, as it should be.
func healthy() *patient {
	spec := feed.Spec{Feed: "orders", Format: feed.Format{Kind: feed.JSON}, Sources: []feed.Source{
		{Kind: feed.OwnBucket, Prefix: "in/", Suffixes: []string{".json", ".gz"}},
	}}.WithDefaults()
	p := &patient{
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
	p.world = &world{
		errs:      map[string]error{},
		stack:     cfntypes.Stack{StackStatus: cfntypes.StackStatusUpdateComplete},
		resources: map[string][2]string{"OrdersAlarm1": {"AWS::CloudWatch::Alarm", "orders-failed"}, "OtherAlarm": {"AWS::CloudWatch::Alarm", "of another feed"}},
		functions: map[string]*lambda.GetFunctionConfigurationOutput{}, concurrency: map[string]int32{},
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
	return p
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

// queued gives the feed queues between its functions.
func (p *patient) queued() *patient {
	w := p.world
	p.out["UnpackQueueUrl"], p.out["LoadQueueUrl"] = queueURL+"unpack", queueURL+"load"
	w.failures, w.policies = nil, nil
	w.buckets["source"] = &s3.GetBucketNotificationConfigurationOutput{QueueConfigurations: []s3types.QueueConfiguration{
		{QueueArn: aws.String(queueARN + "unpack"), Events: []s3types.Event{s3types.EventS3ObjectCreated}, Filter: filter("in/", ".json")},
		{QueueArn: aws.String(queueARN + "unpack"), Events: []s3types.Event{s3types.EventS3ObjectCreated}, Filter: filter("in/", ".gz")},
	}}
	for name, arn := range map[string]string{"unpack": unpackARN, "load": loadARN} {
		w.queues[queueURL+name] = map[string]string{
			"QueueArn": queueARN + name, "ApproximateNumberOfMessages": "3", "RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":5}`, queueARN+"failures"),
		}
		w.mappings = append(w.mappings, lambdatypes.EventSourceMappingConfiguration{
			UUID: aws.String("uuid-" + name), State: aws.String("Enabled"), FunctionArn: &arn, EventSourceArn: aws.String(queueARN + name),
		})
	}
	return p
}

// existing has the feed hear of another's bucket.
func (p *patient) existing() *patient {
	w := p.world
	p.feed.Sources = []feed.Source{{Kind: feed.ExistingBucket, Bucket: "theirs", Prefix: "in/"}}
	w.buckets["theirs"] = &s3.GetBucketNotificationConfigurationOutput{EventBridgeConfiguration: &s3types.EventBridgeConfiguration{}}
	w.resources["OrdersRule"] = [2]string{"AWS::Events::Rule", "orders-rule"}
	w.rules["orders-rule"] = &eventbridge.DescribeRuleOutput{
		Arn: aws.String("arn:aws:events:us-east-1:" + account + ":rule/orders-rule"), State: eventtypes.RuleStateEnabled,
		EventPattern: aws.String(`{"detail":{"bucket":{"name":["theirs"]}}}`),
	}
	w.targets["orders-rule"] = []string{unpackARN}
	w.policies["Orders-Unpack"] = permission("events.amazonaws.com", "arn:aws:events:us-east-1:"+account+":rule/orders-rule")
	return p
}

// external has the feed list a stranger's bucket.
// walked says how far discover is, and how long from now on it is at work.
func (p *patient) walked(after string, lease time.Duration) {
	until := int64(0)
	if lease != 0 {
		until = time.Now().Add(lease).UnixMilli()
	}
	p.world.walk = map[string]dynamotypes.AttributeValue{
		"after": &dynamotypes.AttributeValueMemberS{Value: after}, "until": &dynamotypes.AttributeValueMemberN{Value: strconv.FormatInt(until, 10)},
	}
}

func (p *patient) external() *patient {
	w := p.world
	p.feed.Sources = []feed.Source{{Kind: feed.ExternalBucket, Bucket: "strange", RoleARN: "arn:aws:iam::1:role/reader", EveryMinutes: 5}}
	p.out["DiscoverFunction"] = "Orders-Discover"
	w.resources["OrdersSchedule"] = [2]string{"AWS::Events::Rule", "orders-every"}
	w.rules["orders-every"] = &eventbridge.DescribeRuleOutput{
		Arn: aws.String("arn:aws:events:us-east-1:" + account + ":rule/orders-every"), State: eventtypes.RuleStateEnabled, ScheduleExpression: aws.String("rate(5 minutes)"),
	}
	w.targets["orders-every"] = []string{discoverARN}
	w.failures["Orders-Discover"] = queueARN + "failures"
	w.policies["Orders-Discover"] = permission("events.amazonaws.com", "arn:aws:events:us-east-1:"+account+":rule/orders-every")
	w.metrics["Invocations"], w.metrics["Errors"] = 3, 0
	p.walked("", 0)
	return p
}

// fromFiles has Snowflake read the source files, told by a topic of the feed's own.
func (p *patient) fromFiles() *patient {
	w := p.world
	p.snow.From = snowflake.FromFiles
	p.snow.Prefix, p.snow.Suffixes = "in/", []string{".json", ".gz"}
	p.out["SourceTopic"], p.out["SnowflakeTopic"], p.out["SnowflakeBucket"] = sourceTopic, sourceTopic, "source"
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
	return p
}

// fromTable takes the changes of the table, and loads them at night.
func (p *patient) fromTable() *patient {
	w := p.world
	p.snow.From, p.snow.Load, p.snow.Schedule = snowflake.FromTable, snowflake.Bulk, "17 2 * * *"
	p.out["SnowflakeTopic"] = ""
	w.desc["STORAGE_ALLOWED_LOCATIONS"] = "s3://landing/changes/orders/"
	w.rolePolicies = map[string]string{"ReadChanges": readPolicy("landing", "changes/orders/")}
	w.table.LatestStreamArn, w.table.StreamSpecification = aws.String(streamARN), &dynamotypes.StreamSpecification{StreamEnabled: aws.Bool(true)}
	w.mappings = append(w.mappings, lambdatypes.EventSourceMappingConfiguration{
		UUID: aws.String("uuid-export"), State: aws.String("Enabled"), FunctionArn: aws.String("arn:aws:lambda:us-east-1:1:function:export"),
		EventSourceArn: aws.String(streamARN), LastProcessingResult: aws.String("OK"),
	})
	return p
}

// externalTable leaves the data in S3.
func (p *patient) externalTable() *patient {
	p.snow.Load = snowflake.ExternalTable
	p.world.refresh = `{"executionState":"RUNNING","pendingFileCount":0}`
	return p
}

// examine deploys the feed's side of Snowflake and looks at all of it.
func (p *patient) examine(t *testing.T, change func(*patient)) Report {
	t.Helper()
	spec, err := p.feed.Env()
	if err != nil {
		t.Fatal(err)
	}
	for name, arn := range map[string]string{"Orders-Unpack": unpackARN, "Orders-Load": loadARN, "Orders-Discover": discoverARN} {
		p.world.functions[name] = &lambda.GetFunctionConfigurationOutput{
			FunctionArn: &arn, MemorySize: aws.Int32(512), LastModified: aws.String("2026-03-01T00:00:00Z"), State: lambdatypes.StateActive, LastUpdateStatus: lambdatypes.LastUpdateStatusSuccessful,
			Environment: &lambdatypes.EnvironmentResponse{Variables: map[string]string{feed.EnvSpec: spec, feed.EnvLandingBucket: "landing", feed.EnvTable: "records"}},
		}
	}
	if p.snow != nil {
		plan, err := p.snow.Plan(snowflake.Names{Owner: p.out["SnowflakeOwner"], Bucket: p.out["SnowflakeBucket"], RoleARN: roleARN, TopicARN: p.out["SnowflakeTopic"]})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range plan.Objects() {
			for _, statement := range o.Create() {
				if err := p.world.account.Exec(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	change(p)
	live := p.live(t)
	w := p.world
	r, err := Run(t.Context(), Patient{
		Live: live, stacks: w, lambda: w, s3: w, sqs: w, sns: w, dynamo: w, events: w, watch: w, iam: w,
		reader: func(string, string) s3API { return w },
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

// live opens the feed as operate does, from its stack.
func (p *patient) live(t *testing.T) *operator.Live {
	t.Helper()
	outputs := map[string]string{}
	for name, value := range p.out {
		outputs["Orders"+name] = value
	}
	template, err := json.Marshal(map[string]any{"Metadata": map[string]any{"Ingestion": map[string]any{
		"Orders": operator.Static{Spec: p.feed, Snowflake: p.snow, Connection: p.conn},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	live, err := operator.Open(t.Context(), operator.Account{Stacks: &fakeaws.CloudFormation{Stacks: []fakeaws.Stack{
		{Name: "Orders", Outputs: outputs, Template: string(template)},
	}}}, "orders")
	if err != nil {
		t.Fatal(err)
	}
	return live
}
