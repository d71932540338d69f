package constructs

import (
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	core "github.com/aws/constructs-go/constructs/v10"

	"example.com/ingestion/constructs/internal/kmskey"
	"example.com/ingestion/constructs/internal/stackscope"
)

// Key is a customer-managed KMS key that encrypts everything at rest: buckets,
// table, queues, topics, log groups and the environment of functions. Make one
// with NewKey or ExistingKey. Without one, S3, DynamoDB and SQS encrypt with keys
// of AWS at no cost, and topics, which carry names and no data, are not encrypted.
// A key that is added to an existing store replaces no resource; deploy the feeds
// together with the store, because a feed may use the key only after its own
// deployment.
type Key struct {
	arn   string
	isNew bool
}

// NewKey makes the key with the store: rotated every year, kept with the data,
// $1 a month and more with each rotation.
func NewKey() Key { return Key{isNew: true} }

// ExistingKey refers to a key by its ARN: a symmetric one, of the store's account
// and region. Its policy must allow what that of NewKey does: identity policies of
// the account, and the services that write to encrypted log groups, topics and
// queues. events.amazonaws.com must be allowed without aws:SourceAccount and
// aws:SourceArn, which EventBridge does not send for encrypted topics
// (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html).
func ExistingKey(arn string) Key { return Key{arn: arn} }

func (k Key) given() bool { return k.isNew || k.arn != "" }

var keyARN = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/(mrk-)?[0-9a-f-]{32,36}$`)

func (k Key) validate(report report, field string) {
	if k.arn != "" && !stackscope.IsToken(k.arn) && !keyARN.MatchString(k.arn) {
		report(field, "%q is not the ARN of a KMS key, such as \"arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"; an alias will not do", k.arn)
	}
}

// resolve makes the key or refers to it; it returns nil for none.
func (k Key) resolve(scope core.Construct, s stackscope.Settings) awskms.IKey {
	switch {
	case k.isNew:
		return kmskey.New(scope, "Key", s)
	case k.arn != "":
		return kmskey.Refer(scope, k.arn)
	}
	return nil
}
