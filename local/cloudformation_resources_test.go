package local

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// guarded is a template with the resources of a feed besides its functions: a KMS key
// for the others, alarms to a topic with an e-mail address, a dashboard, and a bucket
// with autoDeleteObjects.
const guarded = `{"Resources": {
	"Key": {"Type": "AWS::KMS::Key", "DeletionPolicy": "Delete", "Properties": {
		"Description": "of the feed", "EnableKeyRotation": true, "PendingWindowInDays": 7, "Tags": [{"Key": "feed", "Value": "orders"}],
		"KeyPolicy": {"Version": "2012-10-17", "Statement": [{"Action": "kms:*", "Effect": "Allow", "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}, "Resource": "*"}]}}},
	"Alias": {"Type": "AWS::KMS::Alias", "Properties": {"AliasName": "alias/feed", "TargetKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}},
	"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {
		"BucketEncryption": {"ServerSideEncryptionConfiguration": [{"BucketKeyEnabled": true, "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]}}}]},
		"LoggingConfiguration": {"LogFilePrefix": "access/"}, "VersioningConfiguration": {"Status": "Enabled"},
		"NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": true}},
		"Tags": [{"Key": "aws-cdk:auto-delete-objects", "Value": "true"}]}},
	"Emptying": {"Type": "Custom::S3AutoDeleteObjects", "DependsOn": ["Bucket"], "Properties": {
		"ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:unused", "BucketName": {"Ref": "Bucket"}}},
	"Table": {"Type": "AWS::DynamoDB::GlobalTable", "Properties": {
		"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
		"BillingMode": "PAY_PER_REQUEST", "SSESpecification": {"SSEEnabled": true, "SSEType": "KMS"},
		"Replicas": [{"Region": {"Ref": "AWS::Region"}, "SSESpecification": {"KMSMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}, "Tags": [{"Key": "feed", "Value": "orders"}]}]}},
	"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}, "KmsDataKeyReusePeriodSeconds": 300}},
	"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}, "Tags": [{"Key": "feed", "Value": "orders"}]}},
	"Address": {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": {"Ref": "Topic"}, "Protocol": "email", "Endpoint": "ops@example.com"}},
	"Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {
		"LogGroupName": "/feeds/orders", "RetentionInDays": 30, "KmsKeyId": {"Fn::GetAtt": ["Key", "Arn"]}, "Tags": [{"Key": "feed", "Value": "orders"}]}},
	"Filter": {"Type": "AWS::Logs::MetricFilter", "Properties": {
		"LogGroupName": {"Ref": "Logs"}, "FilterPattern": "{ $.quarantined > 0 }",
		"MetricTransformations": [{"MetricName": "quarantined", "MetricNamespace": "feeds", "MetricValue": "$.quarantined", "DefaultValue": 0}]}},
	"Waiting": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
		"AlarmDescription": "failed events wait", "Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible", "Statistic": "Maximum",
		"Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}], "Period": 300, "EvaluationPeriods": 1, "Threshold": 0,
		"ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching", "AlarmActions": [{"Ref": "Topic"}], "Tags": [{"Key": "feed", "Value": "orders"}]}},
	"Errors": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
		"Metrics": [
			{"Id": "errors", "ReturnData": false, "MetricStat": {"Metric": {"Namespace": "AWS/Lambda", "MetricName": "Errors"}, "Period": 300, "Stat": "Sum"}},
			{"Id": "sum", "Expression": "errors * 2", "Label": "twice"}],
		"EvaluationPeriods": 1, "Threshold": 0.5, "ComparisonOperator": "GreaterThanThreshold"}},
	"Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardName": "feeds", "DashboardBody": {"Fn::Join": ["", ["{\"widgets\":[{\"type\":\"text\",\"properties\":{\"markdown\":\"", {"Ref": "AWS::Region"}, "\"}}]}"]]}}}
}, "Outputs": {
	"Bucket": {"Value": {"Ref": "Bucket"}}, "Table": {"Value": {"Ref": "Table"}}, "Queue": {"Value": {"Ref": "Queue"}}, "Topic": {"Value": {"Ref": "Topic"}},
	"Key": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}}, "KeyId": {"Value": {"Ref": "Key"}}, "Alias": {"Value": {"Ref": "Alias"}},
	"Alarm": {"Value": {"Ref": "Waiting"}}, "AlarmArn": {"Value": {"Fn::GetAtt": ["Waiting", "Arn"]}},
	"Logs": {"Value": {"Fn::GetAtt": ["Logs", "Arn"]}}, "Address": {"Value": {"Ref": "Address"}}, "Dashboard": {"Value": {"Ref": "Dashboard"}}
}}`

func TestResourceTypes(t *testing.T) {
	f := sharedFixture(t)
	f.create("Guarded", guarded)
	f.wantStatus("Guarded", cfntypes.StackStatusCreateComplete)
	made := f.outputs("Guarded")
	for name, part := range map[string]string{
		"Key": "arn:aws:kms:us-east-1:123456789012:key/" + made["KeyId"], "Alias": "alias/feed", "AlarmArn": ":alarm:" + made["Alarm"],
		"Logs": ":log-group:/feeds/orders:*", "Address": made["Topic"] + ":", "Dashboard": "feeds",
	} {
		if !strings.Contains(made[name], part) {
			t.Errorf("output %s is %s, want %s in it", name, made[name], part)
		}
	}
	f.wantEncrypted(made, made["Key"])
	f.wantAlarm(made, 0)

	// Another threshold, another tag, and a table without the key.
	changed := strings.NewReplacer(
		`"Threshold": 0,`, `"Threshold": 5,`, `"Value": "orders"`, `"Value": "returns"`, `"RetentionInDays": 30`, `"RetentionInDays": 60`,
		`"SSESpecification": {"SSEEnabled": true, "SSEType": "KMS"},`, ``, `"EnableKeyRotation": true`, `"EnableKeyRotation": false`,
		`"SSESpecification": {"KMSMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}, `, ``,
	).Replace(guarded)
	f.update("Guarded", changed)
	f.wantStatus("Guarded", cfntypes.StackStatusUpdateComplete)
	f.wantAlarm(made, 5)
	table, err := f.db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(made["Table"])})
	if err != nil || table.Table.SSEDescription != nil {
		t.Errorf("the table is still encrypted by a key: %+v, %v", table.Table.SSEDescription, err)
	}

	// Versions and delete markers do not prevent the deletion.
	for i := range 5 {
		key := fmt.Sprint("some key ", i%3)
		f.put(made["Bucket"], key, "x")
		if _, err := f.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(made["Bucket"]), Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
	if s := f.delete("Guarded"); s.StackStatus != cfntypes.StackStatusDeleteComplete {
		t.Errorf("deletion: %s, %v", s.StackStatus, failures(t.Context(), f.cfn, s))
	}
	if _, err := f.s3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String(made["Bucket"])}); err == nil {
		t.Error("the bucket still exists after the deletion of its stack")
	}
	if out := f.alarms(); len(out) != 0 {
		t.Errorf("%d alarms still exist after the deletion of their stack", len(out))
	}
}

// wantEncrypted checks that bucket, table, queue and topic have the key.
func (f *fixture) wantEncrypted(made map[string]string, key string) {
	f.Helper()
	named := map[string]string{}
	if out, err := f.s3.GetBucketEncryption(f.Context(), &s3.GetBucketEncryptionInput{Bucket: aws.String(made["Bucket"])}); err == nil {
		named["bucket"] = aws.ToString(out.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.KMSMasterKeyID)
	}
	if out, err := f.db.DescribeTable(f.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(made["Table"])}); err == nil && out.Table.SSEDescription != nil {
		named["table"] = aws.ToString(out.Table.SSEDescription.KMSMasterKeyArn)
	}
	if out, err := f.sqs.GetQueueAttributes(f.Context(), &sqs.GetQueueAttributesInput{QueueUrl: aws.String(made["Queue"]), AttributeNames: []sqstypes.QueueAttributeName{"All"}}); err == nil {
		named["queue"] = out.Attributes["KmsMasterKeyId"]
	}
	cfg, err := f.env.AWSConfig(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	if out, err := sns.NewFromConfig(cfg).GetTopicAttributes(f.Context(), &sns.GetTopicAttributesInput{TopicArn: aws.String(made["Topic"])}); err == nil {
		named["topic"] = out.Attributes["KmsMasterKeyId"]
	}
	for _, resource := range []string{"bucket", "table", "queue", "topic"} {
		if named[resource] != key {
			f.Errorf("the %s has the key %q, want %s", resource, named[resource], key)
		}
	}
}

// alarms are the names of all alarms with their thresholds and actions. It uses the
// Query protocol: moto does not support CBOR, the protocol of the SDK for Go.
func (f *fixture) alarms() []string {
	f.Helper()
	form := strings.NewReader(url.Values{"Action": {"DescribeAlarms"}, "Version": {"2010-08-01"}}.Encode())
	req, err := http.NewRequestWithContext(f.Context(), http.MethodPost, f.env.Endpoint(), form)
	if err != nil {
		f.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/monitoring/aws4_request, SignedHeaders=host, Signature=none")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.Fatal(err)
	}
	defer closeQuietly(resp.Body)
	var out struct {
		Alarms []struct {
			Name      string   `xml:"AlarmName"`
			Threshold float64  `xml:"Threshold"`
			Actions   []string `xml:"AlarmActions>member"`
		} `xml:"DescribeAlarmsResult>MetricAlarms>member"`
	}
	if err := xml.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode != http.StatusOK {
		f.Fatalf("alarms: %s, %v", resp.Status, err)
	}
	var all []string
	for _, a := range out.Alarms {
		all = append(all, fmt.Sprint(a.Name, " > ", a.Threshold, " to ", a.Actions))
	}
	return all
}

func (f *fixture) wantAlarm(made map[string]string, threshold float64) {
	f.Helper()
	want := fmt.Sprintf("%s > %v to [%s]", made["Alarm"], threshold, made["Topic"])
	if all := f.alarms(); len(all) != 2 || !slices.Contains(all, want) {
		f.Errorf("alarms %q, want %q among two", all, want)
	}
}
