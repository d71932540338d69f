package local

import (
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// with adds resources, written as JSON, to a template.
func (f *fixture) with(resources string) func(r map[string]any) {
	f.Helper()
	var more map[string]any
	if err := json.Unmarshal([]byte(resources), &more); err != nil {
		f.Fatal(err)
	}
	return func(r map[string]any) { maps.Copy(r, more) }
}

// listening has rules for objects of the bucket "elsewhere" with a function, a queue
// and a topic as targets, and one with a queue that does not allow it.
const listening = `{
	"Received": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "received"}},
	"Closed": {"Type": "AWS::SQS::Queue"},
	"Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "dead"}},
	"DeadPolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Dead"}], "PolicyDocument": {"Statement": [
		{"Action": "sqs:SendMessage", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Resource": {"Fn::GetAtt": ["Dead", "Arn"]},
			"Condition": {"ArnEquals": {"aws:SourceArn": [{"Fn::GetAtt": ["ToClosed", "Arn"]}]}}},
		{"Action": "sqs:*", "Effect": "Deny", "Principal": {"AWS": "*"}, "Resource": {"Fn::GetAtt": ["Dead", "Arn"]}, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
	]}}},
	"Topic": {"Type": "AWS::SNS::Topic"},
	"TopicPolicy": {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": [{"Ref": "Topic"}], "PolicyDocument": {"Statement": [
		{"Action": "sns:Publish", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Resource": {"Ref": "Topic"}},
		{"Action": "sns:Publish", "Effect": "Deny", "Principal": "*", "Resource": {"Ref": "Topic"}, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
	]}}},
	"Subscription": {"Type": "AWS::SNS::Subscription", "Properties": {
		"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Received", "Arn"]}, "RawMessageDelivery": true}},
	"ReceivedPolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Received"}], "PolicyDocument": {"Statement": [{
		"Action": ["sqs:SendMessage", "sqs:GetQueueUrl"], "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
		"Resource": {"Fn::GetAtt": ["Received", "Arn"]}, "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["ToQueue", "Arn"]}}}
	}, {
		"Action": "sqs:SendMessage", "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
		"Resource": {"Fn::GetAtt": ["Received", "Arn"]}, "Condition": {"ArnEquals": {"aws:SourceArn": {"Ref": "Topic"}}}
	}]}}},
	"ToFunction": {"Type": "AWS::Events::Rule", "Properties": {
		"EventPattern": {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {
			"bucket": {"name": ["elsewhere"]}, "object": {"key": [{"wildcard": "in/*.json"}, {"prefix": "also/"}]}}},
		"Targets": [{"Id": "Target0", "Arn": {"Fn::GetAtt": ["Function", "Arn"]}, "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}}]}},
	"ToFunctionPermission": {"Type": "AWS::Lambda::Permission", "Properties": {
		"Action": "lambda:InvokeFunction", "FunctionName": {"Fn::GetAtt": ["Function", "Arn"]},
		"Principal": "events.amazonaws.com", "SourceArn": {"Fn::GetAtt": ["ToFunction", "Arn"]}}},
	"ToQueue": {"Type": "AWS::Events::Rule", "Properties": {
		"EventPattern": {"source": ["aws.s3"], "detail": {"bucket": {"name": ["elsewhere"]}, "object": {"key": [{"suffix": ".csv"}]}}},
		"Targets": [{"Id": "Target0", "Arn": {"Fn::GetAtt": ["Received", "Arn"]}}]}},
	"ToTopic": {"Type": "AWS::Events::Rule", "Properties": {
		"EventPattern": {"source": ["aws.s3"], "detail": {"bucket": {"name": ["elsewhere"]}, "object": {"key": ["topic"]}}},
		"Targets": [{"Id": "Target0", "Arn": {"Ref": "Topic"}}]}},
	"ToClosed": {"Type": "AWS::Events::Rule", "Properties": {
		"EventPattern": {"source": ["aws.s3"], "detail": {"bucket": {"name": ["elsewhere"]}, "object": {"key": ["closed"]}}},
		"Targets": [{"Id": "Target0", "Arn": {"Fn::GetAtt": ["Closed", "Arn"]}, "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Dead", "Arn"]}}}]}}
}`

// fromS3 has the policy of a queue that S3 may send to.
var fromS3 = map[string]string{
	"Policy": `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}}`,
}

// createElsewhere creates a bucket outside of all stacks that sends its events to
// EventBridge and to a queue. The bucket "silent" does not use EventBridge.
func (f *fixture) createElsewhere() {
	f.Helper()
	for _, name := range []string{"elsewhere", "silent"} {
		if _, err := f.s3.CreateBucket(f.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
			f.Fatal(err)
		}
	}
	if _, err := f.sqs.CreateQueue(f.Context(), &sqs.CreateQueueInput{QueueName: aws.String("others"), Attributes: fromS3}); err != nil {
		f.Fatal(err)
	}
	others := s3types.QueueConfiguration{
		Id: aws.String("others"), QueueArn: aws.String("arn:aws:sqs:us-east-1:123456789012:others"), Events: []s3types.Event{"s3:ObjectCreated:*"},
	}
	_, err := f.s3.PutBucketNotificationConfiguration(f.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String("elsewhere"),
		NotificationConfiguration: &s3types.NotificationConfiguration{
			QueueConfigurations: []s3types.QueueConfiguration{others}, EventBridgeConfiguration: &s3types.EventBridgeConfiguration{},
		},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.receiveFrom("others") // the test event of S3
}

// receiveFrom receives and deletes the messages of a queue.
func (f *fixture) receiveFrom(name string) []string {
	f.Helper()
	return f.receiveAll(f.queueURL(name))
}

// received is how many events of a key or a schedule the function received; empty for none.
func (f *fixture) received(table, key string) string {
	f.Helper()
	if n, ok := f.item(table, "event "+key)["count"].(*types.AttributeValueMemberN); ok {
		return n.Value
	}
	return ""
}

func TestRulesReceiveEventsOfObjects(t *testing.T) {
	f := newFixture(t)
	f.uploadCode()
	f.createElsewhere()
	f.create("Feed", f.template(f.with(listening)))
	f.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	table := f.outputs("Feed")["Table"]

	const key = "in/a b+c ä.json"
	for _, one := range []string{key, "also/x", "in/x.txt", "table.csv", "also/both.csv", "topic", "closed"} {
		f.put("elsewhere", one, "{}")
	}
	f.put("silent", "in/silent.json", "{}")
	f.idle()
	for one, want := range map[string]string{key: "1", "also/x": "1", "also/both.csv": "1", "in/x.txt": "", "in/silent.json": "", "table.csv": "", "topic": ""} {
		if got := f.received(table, one); got != want {
			t.Errorf("the function received %s %q times, want %q", one, got, want)
		}
	}
	f.wantObjectCreated(value(f.item(table, "event "+key)["event"]), key)
	received := f.receiveFrom("received")
	if len(received) != 3 || !strings.Contains(received[0], `"table.csv"`) || !strings.Contains(received[1], `"also/both.csv"`) || !strings.Contains(received[2], `"topic"`) {
		t.Errorf("the queue received %q", received)
	}
	if dead := f.receiveFrom("dead"); len(dead) != 1 || !strings.Contains(dead[0], `"closed"`) {
		t.Errorf("the dead-letter queue has %q, want the event for the queue without a policy", dead)
	}
	others := f.receiveFrom("others")
	if escaped := url.QueryEscape(key); len(others) != 7 || !strings.Contains(others[0], strings.ReplaceAll(escaped, "%2F", "/")) {
		t.Errorf("the notifications of the bucket are %q", others)
	}

	// Without its rule the function receives no more events; the others do.
	f.update("Feed", f.template(func(r map[string]any) {
		f.with(listening)(r)
		delete(r, "ToFunction")
		delete(r, "ToFunctionPermission")
		at(r, "ToQueue", "Properties")["State"] = "DISABLED"
	}))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	versioned := s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}
	if _, err := f.s3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: aws.String("elsewhere"), VersioningConfiguration: &versioned}); err != nil {
		t.Fatal(err)
	}
	for _, one := range []string{key, "table.csv", "topic"} {
		f.put("elsewhere", one, "{}")
	}
	f.idle()
	if n := f.received(table, key); n != "1" {
		t.Errorf("the function received %s events, want none without its rule", n)
	}
	if received := f.receiveFrom("received"); len(received) != 1 || !strings.Contains(received[0], `"topic"`) || !strings.Contains(received[0], `"version-id"`) {
		t.Errorf("the queue received %q, want the object \"topic\" alone, with a version", received)
	}
	if others := f.receiveFrom("others"); len(others) != 3 {
		t.Errorf("the notifications of the bucket are %q", others)
	}
}

// wantObjectCreated checks that an event has the form of S3.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
func (f *fixture) wantObjectCreated(raw, key string) {
	f.Helper()
	var e events.EventBridgeEvent
	if err := json.Unmarshal([]byte(raw), &e); err != nil {
		f.Fatalf("event %q: %v", raw, err)
	}
	if e.Version != "0" || len(e.ID) != 36 || e.DetailType != "Object Created" || e.Source != "aws.s3" || e.AccountID != Account ||
		e.Region != Region || time.Since(e.Time).Abs() > time.Minute || len(e.Resources) != 1 || e.Resources[0] != "arn:aws:s3:::elsewhere" {
		f.Errorf("event %s", raw)
	}
	var d struct {
		Version string
		Bucket  struct{ Name string }
		Object  struct {
			Key, ETag, Sequencer string
			Size                 int
			VersionID            *string `json:"version-id"`
		}
		Reason    string
		Requester string
		RequestID string `json:"request-id"`
		SourceIP  string `json:"source-ip-address"`
	}
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		f.Fatal(err)
	}
	if d.Version != "0" || d.Bucket.Name != "elsewhere" || d.Object.Key != key || d.Object.Size != 2 || d.Object.ETag != "99914b932bd37a50b983c5e7c90ae93b" ||
		d.Object.Sequencer == "" || d.Object.VersionID != nil || d.Reason != "PutObject" || d.Requester == "" || d.RequestID == "" || d.SourceIP == "" {
		f.Errorf("detail %s", e.Detail)
	}
}

func TestUnsupportedRulesAreRefused(t *testing.T) {
	f := sharedFixture(t)
	for name, tc := range map[string]struct{ rule, want string }{
		"comparison": {`"EventPattern": {"detail": {"object": {"size": [{"numeric": [">", 1]}]}}}`, "the comparison {\"numeric\":[\">\",1]} is not supported"},
		"no array":   {`"EventPattern": {"source": "aws.s3"}`, "are arrays"},
		"wildcard":   {`"EventPattern": {"detail": {"object": {"key": [{"wildcard": "a**b"}]}}}`, "two * in a row"},
		"rate":       {`"ScheduleExpression": "rate(1 minutes)"`, "the unit is minute, hour or day for 1"},
		"cron":       {`"ScheduleExpression": "cron(0 0 * * * *)"`, "exactly one of day-of-month and day-of-week must be ?"},
		"target":     {`"ScheduleExpression": "rate(1 hour)", "Targets": [{"Id": "a", "Arn": "arn:aws:logs:us-east-1:123456789012:log-group:x"}]`, "functions, queues and topics only"},
		"transform":  {`"ScheduleExpression": "rate(1 hour)", "Targets": [{"Id": "a", "Arn": "arn:aws:sqs:us-east-1:123456789012:x", "InputTransformer": {}}]`, "InputTransformer"},
	} {
		stack := "Bad-" + strings.ReplaceAll(name, " ", "-")
		f.create(stack, `{"Resources": {"Rule": {"Type": "AWS::Events::Rule", "Properties": {`+tc.rule+`}}}}`)
		s := f.stack(stack)
		if why := failures(t.Context(), f.cfn, s).Error(); s.StackStatus != cfntypes.StackStatusRollbackComplete || !strings.Contains(why, tc.want) {
			t.Errorf("%s: %s, %s, want %q", name, s.StackStatus, why, tc.want)
		}
	}
}
