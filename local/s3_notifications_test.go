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

// TestUnmanagedBucketKeepsItsNotifications has two stacks that add notifications to
// a bucket of neither stack, change them and are deleted.
func TestUnmanagedBucketKeepsItsNotifications(t *testing.T) {
	f := sharedFixture(t)
	const bucket = "unmanaged"
	if _, err := f.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("other")}); err != nil {
		t.Fatal(err)
	}
	_, err := f.s3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String(bucket),
		NotificationConfiguration: &s3types.NotificationConfiguration{
			QueueConfigurations: []s3types.QueueConfiguration{{
				Id: aws.String("other"), QueueArn: aws.String("arn:aws:sqs:us-east-1:123456789012:other"),
				Events: []s3types.Event{"s3:ObjectRemoved:*"}, // does not overlap with those of the stacks
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
				"ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:unused", "BucketName": "unmanaged", "Managed": false,
				"NotificationConfiguration": {"QueueConfigurations": [{
					"Events": ["s3:ObjectCreated:*"], "QueueArn": {"Fn::GetAtt": ["Queue", "Arn"]},
					"Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": "SUFFIX"}]}}
				}]}}}}}`, "SUFFIX", suffix)
	}
	f.create("A", template(".a"))
	f.create("B", template(".b"))
	f.wantNotifications(bucket, "", ".a", ".b")
	f.update("A", template(".aa"))
	f.wantNotifications(bucket, "", ".aa", ".b")
	f.delete("B")
	f.wantNotifications(bucket, "", ".aa")
	f.delete("A")
	f.wantNotifications(bucket, "")
}

// wantNotifications checks that a bucket has one notification per suffix, and EventBridge.
func (f *fixture) wantNotifications(bucket string, suffixes ...string) {
	f.Helper()
	out, err := f.s3.GetBucketNotificationConfiguration(f.Context(), &s3.GetBucketNotificationConfigurationInput{Bucket: &bucket})
	if err != nil {
		f.Fatal(err)
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
			f.Errorf("no notification for suffix %q", s)
		}
	}
	if len(out.QueueConfigurations) != len(suffixes) || out.EventBridgeConfiguration == nil {
		f.Errorf("%d notifications, EventBridge %v, want %q and EventBridge", len(out.QueueConfigurations), out.EventBridgeConfiguration, suffixes)
	}
}

func TestOneEventPerObject(t *testing.T) {
	f := sharedFixture(t)
	f.create("Q", `{"Resources": {
		"Queue": {"Type": "AWS::SQS::Queue"},
		"Policy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Queue", "Arn"]}}]}}},
		"Bucket": {"Type": "AWS::S3::Bucket", "DependsOn": "Policy", "Properties": {"BucketName": "announcing", "NotificationConfiguration": {
			"QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": {"Fn::GetAtt": ["Queue", "Arn"]}}]}}}},
		"Outputs": {"Queue": {"Value": {"Ref": "Queue"}}}}`)
	f.wantStatus("Q", cfntypes.StackStatusCreateComplete)
	queue := aws.String(f.outputs("Q")["Queue"])
	f.receiveAll(queue) // the test event of S3

	bucket := aws.String("announcing")
	up, err := f.s3.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String("large")})
	if err != nil {
		t.Fatal(err)
	}
	part, err := f.s3.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: bucket, Key: up.Key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.s3.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: up.Key, UploadId: up.UploadId,
		MultipartUpload: &s3types.CompletedMultipartUpload{Parts: []s3types.CompletedPart{{ETag: part.ETag, PartNumber: aws.Int32(1)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.s3.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String("announcing/large")}); err != nil {
		t.Fatal(err)
	}
	got := f.receiveAll(queue)
	if len(got) != 2 || !strings.Contains(got[0], "ObjectCreated:CompleteMultipartUpload") || !strings.Contains(got[1], "ObjectCreated:Copy") {
		t.Errorf("events %q, want one of the multipart upload and one of the copy", got)
	}
}
