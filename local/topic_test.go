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

// announcing makes the bucket announce to a topic that the function subscribes
// to, where it invoked the function itself.
func announcing(r map[string]any) {
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

func TestTopicFeedsAFunction(t *testing.T) {
	w := newWorld(t)
	w.uploadCode()
	w.create("Feed", w.template(unchanged))
	w.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	w.update("Feed", w.template(announcing))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	made := w.outputs("Feed")
	topic := aws.String(w.physicalID("Feed", "Topic"))
	cfg, err := w.env.AWSConfig(t.Context())
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
	put, err := w.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: strings.NewReader("{}")})
	if err != nil {
		t.Fatal(err)
	}
	marker, err := w.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String(key)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.s3.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: bucket, Delete: &s3types.Delete{
		Objects: []s3types.ObjectIdentifier{{Key: aws.String(key), VersionId: put.VersionId}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.idle()
	for event, version := range map[string]*string{
		"ObjectCreated:Put":                 put.VersionId,
		"ObjectRemoved:DeleteMarkerCreated": marker.VersionId,
		"ObjectRemoved:Delete":              put.VersionId,
	} {
		item := w.item(made["Table"], event+" "+key)
		var told events.S3Event
		if err := json.Unmarshal([]byte(value(item["message"])), &told); err != nil {
			t.Errorf("%s: %v in %v", event, err, item)
			continue
		}
		o := told.Records[0].S3.Object
		if o.Key != "a+folder/b%2Bc+%C3%A4.json" || o.VersionID != *version || o.Sequencer == "" || (o.Size == 2) != (event == "ObjectCreated:Put") {
			t.Errorf("%s: object %+v, want version %s", event, o, *version)
		}
	}
	if w.item(made["Table"], key) != nil {
		t.Error("the bucket still invokes the function itself")
	}
	w.wantNotification(value(w.item(made["Table"], "hello")["event"]), *topic)
	w.wantFailureOf(made["Failures"], `\"Message\":\"bad\"`, `"Message":"bad"`)
	w.overlapIsRefused(bucket, topic, aws.String("arn:aws:lambda:us-east-1:123456789012:function:"+made["Function"]))
}

// wantNotification looks whether a function got a message as from SNS.
func (w *world) wantNotification(raw, topic string) {
	w.Helper()
	var e events.SNSEvent
	if err := json.Unmarshal([]byte(raw), &e); err != nil {
		w.Fatalf("event %q: %v", raw, err)
	}
	r := e.Records[0]
	if r.EventVersion != "1.0" || !strings.HasPrefix(r.EventSubscriptionArn, topic+":") || r.SNS.TopicArn != topic ||
		r.SNS.Type != "Notification" || r.SNS.MessageID == "" || r.SNS.Timestamp.IsZero() || r.SNS.SigningCertURL == "" {
		w.Errorf("event %s", raw)
	}
}

// wantFailureOf looks for one message in a failure queue that says any of the texts.
func (w *world) wantFailureOf(queue string, texts ...string) {
	w.Helper()
	bodies := w.receiveAll(&queue)
	if len(bodies) != 1 {
		w.Fatalf("failure queue %q, want one record", bodies)
	}
	for _, text := range texts {
		if strings.Contains(bodies[0], text) {
			return
		}
	}
	w.Errorf("failure record %s", bodies[0])
}

// overlapIsRefused has a function and a topic of one bucket hear of the same objects.
func (w *world) overlapIsRefused(bucket, topic, function *string) {
	w.Helper()
	for prefix, refused := range map[string]bool{"in/": true, "in/deep/": true, "out/": false} {
		_, err := w.s3.PutBucketNotificationConfiguration(w.Context(), &s3.PutBucketNotificationConfigurationInput{
			Bucket: bucket, NotificationConfiguration: &s3types.NotificationConfiguration{
				TopicConfigurations: []s3types.TopicConfiguration{{TopicArn: topic, Events: []s3types.Event{"s3:ObjectCreated:*"}, Filter: onPrefix("in/")}},
				LambdaFunctionConfigurations: []s3types.LambdaFunctionConfiguration{{
					LambdaFunctionArn: function, Events: []s3types.Event{"s3:ObjectCreated:Put"}, Filter: onPrefix(prefix),
				}},
			},
		})
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "overlapping") {
			w.Errorf("prefix %s: %v, refused is to be %v", prefix, err, refused)
		}
	}
}

func onPrefix(prefix string) *s3types.NotificationConfigurationFilter {
	return &s3types.NotificationConfigurationFilter{Key: &s3types.S3KeyFilter{
		FilterRules: []s3types.FilterRule{{Name: s3types.FilterRuleNamePrefix, Value: &prefix}},
	}}
}
