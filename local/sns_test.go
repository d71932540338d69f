package local

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// withTopic sends the notifications of the bucket to a topic that the function
// subscribes to, instead of to the function.
func withTopic(r map[string]any) {
	ref := map[string]any{"Ref": "Topic"}
	function := map[string]any{"Fn::GetAtt": []any{"Function", "Arn"}}
	r["Topic"] = map[string]any{"Type": "AWS::SNS::Topic"}
	r["TopicPolicy"] = map[string]any{"Type": "AWS::SNS::TopicPolicy", "Properties": map[string]any{
		"Topics": []any{ref}, "PolicyDocument": map[string]any{"Statement": []any{map[string]any{
			"Action": "sns:Publish", "Effect": "Allow", "Principal": map[string]any{"Service": "s3.amazonaws.com"}, "Resource": ref,
		}}},
	}}
	r["Subscription"] = map[string]any{"Type": "AWS::SNS::Subscription", "Properties": map[string]any{"Protocol": "lambda", "TopicArn": ref, "Endpoint": function}}
	r["TopicPermission"] = map[string]any{"Type": "AWS::Lambda::Permission", "Properties": map[string]any{
		"Action": "lambda:InvokeFunction", "FunctionName": function, "Principal": "sns.amazonaws.com", "SourceArn": ref,
	}}
	at(r, "Notifications", "Properties")["NotificationConfiguration"] = map[string]any{
		"TopicConfigurations": []any{map[string]any{"Events": []any{"s3:ObjectCreated:*", "s3:ObjectRemoved:*"}, "TopicArn": ref}},
	}
}

func TestTopicInvokesFunction(t *testing.T) {
	f := newFixture(t)
	f.uploadCode()
	f.create("Feed", f.template(unchanged))
	f.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	f.update("Feed", f.template(withTopic))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	made := f.outputs("Feed")
	topic := aws.String(f.physicalID("Feed", "Topic"))
	cfg, err := f.env.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{"hello", "bad"} {
		if _, err := sns.NewFromConfig(cfg).Publish(t.Context(), &sns.PublishInput{TopicArn: topic, Message: aws.String(message)}); err != nil {
			t.Fatal(err)
		}
	}

	const key = "a folder/b+c ä.json"
	bucket := aws.String(made["Bucket"])
	put, err := f.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: strings.NewReader("{}")})
	if err != nil {
		t.Fatal(err)
	}
	marker, err := f.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String(key)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.s3.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: bucket, Delete: &s3types.Delete{
		Objects: []s3types.ObjectIdentifier{{Key: aws.String(key), VersionId: put.VersionId}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	f.idle()
	for event, version := range map[string]*string{
		"ObjectCreated:Put":                 put.VersionId,
		"ObjectRemoved:DeleteMarkerCreated": marker.VersionId,
		"ObjectRemoved:Delete":              put.VersionId,
	} {
		item := f.item(made["Table"], event+" "+key)
		var e events.S3Event
		if err := json.Unmarshal([]byte(value(item["message"])), &e); err != nil {
			t.Errorf("%s: %v in %v", event, err, item)
			continue
		}
		o := e.Records[0].S3.Object
		if o.Key != "a+folder/b%2Bc+%C3%A4.json" || o.VersionID != *version || o.Sequencer == "" || (o.Size == 2) != (event == "ObjectCreated:Put") {
			t.Errorf("%s: object %+v, want version %s", event, o, *version)
		}
	}
	if f.item(made["Table"], key) != nil {
		t.Error("the bucket still invokes the function itself")
	}
	f.wantNotification(value(f.item(made["Table"], "hello")["event"]), *topic)
	f.wantFailureOf(made["Failures"], `\"Message\":\"bad\"`, `"Message":"bad"`)
	f.overlapIsRefused(bucket, topic, aws.String("arn:aws:lambda:us-east-1:123456789012:function:"+made["Function"]))
}

// wantNotification checks that an event has the form of SNS.
func (f *fixture) wantNotification(raw, topic string) {
	f.Helper()
	var e events.SNSEvent
	if err := json.Unmarshal([]byte(raw), &e); err != nil {
		f.Fatalf("event %q: %v", raw, err)
	}
	r := e.Records[0]
	if r.EventVersion != "1.0" || !strings.HasPrefix(r.EventSubscriptionArn, topic+":") || r.SNS.TopicArn != topic ||
		r.SNS.Type != "Notification" || r.SNS.MessageID == "" || r.SNS.Timestamp.IsZero() || r.SNS.SigningCertURL == "" {
		f.Errorf("event %s", raw)
	}
}

// wantFailureOf checks that a failure queue has one message with any of the texts.
func (f *fixture) wantFailureOf(queue string, texts ...string) {
	f.Helper()
	bodies := f.receiveAll(&queue)
	if len(bodies) != 1 {
		f.Fatalf("failure queue %q, want one record", bodies)
	}
	for _, text := range texts {
		if strings.Contains(bodies[0], text) {
			return
		}
	}
	f.Errorf("failure record %s", bodies[0])
}

// overlapIsRefused configures notifications of a bucket to a function and a topic for the same objects.
func (f *fixture) overlapIsRefused(bucket, topic, function *string) {
	f.Helper()
	for prefix, refused := range map[string]bool{"in/": true, "in/deep/": true, "out/": false} {
		_, err := f.s3.PutBucketNotificationConfiguration(f.Context(), &s3.PutBucketNotificationConfigurationInput{
			Bucket: bucket, NotificationConfiguration: &s3types.NotificationConfiguration{
				TopicConfigurations: []s3types.TopicConfiguration{{TopicArn: topic, Events: []s3types.Event{"s3:ObjectCreated:*"}, Filter: onPrefix("in/")}},
				LambdaFunctionConfigurations: []s3types.LambdaFunctionConfiguration{{
					LambdaFunctionArn: function, Events: []s3types.Event{"s3:ObjectCreated:Put"}, Filter: onPrefix(prefix),
				}},
			},
		})
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "overlapping") {
			f.Errorf("prefix %s: %v, want refused: %v", prefix, err, refused)
		}
	}
}

func onPrefix(prefix string) *s3types.NotificationConfigurationFilter {
	return &s3types.NotificationConfigurationFilter{Key: &s3types.S3KeyFilter{
		FilterRules: []s3types.FilterRule{{Name: s3types.FilterRuleNamePrefix, Value: &prefix}},
	}}
}
