package local

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// withPermissions has a function, whose role may use some of the other resources.
const withPermissions = `{"Resources": {
	"Function": {"Type": "AWS::Lambda::Function", "Properties": {
		"Code": {"ZipFile": "nothing runs it"}, "Handler": "index.handler", "Runtime": "python3.13", "Role": {"Fn::GetAtt": ["Role", "Arn"]}}},
	"Other": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "other",
		"Code": {"ZipFile": "nothing runs it"}, "Handler": "index.handler", "Runtime": "python3.13", "Role": {"Fn::GetAtt": ["Role", "Arn"]}}},
	"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "permitted"}},
	"BucketPolicy": {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Version": "2012-10-17", "Statement": [
		{"Sid": "TLS", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
		{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::permitted/in/locked"}]}}},
	"Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "permitted", "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}},
	"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "permitted"}},
	"Closed": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "closed"}},
	"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "permitted"}},
	"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "permitted", "SecretString": "s"}},
	"Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "function",
		"AssumeRolePolicyDocument": {"Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]},
		"Policies": [{"PolicyName": "policy", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
			{"Sid": "Objects", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::permitted/in/*"},
			{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::permitted", "Condition": {"StringLike": {"s3:prefix": "in/*"}}},
			{"Effect": "Allow", "Action": ["dynamodb:PutItem", "dynamodb:BatchWriteItem", "dynamodb:Query"], "Resource": {"Fn::GetAtt": ["Table", "Arn"]},
				"Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "movies#*"}}},
			{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Queue", "Arn"]}},
			{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::999988887777:role/reader"},
			{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "Secret"}}]}}]}}
}}`

// errorCode is the code of an error of AWS, "" for none.
func errorCode(err error) string {
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		return api.ErrorCode()
	case err != nil:
		return err.Error()
	}
	return ""
}

func TestRequestsOfAFunctionNeedPermissions(t *testing.T) {
	f := newFixture(t)
	f.createOtherAccount()
	f.create("Permissions", withPermissions)
	f.wantStatus("Permissions", cfntypes.StackStatusCreateComplete)
	cfg, err := f.env.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), "arn:aws:iam::"+Account+":role/function"))
	var (
		objects = s3.NewFromConfig(cfg)
		table   = dynamodb.NewFromConfig(cfg)
		queues  = sqs.NewFromConfig(cfg)
		topics  = sns.NewFromConfig(cfg)
		secrets = secretsmanager.NewFromConfig(cfg)
	)
	put := func(key string) error {
		_, err := objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("permitted"), Key: &key, Body: strings.NewReader("x")})
		return err
	}
	list := func(prefix string) error {
		_, err := objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("permitted"), Prefix: &prefix})
		return err
	}
	item := func(pk string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"pk": text(pk)}
	}
	batch := func(pks ...string) error {
		var writes []types.WriteRequest
		for _, pk := range pks {
			writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: item(pk)}})
		}
		_, err := table.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"permitted": writes}})
		return err
	}
	query := func(pk string) error {
		_, err := table.Query(t.Context(), &dynamodb.QueryInput{
			TableName: aws.String("permitted"), KeyConditionExpression: aws.String("#k = :k"), ExpressionAttributeNames: map[string]string{"#k": "pk"},
			ExpressionAttributeValues: map[string]types.AttributeValue{":k": text(pk)},
		})
		return err
	}
	assume := func(role, externalID string) error {
		_, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String("arn:aws:iam::" + otherAccount + ":role/" + role), RoleSessionName: aws.String("test"), ExternalId: &externalID,
		})
		return err
	}
	send := func(queue string) error {
		_, err := queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: f.queueURL(queue), MessageBody: aws.String("x")})
		return err
	}
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"put":                         {put("in/a b+c"), ""},
		"put outside the prefix":      {put("out/a"), "AccessDenied"},
		"put with an explicit deny":   {put("in/locked"), "AccessDenied"},
		"list":                        {list("in/"), ""},
		"list outside the prefix":     {list(""), "AccessDenied"},
		"batch write":                 {batch("movies#1", "movies#2"), ""},
		"batch write of another feed": {batch("movies#1", "flights#2"), "AccessDeniedException"},
		"query":                       {query("movies#1"), ""},
		"query of another feed":       {query("flights#1"), "AccessDeniedException"},
		"send":                        {send("permitted"), ""},
		"send to another queue":       {send("closed"), "AccessDenied"},
		"get item": {func() error {
			_, err := table.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("permitted"), Key: item("movies#1")})
			return err
		}(), "AccessDeniedException"},
		"delete objects": {func() error {
			_, err := objects.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: aws.String("permitted"), Delete: &s3types.Delete{
				Objects: []s3types.ObjectIdentifier{{Key: aws.String("in/a")}},
			}})
			return err
		}(), "AccessDenied"},
		"publish": {func() error {
			_, err := topics.Publish(t.Context(), &sns.PublishInput{TopicArn: aws.String("arn:aws:sns:us-east-1:" + Account + ":permitted"), Message: aws.String("x")})
			return err
		}(), ""}, // the default policy of a topic allows its account
		"invoke": {func() error {
			_, err := lambda.NewFromConfig(cfg).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("other")})
			return err
		}(), "AccessDeniedException"},
		"get secret": {func() error {
			_, err := secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("permitted")})
			return err
		}(), ""},
		"put secret": {func() error {
			_, err := secrets.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("permitted"), SecretString: aws.String("x")})
			return err
		}(), "AccessDeniedException"},
		"request that is not known": {func() error {
			_, err := objects.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: aws.String("permitted")})
			return err
		}(), "AccessDenied"},
		"assume a role of another account": {assume("reader", "our secret"), ""},
		"assume a role without its ID":     {assume("reader", "a guess"), "AccessDenied"},
		"assume another role":              {assume("writer", "our secret"), "AccessDenied"},
		"caller identity": {func() error {
			_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			return err
		}(), ""},
	} {
		if got := errorCode(tc.err); got != tc.want {
			t.Errorf("%s: %q, want %q: %v", name, got, tc.want, tc.err)
		}
	}

	report, err := f.env.IAMReport(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const role = "arn:aws:iam::" + Account + ":role/function"
	if i := slices.IndexFunc(report.Refused, func(r IAMRefusal) bool { return r.Resource == "arn:aws:s3:::permitted/out/a" }); i < 0 ||
		report.Refused[i].Role != role || report.Refused[i].Action != "s3:PutObject" || report.Refused[i].Count != 1 ||
		!strings.Contains(report.Refused[i].Message, "is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::permitted/out/a because no policy allows") {
		t.Errorf("refused: %+v", report.Refused)
	}
	if !slices.Contains(report.Used, IAMUse{Role: role, Statement: "function/policy#Objects", Action: "s3:PutObject", Count: 1}) {
		t.Errorf("used: %+v", report.Used)
	}
	if !slices.Contains(report.Unused, IAMUnused{Role: role, Statement: "function/policy#Objects", Action: "s3:GetObject", Resource: "arn:aws:s3:::permitted/in/*"}) {
		t.Errorf("unused: %+v", report.Unused)
	}
	if f.put("permitted", "out/b", "x"); len(f.keys("permitted")) != 2 {
		t.Errorf("objects %q, want those of the function and of the test", f.keys("permitted"))
	}
}

// deliveries has a bucket and a topic with two queues each, of which one allows the
// delivery.
const deliveries = `{"Resources": {
	"Open": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "open"}},
	"Closed": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "closed"}},
	"OtherSource": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "other-source"}},
	"Policy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Open"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Open", "Arn"]},
			"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::delivering"}, "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}},
		{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Open", "Arn"]},
			"Condition": {"ArnEquals": {"aws:SourceArn": {"Ref": "Topic"}}}}]}}},
	"OtherPolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "OtherSource"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]}, "Action": "sqs:SendMessage", "Resource": "*",
			"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:*:::other"}}}]}}},
	"Topic": {"Type": "AWS::SNS::Topic"},
	"ToOpen": {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Open", "Arn"]}}},
	"ToClosed": {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Closed", "Arn"]}}},
	"ToOther": {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["OtherSource", "Arn"]}}},
	"Bucket": {"Type": "AWS::S3::Bucket", "DependsOn": ["Policy", "OtherPolicy"], "Properties": {"BucketName": "delivering", "NotificationConfiguration": {"QueueConfigurations": [
		{"Event": "s3:ObjectCreated:*", "Queue": {"Fn::GetAtt": ["Open", "Arn"]}, "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "a"}]}}},
		{"Event": "s3:ObjectCreated:*", "Queue": {"Fn::GetAtt": ["OtherSource", "Arn"]}, "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "b"}]}}},
		{"Event": "s3:ObjectCreated:*", "Queue": {"Fn::GetAtt": ["Closed", "Arn"]}, "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "c"}]}}}]}}}
}, "Outputs": {"Topic": {"Value": {"Ref": "Topic"}}}}`

func TestDeliveriesNeedPermissions(t *testing.T) {
	for mode, want := range map[IAMMode]map[string]int{
		IAMEnforced: {"open": 3, "closed": 0, "other-source": 0}, // a test event, an object, a message
		IAMReported: {"open": 3, "closed": 3, "other-source": 3},
	} {
		t.Run(string(mode), func(t *testing.T) {
			options := testOptions(t.TempDir(), t.Output())
			options.IAM = mode
			f := fixtureOf(t, startWith(t, options))
			f.create("Deliveries", deliveries)
			f.wantStatus("Deliveries", cfntypes.StackStatusCreateComplete)
			for _, key := range []string{"a", "b", "c"} {
				f.put("delivering", key, "x")
			}
			cfg, err := f.env.AWSConfig(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			topic := f.outputs("Deliveries")["Topic"]
			if _, err := sns.NewFromConfig(cfg).Publish(t.Context(), &sns.PublishInput{TopicArn: &topic, Message: aws.String("x")}); err != nil {
				t.Fatal(err)
			}
			for queue, n := range want {
				if got := f.receiveFrom(queue); len(got) != n {
					t.Errorf("queue %s received %q, want %d messages", queue, got, n)
				}
			}
			report, err := f.env.IAMReport(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			services := map[string]int{}
			for _, r := range report.Refused {
				services[r.Role+" "+r.Action+" "+r.Resource] += r.Count
			}
			const queue = " sqs:SendMessage arn:aws:sqs:us-east-1:" + Account + ":"
			for _, name := range []string{"closed", "other-source"} {
				if services["s3.amazonaws.com"+queue+name] != 2 || services["sns.amazonaws.com"+queue+name] != 1 {
					t.Errorf("refused deliveries %v, want two of S3 and one of SNS to %s", services, name)
				}
			}
		})
	}
}
