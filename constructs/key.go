package constructs

import (
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// Key is a customer-managed KMS key that encrypts everything at rest: buckets,
// table, queues, topics, log groups and the environment of functions. Make one
// with NewKey or ExistingKey. Without one, S3, DynamoDB and SQS encrypt with keys
// of AWS at no cost, and topics, which pass names and no data, do not. Added to a
// store that is there it replaces nothing; deploy its feeds together with it, because
// a feed may use the key from its own deployment on.
type Key struct {
	arn   string
	isNew bool
}

// NewKey makes the key with the store: rotated every year, kept with the data,
// $1 a month and more with each rotation.
func NewKey() Key { return Key{isNew: true} }

// ExistingKey takes a key that is there, by its ARN: a symmetric one, of the
// store's account and region. Its policy must allow what that of NewKey does:
// identity policies of the account, and the services that write to encrypted
// log groups, topics and queues.
func ExistingKey(arn string) Key { return Key{arn: arn} }

func (k Key) given() bool { return k.isNew || k.arn != "" }

var keyARN = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/(mrk-)?[0-9a-f-]{32,36}$`)

func (k Key) validate(report report, field string) {
	if k.arn != "" && !isToken(k.arn) && !keyARN.MatchString(k.arn) {
		report(field, "%q is not the ARN of a KMS key, such as \"arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"; an alias will not do", k.arn)
	}
}

// resolve returns the key, nil for none. The store's own is returned as a
// reference too, so that nothing that uses it adds to its policy: a feed in
// another stack would else change the store's template.
func (k Key) resolve(this core.Construct, deleted bool) awskms.IKey {
	if !k.given() {
		return nil
	}
	arn := k.arn
	if k.isNew {
		arn = *newKey(this, deleted).KeyArn()
	}
	return referToKey(this, arn)
}

func referToKey(this core.Construct, arn string) awskms.IKey {
	return awskms.Key_FromKeyArn(this, jsii.String("KeyReference"), &arn)
}

func newKey(this core.Construct, deleted bool) awskms.Key {
	// Root stands for the account: its identity policies say who may use the key,
	// which is how feeds in other stacks come to it.
	statements := []awsiam.PolicyStatement{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("IdentityPolicies"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewAccountRootPrincipal()},
		Actions:    jsii.Strings("kms:*"),
		Resources:  jsii.Strings("*"), // in the policy of a key: this key
	})}
	stack := awscdk.Stack_Of(this)
	logs := "arn:" + *stack.Partition() + ":logs:" + *stack.Region() + ":" + *stack.Account() + ":log-group:*"
	statements = append(statements, keyUse("LogGroups", "logs."+*stack.Region()+".amazonaws.com",
		map[string]any{"ArnLike": map[string]any{"kms:EncryptionContext:aws:logs:arn": logs}},
		"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"))
	account := map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": *stack.Account()}}
	// Who sends to a topic or a queue without an identity of the account.
	for _, service := range []struct{ sid, principal string }{
		{"Alarms", "cloudwatch.amazonaws.com"},
		{"Rules", "events.amazonaws.com"},
		{"Buckets", "s3.amazonaws.com"},
		{"Topics", "sns.amazonaws.com"},
	} {
		statements = append(statements, keyUse(service.sid, service.principal, account, "kms:Decrypt", "kms:GenerateDataKey"))
	}
	return awskms.NewKey(this, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Everything at rest of " + *this.Node().Path()),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     removalPolicy(deleted),
		Policy:            awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
	})
}

func keyUse(sid, service string, conditions map[string]any, actions ...string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        &sid,
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(&service, nil)},
		Actions:    jsii.Strings(actions...),
		Resources:  jsii.Strings("*"),
		Conditions: &conditions,
	})
}

// What each kind of work needs of the key.
var (
	// keyReads: own environment, objects, a stream.
	keyReads = []string{"kms:Decrypt"}
	// keyWrites: also objects, and messages to queues and topics.
	keyWrites = []string{"kms:Decrypt", "kms:GenerateDataKey"}
	// keyOfTable: also items, for which DynamoDB asks on behalf of the caller
	// (its documentation: "DynamoDB encryption at rest: authorizing use").
	keyOfTable = []string{"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"}
)

// allowKey lets f use the key of its settings, if there is one.
func (f function) allowKey(actions []string) {
	if f.settings.key != nil {
		f.allow(nil, []string{*f.settings.key.KeyArn()}, actions...)
	}
}
