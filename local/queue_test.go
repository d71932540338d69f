package local

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func TestQueueFeedsAFunction(t *testing.T) {
	w := newWorld(t)
	w.uploadCode()
	w.create("Feed", w.template(func(r map[string]any) {
		arn := func(name string) any { return map[string]any{"Fn::GetAtt": []any{name, "Arn"}} }
		r["Dead"] = map[string]any{"Type": "AWS::SQS::Queue"}
		at(r, "Failures")["Properties"] = map[string]any{
			"VisibilityTimeout": 1,
			"RedrivePolicy":     map[string]any{"deadLetterTargetArn": arn("Dead"), "maxReceiveCount": 1},
		}
		r["Mapping"] = map[string]any{"Type": "AWS::Lambda::EventSourceMapping", "Properties": map[string]any{
			"EventSourceArn": arn("Failures"), "FunctionName": map[string]any{"Ref": "Function"},
			"BatchSize": 10, "FunctionResponseTypes": []any{"ReportBatchItemFailures"},
		}}
	}))
	w.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	made := w.outputs("Feed")
	for _, body := range []string{"good", "bad", "fine"} {
		if _, err := w.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(made["Failures"]), MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
	w.idle()
	for _, body := range []string{"good", "fine"} {
		if from := value(w.item(made["Table"], body)["from"]); !strings.Contains(from, ":Feed-Failures-") {
			t.Errorf("message %q: item from %q", body, from)
		}
	}
	dead, err := w.sqs.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(w.physicalID("Feed", "Dead"))})
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: dead.QueueUrl})
	if err != nil || len(out.Messages) != 1 || aws.ToString(out.Messages[0].Body) != "bad" {
		t.Errorf("dead-letter queue: %v, %v", out, err)
	}
}

// TestBucketOfOthersKeepsItsNotifications has two stacks add theirs to a bucket
// that neither owns, change them and go.
func TestBucketOfOthersKeepsItsNotifications(t *testing.T) {
	w := newWorld(t)
	const bucket = "not-ours"
	if _, err := w.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("theirs")}); err != nil {
		t.Fatal(err)
	}
	_, err := w.s3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String(bucket),
		NotificationConfiguration: &s3types.NotificationConfiguration{
			QueueConfigurations: []s3types.QueueConfiguration{{
				Id: aws.String("theirs"), QueueArn: aws.String("arn:aws:sqs:us-east-1:123456789012:theirs"),
				Events: []s3types.Event{"s3:ObjectRemoved:*"}, // those of the stacks overlap with no other
			}},
			EventBridgeConfiguration: &s3types.EventBridgeConfiguration{},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	template := func(suffix string) string {
		return strings.ReplaceAll(`{"Resources": {
			"Queue": {"Type": "AWS::SQS::Queue"},
			"Notifications": {"Type": "Custom::S3BucketNotifications", "Properties": {
				"ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:unused", "BucketName": "not-ours", "Managed": false,
				"NotificationConfiguration": {"QueueConfigurations": [{
					"Events": ["s3:ObjectCreated:*"], "QueueArn": {"Fn::GetAtt": ["Queue", "Arn"]},
					"Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": "SUFFIX"}]}}
				}]}}}}}`, "SUFFIX", suffix)
	}
	w.create("A", template(".a"))
	w.create("B", template(".b"))
	w.wantNotifications(bucket, "", ".a", ".b")
	w.update("A", template(".aa"))
	w.wantNotifications(bucket, "", ".aa", ".b")
	w.delete("B")
	w.wantNotifications(bucket, "", ".aa")
	w.delete("A")
	w.wantNotifications(bucket, "")
}

// wantNotifications looks for one notification per suffix, and EventBridge.
func (w *world) wantNotifications(bucket string, suffixes ...string) {
	w.Helper()
	out, err := w.s3.GetBucketNotificationConfiguration(w.Context(), &s3.GetBucketNotificationConfigurationInput{Bucket: &bucket})
	if err != nil {
		w.Fatal(err)
	}
	found := map[string]bool{}
	for _, q := range out.QueueConfigurations {
		suffix := ""
		if q.Filter != nil {
			suffix = aws.ToString(q.Filter.Key.FilterRules[0].Value)
		}
		found[suffix] = true
	}
	for _, s := range suffixes {
		if !found[s] {
			w.Errorf("no notification for suffix %q", s)
		}
	}
	if len(out.QueueConfigurations) != len(suffixes) || out.EventBridgeConfiguration == nil {
		w.Errorf("%d notifications, EventBridge %v, want %q and EventBridge", len(out.QueueConfigurations), out.EventBridgeConfiguration, suffixes)
	}
}

func TestObjectEventsAreAnnouncedOnce(t *testing.T) {
	w := newWorld(t)
	w.create("Q", `{"Resources": {
		"Queue": {"Type": "AWS::SQS::Queue"},
		"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "announcing", "NotificationConfiguration": {
			"QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": {"Fn::GetAtt": ["Queue", "Arn"]}}]}}}},
		"Outputs": {"Queue": {"Value": {"Ref": "Queue"}}}}`)
	w.wantStatus("Q", cfntypes.StackStatusCreateComplete)
	queue := aws.String(w.outputs("Q")["Queue"])
	w.receiveAll(queue) // S3 announces itself with a test event

	bucket := aws.String("announcing")
	up, err := w.s3.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String("large")})
	if err != nil {
		t.Fatal(err)
	}
	part, err := w.s3.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: bucket, Key: up.Key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.s3.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: up.Key, UploadId: up.UploadId,
		MultipartUpload: &s3types.CompletedMultipartUpload{Parts: []s3types.CompletedPart{{ETag: part.ETag, PartNumber: aws.Int32(1)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.s3.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String("announcing/large")}); err != nil {
		t.Fatal(err)
	}
	got := w.receiveAll(queue)
	if len(got) != 2 || !strings.Contains(got[0], "ObjectCreated:CompleteMultipartUpload") || !strings.Contains(got[1], "ObjectCreated:Copy") {
		t.Errorf("events %q, want one of the multipart upload and one of the copy", got)
	}
}

func (w *world) receiveAll(queue *string) []string {
	w.Helper()
	out, err := w.sqs.ReceiveMessage(w.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue, MaxNumberOfMessages: 10})
	if err != nil {
		w.Fatal(err)
	}
	var bodies []string
	for _, m := range out.Messages {
		bodies = append(bodies, aws.ToString(m.Body))
		if _, err := w.sqs.DeleteMessage(w.Context(), &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: m.ReceiptHandle}); err != nil {
			w.Fatal(err)
		}
	}
	return bodies
}
