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
func (w *world) with(resources string) func(r map[string]any) {
	w.Helper()
	var more map[string]any
	if err := json.Unmarshal([]byte(resources), &more); err != nil {
		w.Fatal(err)
	}
	return func(r map[string]any) { maps.Copy(r, more) }
}

// listening has a function, a queue and a topic hear of objects of the bucket
// "elsewhere", and a queue that does not allow it.
const listening = `{
	"Heard": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "heard"}},
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
		"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Heard", "Arn"]}, "RawMessageDelivery": true}},
	"HeardPolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Heard"}], "PolicyDocument": {"Statement": [{
		"Action": ["sqs:SendMessage", "sqs:GetQueueUrl"], "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
		"Resource": {"Fn::GetAtt": ["Heard", "Arn"]}, "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["ToQueue", "Arn"]}}}
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
		"Targets": [{"Id": "Target0", "Arn": {"Fn::GetAtt": ["Heard", "Arn"]}}]}},
	"ToTopic": {"Type": "AWS::Events::Rule", "Properties": {
		"EventPattern": {"source": ["aws.s3"], "detail": {"bucket": {"name": ["elsewhere"]}, "object": {"key": ["topic"]}}},
		"Targets": [{"Id": "Target0", "Arn": {"Ref": "Topic"}}]}},
	"ToClosed": {"Type": "AWS::Events::Rule", "Properties": {
		"EventPattern": {"source": ["aws.s3"], "detail": {"bucket": {"name": ["elsewhere"]}, "object": {"key": ["closed"]}}},
		"Targets": [{"Id": "Target0", "Arn": {"Fn::GetAtt": ["Closed", "Arn"]}, "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Dead", "Arn"]}}}]}}
}`

// makeElsewhere makes a bucket that no stack owns: it announces to EventBridge
// and to a queue of its own. "silent" is one without EventBridge.
func (w *world) makeElsewhere() {
	w.Helper()
	for _, name := range []string{"elsewhere", "silent"} {
		if _, err := w.s3.CreateBucket(w.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
			w.Fatal(err)
		}
	}
	if _, err := w.sqs.CreateQueue(w.Context(), &sqs.CreateQueueInput{QueueName: aws.String("theirs")}); err != nil {
		w.Fatal(err)
	}
	theirs := s3types.QueueConfiguration{
		Id: aws.String("theirs"), QueueArn: aws.String("arn:aws:sqs:us-east-1:123456789012:theirs"), Events: []s3types.Event{"s3:ObjectCreated:*"},
	}
	_, err := w.s3.PutBucketNotificationConfiguration(w.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String("elsewhere"),
		NotificationConfiguration: &s3types.NotificationConfiguration{
			QueueConfigurations: []s3types.QueueConfiguration{theirs}, EventBridgeConfiguration: &s3types.EventBridgeConfiguration{},
		},
	})
	if err != nil {
		w.Fatal(err)
	}
	w.receiveFrom("theirs") // S3 announces itself with a test event
}

// receiveFrom takes what a queue holds.
func (w *world) receiveFrom(name string) []string {
	w.Helper()
	return w.receiveAll(w.queueURL(name))
}

// heard is how often the function was told of a key, or of what a schedule says.
func (w *world) heard(table, key string) string {
	w.Helper()
	if n, ok := w.item(table, "event "+key)["count"].(*types.AttributeValueMemberN); ok {
		return n.Value
	}
	return ""
}

func TestRulesHearOfObjects(t *testing.T) {
	w := newWorld(t)
	w.uploadCode()
	w.makeElsewhere()
	w.create("Feed", w.template(w.with(listening)))
	w.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	table := w.outputs("Feed")["Table"]

	const key = "in/a b+c ä.json"
	for _, one := range []string{key, "also/x", "in/x.txt", "table.csv", "also/both.csv", "topic", "closed"} {
		w.put("elsewhere", one, "{}")
	}
	w.put("silent", "in/silent.json", "{}")
	w.idle()
	for one, want := range map[string]string{key: "1", "also/x": "1", "also/both.csv": "1", "in/x.txt": "", "in/silent.json": "", "table.csv": "", "topic": ""} {
		if got := w.heard(table, one); got != want {
			t.Errorf("the function was told of %s %q times, want %q", one, got, want)
		}
	}
	w.wantObjectCreated(value(w.item(table, "event "+key)["event"]), key)
	heard := w.receiveFrom("heard")
	if len(heard) != 3 || !strings.Contains(heard[0], `"table.csv"`) || !strings.Contains(heard[1], `"also/both.csv"`) || !strings.Contains(heard[2], `"topic"`) {
		t.Errorf("the queue heard %q", heard)
	}
	if dead := w.receiveFrom("dead"); len(dead) != 1 || !strings.Contains(dead[0], `"closed"`) {
		t.Errorf("the dead-letter queue holds %q, want what the closed queue did not take", dead)
	}
	theirs := w.receiveFrom("theirs")
	if escaped := url.QueryEscape(key); len(theirs) != 7 || !strings.Contains(theirs[0], strings.ReplaceAll(escaped, "%2F", "/")) {
		t.Errorf("the bucket's own notifications are %q", theirs)
	}

	// Without its rule the function hears nothing more; the others do.
	w.update("Feed", w.template(func(r map[string]any) {
		w.with(listening)(r)
		delete(r, "ToFunction")
		delete(r, "ToFunctionPermission")
		at(r, "ToQueue", "Properties")["State"] = "DISABLED"
	}))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	versioned := s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}
	if _, err := w.s3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: aws.String("elsewhere"), VersioningConfiguration: &versioned}); err != nil {
		t.Fatal(err)
	}
	for _, one := range []string{key, "table.csv", "topic"} {
		w.put("elsewhere", one, "{}")
	}
	w.idle()
	if n := w.heard(table, key); n != "1" {
		t.Errorf("the function was told %s times, also without its rule", n)
	}
	if heard := w.receiveFrom("heard"); len(heard) != 1 || !strings.Contains(heard[0], `"topic"`) || !strings.Contains(heard[0], `"version-id"`) {
		t.Errorf("the queue heard %q, want the topic alone, and the version", heard)
	}
	if theirs := w.receiveFrom("theirs"); len(theirs) != 3 {
		t.Errorf("the bucket's own notifications are %q", theirs)
	}
}

// wantObjectCreated looks whether an event is in the form of S3's.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
func (w *world) wantObjectCreated(raw, key string) {
	w.Helper()
	var e events.EventBridgeEvent
	if err := json.Unmarshal([]byte(raw), &e); err != nil {
		w.Fatalf("event %q: %v", raw, err)
	}
	if e.Version != "0" || len(e.ID) != 36 || e.DetailType != "Object Created" || e.Source != "aws.s3" || e.AccountID != Account ||
		e.Region != Region || time.Since(e.Time).Abs() > time.Minute || len(e.Resources) != 1 || e.Resources[0] != "arn:aws:s3:::elsewhere" {
		w.Errorf("event %s", raw)
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
		w.Fatal(err)
	}
	if d.Version != "0" || d.Bucket.Name != "elsewhere" || d.Object.Key != key || d.Object.Size != 2 || d.Object.ETag != "99914b932bd37a50b983c5e7c90ae93b" ||
		d.Object.Sequencer == "" || d.Object.VersionID != nil || d.Reason != "PutObject" || d.Requester == "" || d.RequestID == "" || d.SourceIP == "" {
		w.Errorf("detail %s", e.Detail)
	}
}

func TestRulesThatWouldBeIgnoredAreRefused(t *testing.T) {
	w := newWorld(t)
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
		w.create(stack, `{"Resources": {"Rule": {"Type": "AWS::Events::Rule", "Properties": {`+tc.rule+`}}}}`)
		s := w.stack(stack)
		if why := failures(t.Context(), w.cfn, s).Error(); s.StackStatus != cfntypes.StackStatusRollbackComplete || !strings.Contains(why, tc.want) {
			t.Errorf("%s: %s, %s, want %q", name, s.StackStatus, why, tc.want)
		}
	}
}
