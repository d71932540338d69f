package local

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// withQueue adds a queue between the bucket and the function, and an event source
// mapping unless it is nil.
func withQueue(mapping map[string]any) func(r map[string]any) {
	return func(r map[string]any) {
		arn := func(name string) any { return map[string]any{"Fn::GetAtt": []any{name, "Arn"}} }
		r["Dead"] = map[string]any{"Type": "AWS::SQS::Queue"}
		r["Buffer"] = map[string]any{"Type": "AWS::SQS::Queue", "Properties": map[string]any{
			// The Lambda host shortens the timeout: see lambdahost.Options.
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

func TestQueueEventSourceMapping(t *testing.T) {
	f := newFixture(t)
	f.uploadCode()
	mapping := func(more map[string]any) map[string]any {
		m := map[string]any{
			"BatchSize": 10, "FunctionResponseTypes": []any{"ReportBatchItemFailures"}, "ScalingConfig": map[string]any{"MaximumConcurrency": 2},
		}
		maps.Copy(m, more)
		return m
	}
	f.create("Feed", f.template(withQueue(mapping(nil))))
	f.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	made := f.outputs("Feed")
	f.put(made["Bucket"], "an object", "{}")
	f.send("buffer", "good", "bad", "fine")
	f.idle()
	for _, body := range []string{"good", "fine", "object an object"} {
		if from := value(f.item(made["Table"], body)["from"]); !strings.HasSuffix(from, ":buffer") {
			t.Errorf("message %q: item from %q", body, from)
		}
	}
	if n := value(f.item(made["Table"], "bad")["receives"]); n != "2" {
		t.Errorf("the failed message was received %s times, want 2", n)
	}
	if dead := f.receiveFrom(f.physicalID("Feed", "Dead")); !slices.Equal(dead, []string{"bad"}) {
		t.Errorf("dead-letter queue: %q", dead)
	}

	for want, more := range map[string]map[string]any{
		"must be from 2 to 1000":         {"ScalingConfig": map[string]any{"MaximumConcurrency": 1}},
		"MaximumBatchingWindowInSeconds": {"BatchSize": 11},
	} {
		f.update("Feed", f.template(withQueue(mapping(more))))
		f.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
		if why := failures(t.Context(), f.cfn, f.stack("Feed")).Error(); !strings.Contains(why, want) {
			t.Errorf("%v: %s", more, why)
		}
	}

	// Without the mapping, messages stay in the queue; with a new one, they are processed.
	f.env.Host().Pause()
	f.send("buffer", "one", "two", "three")
	f.update("Feed", f.template(withQueue(nil)))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	f.env.Host().Resume()
	f.idle()
	if n := f.visible("buffer"); n != "3" {
		t.Errorf("%s messages in the queue, want 3", n)
	}
	if item := f.item(made["Table"], "one"); item != nil {
		t.Errorf("processed without a mapping: %v", item)
	}
	f.update("Feed", f.template(withQueue(mapping(nil))))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	f.idle()
	for _, body := range []string{"one", "two", "three"} {
		if f.item(made["Table"], body) == nil {
			t.Errorf("message %q was lost", body)
		}
	}
}

func TestQueueWithShortVisibilityTimeoutIsRefused(t *testing.T) {
	f := newFixture(t)
	f.uploadCode()
	f.create("Feed", f.template(func(r map[string]any) {
		withQueue(map[string]any{})(r)
		at(r, "Buffer", "Properties")["VisibilityTimeout"] = 9 // the timeout of the function is 10
	}))
	f.wantStatus("Feed", cfntypes.StackStatusRollbackComplete)
	if why := failures(t.Context(), f.cfn, f.stack("Feed")).Error(); !strings.Contains(why, "Queue visibility timeout: 9 seconds is less than Function timeout: 10 seconds") {
		t.Error(why)
	}
}

// TestAdvanceQueues receives a message again after its visibility timeout of an hour,
// without waiting for it.
func TestAdvanceQueues(t *testing.T) {
	f := newFixture(t)
	created, err := f.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("slow"), Attributes: map[string]string{"VisibilityTimeout": "3600"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: created.QueueUrl, MessageBody: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		advance time.Duration
		want    int
	}{{0, 1}, {59 * time.Minute, 0}, {2 * time.Minute, 1}} {
		if err := f.env.AdvanceQueues(t.Context(), step.advance); err != nil {
			t.Fatal(err)
		}
		out, err := f.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: created.QueueUrl})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) != step.want {
			t.Errorf("after %s more: received %d messages, want %d", step.advance, len(out.Messages), step.want)
		}
	}
}
