package local

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// buffering puts a queue between the bucket and the function, as for a feed
// whose backlog may be long.
func buffering(mapping map[string]any) func(r map[string]any) {
	return func(r map[string]any) {
		arn := func(name string) any { return map[string]any{"Fn::GetAtt": []any{name, "Arn"}} }
		r["Dead"] = map[string]any{"Type": "AWS::SQS::Queue"}
		r["Buffer"] = map[string]any{"Type": "AWS::SQS::Queue", "Properties": map[string]any{
			// Nobody waits for an hour here: see host.Options.
			"QueueName": "buffer", "VisibilityTimeout": 3600, "MessageRetentionPeriod": 1209600,
			"RedrivePolicy": map[string]any{"deadLetterTargetArn": arn("Dead"), "maxReceiveCount": 2},
		}}
		r["BufferPolicy"] = map[string]any{"Type": "AWS::SQS::QueuePolicy", "Properties": map[string]any{
			"Queues": []any{map[string]any{"Ref": "Buffer"}}, "PolicyDocument": map[string]any{"Statement": []any{map[string]any{
				"Action": "sqs:SendMessage", "Effect": "Allow", "Principal": map[string]any{"Service": "s3.amazonaws.com"}, "Resource": arn("Buffer"),
			}}},
		}}
		at(r, "Notifications", "Properties")["NotificationConfiguration"] = map[string]any{"QueueConfigurations": []any{
			map[string]any{"Events": []any{"s3:ObjectCreated:*"}, "QueueArn": arn("Buffer")},
		}}
		if mapping != nil {
			mapping["EventSourceArn"], mapping["FunctionName"] = arn("Buffer"), map[string]any{"Ref": "Function"}
			r["Mapping"] = map[string]any{"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping}
		}
	}
}

func TestQueueFeedsAFunction(t *testing.T) {
	w := newWorld(t)
	w.uploadCode()
	mapping := func(more map[string]any) map[string]any {
		m := map[string]any{
			"BatchSize": 10, "FunctionResponseTypes": []any{"ReportBatchItemFailures"}, "ScalingConfig": map[string]any{"MaximumConcurrency": 2},
		}
		maps.Copy(m, more)
		return m
	}
	w.create("Feed", w.template(buffering(mapping(nil))))
	w.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	made := w.outputs("Feed")
	w.put(made["Bucket"], "an object", "{}")
	w.send("buffer", "good", "bad", "fine")
	w.idle()
	for _, body := range []string{"good", "fine", "object an object"} {
		if from := value(w.item(made["Table"], body)["from"]); !strings.HasSuffix(from, ":buffer") {
			t.Errorf("message %q: item from %q", body, from)
		}
	}
	if n := value(w.item(made["Table"], "bad")["receives"]); n != "2" {
		t.Errorf("the refused message was received %s times, want 2", n)
	}
	if dead := w.receiveFrom(w.physicalID("Feed", "Dead")); !slices.Equal(dead, []string{"bad"}) {
		t.Errorf("dead-letter queue: %q", dead)
	}

	for want, more := range map[string]map[string]any{
		"must be from 2 to 1000":         {"ScalingConfig": map[string]any{"MaximumConcurrency": 1}},
		"MaximumBatchingWindowInSeconds": {"BatchSize": 11},
	} {
		w.update("Feed", w.template(buffering(mapping(more))))
		w.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
		if why := failures(t.Context(), w.cfn, w.stack("Feed")).Error(); !strings.Contains(why, want) {
			t.Errorf("%v: %s", more, why)
		}
	}

	// Without the mapping, what waits stays in the queue; with it again, it is done.
	w.env.Host().Pause()
	w.send("buffer", "one", "two", "three")
	w.update("Feed", w.template(buffering(nil)))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	w.env.Host().Resume()
	w.idle()
	if n := w.visible("buffer"); n != "3" {
		t.Errorf("%s messages in the queue, want 3", n)
	}
	if item := w.item(made["Table"], "one"); item != nil {
		t.Errorf("done without a mapping: %v", item)
	}
	w.update("Feed", w.template(buffering(mapping(nil))))
	w.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	w.idle()
	for _, body := range []string{"one", "two", "three"} {
		if w.item(made["Table"], body) == nil {
			t.Errorf("message %q was lost", body)
		}
	}
}

func TestQueueThatForgetsTooSoonIsRefused(t *testing.T) {
	w := newWorld(t)
	w.uploadCode()
	w.create("Feed", w.template(func(r map[string]any) {
		buffering(map[string]any{})(r)
		at(r, "Buffer", "Properties")["VisibilityTimeout"] = 9 // the function may take 10
	}))
	w.wantStatus("Feed", cfntypes.StackStatusRollbackComplete)
	if why := failures(t.Context(), w.cfn, w.stack("Feed")).Error(); !strings.Contains(why, "Queue visibility timeout: 9 seconds is less than Function timeout: 10 seconds") {
		t.Error(why)
	}
}

func (w *world) send(name string, bodies ...string) {
	w.Helper()
	for _, body := range bodies {
		if _, err := w.sqs.SendMessage(w.Context(), &sqs.SendMessageInput{QueueUrl: w.queueURL(name), MessageBody: &body}); err != nil {
			w.Fatal(err)
		}
	}
}

// visible is how many messages a queue would hand out.
func (w *world) visible(name string) string {
	w.Helper()
	const visible = sqstypes.QueueAttributeNameApproximateNumberOfMessages
	out, err := w.sqs.GetQueueAttributes(w.Context(), &sqs.GetQueueAttributesInput{QueueUrl: w.queueURL(name), AttributeNames: []sqstypes.QueueAttributeName{visible}})
	if err != nil {
		w.Fatal(err)
	}
	return out.Attributes[string(visible)]
}

func (w *world) queueURL(name string) *string {
	w.Helper()
	out, err := w.sqs.GetQueueUrl(w.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		w.Fatal(err)
	}
	return out.QueueUrl
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
