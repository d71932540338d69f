package local

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// withKeys has a bucket, two queues and a topic that are encrypted with a key, and
// two functions of which one may use the key.
const withKeys = `{"Resources": {
	"Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}, "Action": "kms:*", "Resource": "*"},
		{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": "*"}]}}},
	"Bucket": {"Type": "AWS::S3::Bucket", "DependsOn": ["ReceivedPolicy"], "Properties": {"BucketName": "encrypted", "BucketEncryption": {"ServerSideEncryptionConfiguration": [
		{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]}}}]},
		"NotificationConfiguration": {"QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": {"Fn::GetAtt": ["Received", "Arn"]}}]}}},
	"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "encrypted", "KmsMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}},
	"Received": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "received", "KmsMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}},
	"ReceivedPolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Received"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]}, "Action": "sqs:SendMessage", "Resource": "*"}]}}},
	"Topic": {"Type": "AWS::SNS::Topic"},
	"Subscription": {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Received", "Arn"]}}},
	"WithKey": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "with-key",
		"AssumeRolePolicyDocument": {"Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]},
		"Policies": [{"PolicyName": "policy", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "sqs:SendMessage"], "Resource": "*"},
			{"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": "*"},
			{"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": {"Fn::GetAtt": ["Key", "Arn"]}}]}}]}},
	"WithoutKey": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "without-key",
		"AssumeRolePolicyDocument": {"Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]},
		"Policies": [{"PolicyName": "policy", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "sqs:SendMessage"], "Resource": "*"}]}}]}},
	"One": {"Type": "AWS::Lambda::Function", "Properties": {
		"Code": {"ZipFile": "nothing runs it"}, "Handler": "index.handler", "Runtime": "python3.13", "Role": {"Fn::GetAtt": ["WithKey", "Arn"]}}},
	"Other": {"Type": "AWS::Lambda::Function", "Properties": {
		"Code": {"ZipFile": "nothing runs it"}, "Handler": "index.handler", "Runtime": "python3.13", "Role": {"Fn::GetAtt": ["WithoutKey", "Arn"]}}}
}, "Outputs": {"Topic": {"Value": {"Ref": "Topic"}}}}`

// TestKeysAreJudged uses a key with and without permission, and has services deliver
// to a queue whose key allows one of them. An object that does not exist is 404 only
// to the role that may list.
func TestKeysAreJudged(t *testing.T) {
	f := newFixture(t)
	f.create("Keys", withKeys)
	f.wantStatus("Keys", cfntypes.StackStatusCreateComplete)
	f.put("encrypted", "object", "x")
	for role, want := range map[string]struct{ use, missing string }{
		"with-key":    {"", "NoSuchKey"},
		"without-key": {"AccessDenied", "AccessDenied"},
	} {
		cfg, err := f.env.AWSConfig(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), "arn:aws:iam::"+Account+":role/"+role))
		objects := s3.NewFromConfig(cfg)
		_, getErr := objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("encrypted"), Key: aws.String("object")})
		_, missingErr := objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("encrypted"), Key: aws.String("missing")})
		_, putErr := objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("encrypted"), Key: aws.String(role), Body: strings.NewReader("x")})
		_, sendErr := sqs.NewFromConfig(cfg).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: f.queueURL("encrypted"), MessageBody: aws.String("x")})
		for name, tc := range map[string]struct {
			err  error
			want string
		}{"get": {getErr, want.use}, "get missing": {missingErr, want.missing}, "put": {putErr, want.use}, "send": {sendErr, want.use}} {
			if got := errorCode(tc.err); got != tc.want {
				t.Errorf("%s %s: %q, want %q: %v", role, name, got, tc.want, tc.err)
			}
		}
	}
	cfg, err := f.env.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	topic := f.outputs("Keys")["Topic"]
	if _, err := sns.NewFromConfig(cfg).Publish(t.Context(), &sns.PublishInput{TopicArn: &topic, Message: aws.String("from SNS")}); err != nil {
		t.Fatal(err)
	}
	if got := f.receiveFrom("received"); len(got) != 1 || !strings.Contains(got[0], "from SNS") {
		t.Errorf("received %q, want the message of SNS and none of S3, which the key does not allow", got)
	}
}

// TestRulesPublishWithoutSourceKeys sends an event to two topics, of which one has a
// condition that EventBridge does not meet.
func TestRulesPublishWithoutSourceKeys(t *testing.T) {
	f := newFixture(t)
	f.createElsewhere()
	topics := `{"Resources": {
		"Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "dead"}},
		"DeadPolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Dead"}], "PolicyDocument": {"Statement": [
			{"Action": "sqs:SendMessage", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Resource": {"Fn::GetAtt": ["Dead", "Arn"]},
				"Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]}}}}]}}},
		"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "conditional"}},
		"Policy": {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": [{"Ref": "Topic"}], "PolicyDocument": {"Statement": [
			{"Action": "sns:Publish", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Resource": {"Ref": "Topic"},
				"Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}}]}}},
		"Rule": {"Type": "AWS::Events::Rule", "Properties": {
			"EventPattern": {"source": ["aws.s3"], "detail": {"bucket": {"name": ["elsewhere"]}}},
			"Targets": [{"Id": "Target0", "Arn": {"Ref": "Topic"}, "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Dead", "Arn"]}}}]}}
	}}`
	f.create("Topics", topics)
	f.wantStatus("Topics", cfntypes.StackStatusCreateComplete)
	f.put("elsewhere", "object", "x")
	if got := f.receiveFrom("dead"); len(got) != 1 {
		t.Errorf("dead-letter queue received %q, want the event", got)
	}
}
