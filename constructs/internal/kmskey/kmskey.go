// Package kmskey makes the customer-managed key of a store and lists the actions
// that each kind of work needs of it.
package kmskey

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/stackscope"
)

var (
	// Reads are the actions to read a function's environment, objects and streams.
	Reads = []string{"kms:Decrypt"}
	// Writes are the actions to write objects too, and to send to queues and topics.
	Writes = []string{"kms:Decrypt", "kms:GenerateDataKey"}
	// Table are the actions to use an encrypted table, which DynamoDB does on behalf
	// of the caller ("DynamoDB encryption at rest: authorizing use").
	Table = []string{"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"}
)

// Refer returns a key by its ARN. The CDK never adds to its policy.
func Refer(scope core.Construct, arn string) awskms.IKey {
	return awskms.Key_FromKeyArn(scope, jsii.String("KeyReference"), &arn)
}

// New makes a key that is rotated every year, and returns it as a reference, so
// that nothing that uses it adds to its policy: a feed in another stack would
// otherwise change the store's template.
func New(scope core.Construct, id string, s stackscope.Settings) awskms.IKey {
	// Root stands for the account: its identity policies decide who may use the
	// key, those of feeds in other stacks too.
	statements := []awsiam.PolicyStatement{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("IdentityPolicies"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewAccountRootPrincipal()},
		Actions:    jsii.Strings("kms:*"),
		Resources:  jsii.Strings("*"), // in the policy of a key: this key
	})}
	logs := "arn:" + s.Partition() + ":logs:" + s.Region() + ":" + s.Account() + ":log-group:*"
	statements = append(statements, allowService("LogGroups", "logs."+s.Region()+".amazonaws.com",
		map[string]any{"ArnLike": map[string]any{"kms:EncryptionContext:aws:logs:arn": logs}},
		"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"))
	account := map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": s.Account()}}
	// Services that send to a topic or a queue without an identity of the account. SNS
	// documents that EventBridge does not support aws:SourceAccount for encrypted
	// topics, and for S3 and SNS no documentation says that they do, so those three
	// have no condition: the policies of the topics and queues name the senders.
	// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
	for _, service := range []struct {
		sid, principal string
		conditions     map[string]any
	}{
		{"Alarms", "cloudwatch.amazonaws.com", account},
		{"Rules", "events.amazonaws.com", nil},
		{"Buckets", "s3.amazonaws.com", nil},
		{"Topics", "sns.amazonaws.com", nil},
	} {
		statements = append(statements, allowService(service.sid, service.principal, service.conditions, Writes...))
	}
	key := awskms.NewKey(scope, &id, &awskms.KeyProps{
		Description:       jsii.String("Everything at rest of " + *scope.Node().Path()),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     s.RemovalPolicy(),
		Policy:            awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
	})
	return Refer(scope, *key.KeyArn())
}

func allowService(sid, service string, conditions map[string]any, actions ...string) awsiam.PolicyStatement {
	props := &awsiam.PolicyStatementProps{
		Sid:        &sid,
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(&service, nil)},
		Actions:    jsii.Strings(actions...),
		Resources:  jsii.Strings("*"),
	}
	if conditions != nil {
		props.Conditions = &conditions
	}
	return awsiam.NewPolicyStatement(props)
}
