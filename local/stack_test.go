package local

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func TestStackLifecycle(t *testing.T) {
	f := newFixture(t)
	f.uploadCode()
	f.create("Feed", f.template(unchanged))
	f.wantStatus("Feed", cfntypes.StackStatusCreateComplete)
	made := f.outputs("Feed")
	if made["Result"] != "Create hello" {
		t.Errorf("the custom resource returned %q", made["Result"])
	}
	f.checkSettings(made)

	const key = "a folder/b+c ä.json"
	f.put(made["Bucket"], key, "{}")
	f.idle()
	item := f.item(made["Table"], key)
	if value(item["event"]) != "ObjectCreated:Put" || value(item["colour"]) != "green" || len(value(item["version"])) < 10 || value(item["sequencer"]) == "" {
		t.Errorf("item %v", item)
	}
	if at, err := time.Parse(time.RFC3339, value(item["time"])); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("event time %s: %v", value(item["time"]), err)
	}

	f.put(made["Bucket"], "bad.json", "{}")
	f.idle()
	f.wantFailure(made["Failures"], "bad.json")

	f.update("Feed", f.template(func(r map[string]any) {
		at(r, "Function", "Properties", "Environment", "Variables")["COLOUR"] = "red"
		at(r, "Custom", "Properties")["Text"] = "again"
		r["Topic"] = map[string]any{"Type": "AWS::SNS::Topic"}
	}))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	if output := f.outputs("Feed")["Result"]; output != "Update again" {
		t.Errorf("after the update the custom resource returned %q", output)
	}
	f.put(made["Bucket"], "second.json", "{}")
	f.idle()
	if got := value(f.item(made["Table"], "second.json")["colour"]); got != "red" {
		t.Errorf("after the update the variable of the function is %q, want red", got)
	}

	f.failedUpdateChangesNothing()
	f.exportInUseStays()

	if s := f.delete("Feed"); s.StackStatus != cfntypes.StackStatusDeleteFailed || !strings.Contains(fmt.Sprint(failures(t.Context(), f.cfn, s)), "BucketNotEmpty") {
		t.Errorf("deleted with objects in its bucket: %s, %v", s.StackStatus, failures(t.Context(), f.cfn, s))
	}
	f.empty(made["Bucket"])
	if s := f.delete("Feed"); s.StackStatus != cfntypes.StackStatusDeleteComplete {
		t.Errorf("deletion: %s, %v", s.StackStatus, failures(t.Context(), f.cfn, s))
	}
	if value(f.item(made["Table"], key)["colour"]) != "green" {
		t.Error("the retained table lost its item")
	}
	if _, err := f.db.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String(made["Table"])}); err == nil {
		t.Error("the table was deleted in spite of its deletion protection")
	}
	if _, err := f.s3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String(made["Bucket"])}); err == nil {
		t.Error("the bucket still exists after the deletion of its stack")
	}
}

// checkSettings checks that the settings of the template were applied.
func (f *fixture) checkSettings(made map[string]string) {
	f.Helper()
	bucket := aws.String(made["Bucket"])
	v, err := f.s3.GetBucketVersioning(f.Context(), &s3.GetBucketVersioningInput{Bucket: bucket})
	if err != nil || v.Status != s3types.BucketVersioningStatusEnabled {
		f.Errorf("versioning %v: %v", v, err)
	}
	if _, err := f.s3.GetBucketEncryption(f.Context(), &s3.GetBucketEncryptionInput{Bucket: bucket}); err != nil {
		f.Errorf("encryption: %v", err)
	}
	if _, err := f.s3.GetPublicAccessBlock(f.Context(), &s3.GetPublicAccessBlockInput{Bucket: bucket}); err != nil {
		f.Errorf("public access block: %v", err)
	}
	lifecycle, err := f.s3.GetBucketLifecycleConfiguration(f.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: bucket})
	if err != nil || len(lifecycle.Rules) != 1 {
		f.Errorf("lifecycle %v: %v", lifecycle, err)
	}
	backups, err := f.db.DescribeContinuousBackups(f.Context(), &dynamodb.DescribeContinuousBackupsInput{TableName: aws.String(made["Table"])})
	if err != nil || backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != types.PointInTimeRecoveryStatusEnabled {
		f.Errorf("point-in-time recovery %v: %v", backups, err)
	}
}

// wantFailure checks the record of an event that failed after all retries.
func (f *fixture) wantFailure(queue, key string) {
	f.Helper()
	out, err := f.sqs.ReceiveMessage(f.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue})
	if err != nil || len(out.Messages) != 1 {
		f.Fatalf("failure queue: %d messages, %v", len(out.Messages), err)
	}
	body := aws.ToString(out.Messages[0].Body)
	for _, want := range []string{key, `"condition":"RetriesExhausted"`, `"approximateInvokeCount":2`, "a bad object"} {
		if !strings.Contains(body, want) {
			f.Errorf("failure record lacks %s: %s", want, body)
		}
	}
}

func (f *fixture) failedUpdateChangesNothing() {
	f.Helper()
	before := f.outputs("Feed")
	f.update("Feed", f.template(func(r map[string]any) {
		r["Stream"] = map[string]any{"Type": "AWS::Unheard::Of"}
		at(r, "Function", "Properties")["MemorySize"] = 512
	}))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
	if why := aws.ToString(f.stack("Feed").StackStatusReason); why != "" {
		f.Logf("reason: %s", why)
	}
	if err := f.env.checkStacks(f.Context()); err == nil || !strings.Contains(err.Error(), "UPDATE_ROLLBACK_COMPLETE") {
		f.Errorf("the check of the stacks returns %v", err)
	}
	events, err := f.cfn.DescribeStackEvents(f.Context(), &cloudformation.DescribeStackEventsInput{StackName: aws.String("Feed")})
	if err != nil {
		f.Fatal(err)
	}
	named := false
	for _, ev := range events.StackEvents {
		why := aws.ToString(ev.ResourceStatusReason)
		named = named || strings.Contains(why, "AWS::Unheard::Of") && strings.Contains(why, "Stream")
	}
	if !named {
		f.Error("no event names the unknown type and its logical ID")
	}
	deployed, err := f.cfn.GetTemplate(f.Context(), &cloudformation.GetTemplateInput{StackName: aws.String("Feed")})
	if err != nil || strings.Contains(aws.ToString(deployed.TemplateBody), "Unheard") {
		f.Errorf("GetTemplate returns the template that failed (%v)", err)
	}
	// Changes before the failure are rolled back: the invalid property is the last one.
	f.update("Feed", f.template(func(r map[string]any) {
		at(r, "Failures", "Properties")["VisibilityTimeout"] = 77
		r["Worse"] = map[string]any{"Type": "AWS::SQS::Queue", "DependsOn": "Failures", "Properties": map[string]any{"Colour": "red"}}
	}))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateRollbackComplete)
	attrs, err := f.sqs.GetQueueAttributes(f.Context(), &sqs.GetQueueAttributesInput{QueueUrl: aws.String(before["Failures"]), AttributeNames: []sqstypes.QueueAttributeName{"VisibilityTimeout"}})
	if err != nil || attrs.Attributes["VisibilityTimeout"] != "30" {
		f.Errorf("after the rollback: visibility timeout %v, %v", attrs.Attributes, err)
	}
	if fmt.Sprint(f.outputs("Feed")) != fmt.Sprint(before) {
		f.Errorf("outputs changed from %v to %v", before, f.outputs("Feed"))
	}
	f.update("Feed", f.template(unchanged))
	f.wantStatus("Feed", cfntypes.StackStatusUpdateComplete)
	_, err = f.cfn.UpdateStack(f.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("Feed"), TemplateBody: aws.String(f.template(unchanged))})
	if err == nil || !strings.Contains(err.Error(), "No updates are to be performed") {
		f.Errorf("an update without changes: %v", err)
	}
}

func (f *fixture) exportInUseStays() {
	f.Helper()
	f.create("User", `{
		"Resources": {"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Fn::ImportValue": "Feed-bucket"}}}},
		"Outputs": {
			"Imported": {"Value": {"Fn::GetAtt": ["Parameter", "Value"]}},
			"Read": {"Value": {"Fn::GetStackOutput": {"StackName": "Feed", "OutputName": "Table"}}}
		}}`)
	f.wantStatus("User", cfntypes.StackStatusCreateComplete)
	feed, user := f.outputs("Feed"), f.outputs("User")
	if user["Imported"] != feed["Bucket"] || user["Read"] != feed["Table"] {
		f.Errorf("imported %v of %v", user, feed)
	}
	if s := f.delete("Feed"); s.StackStatus != cfntypes.StackStatusDeleteFailed || !strings.Contains(aws.ToString(s.StackStatusReason), "in use by User") {
		f.Errorf("deleted while its export is in use: %s, %s", s.StackStatus, aws.ToString(s.StackStatusReason))
	}
	if s := f.delete("User"); s.StackStatus != cfntypes.StackStatusDeleteComplete {
		f.Errorf("deletion of the importing stack: %s", s.StackStatus)
	}
}

func TestFailedCreationIsRolledBack(t *testing.T) {
	f := sharedFixture(t)
	f.create("Broken", `{"Resources": {
		"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "made-first"}},
		"Table": {"Type": "AWS::DynamoDB::GlobalTable", "DependsOn": "Queue", "Properties": {"Replicas": []}}}}`)
	f.wantStatus("Broken", cfntypes.StackStatusRollbackComplete)
	if err := f.env.checkStacks(t.Context()); err == nil || !strings.Contains(err.Error(), "Table CREATE_FAILED") {
		t.Errorf("the check of the stacks returns %v", err)
	}
	if _, err := f.sqs.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("made-first")}); err == nil {
		t.Error("the queue still exists after the rollback")
	}
}

// TestPolicyCharacters creates roles with a policy that IAM refuses and with one that
// it accepts.
func TestPolicyCharacters(t *testing.T) {
	f := sharedFixture(t)
	for prefix, want := range map[string]cfntypes.StackStatus{"año": cfntypes.StackStatusCreateComplete, "日本": cfntypes.StackStatusRollbackComplete} {
		stack := "Characters" + string(want[:2])
		f.create(stack, `{"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {
			"AssumeRolePolicyDocument": {"Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]},
			"Policies": [{"PolicyName": "policy", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
				{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/`+prefix+`/*"}]}}]}}}}`)
		f.wantStatus(stack, want)
	}
}
