package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// newQueue makes a queue as they are here: encrypted, TLS only, and keeping what
// waits for as long as SQS can, 14 days.
func newQueue(scope core.Construct, id string, s settings, props awssqs.QueueProps) awssqs.Queue {
	props.Encryption = awssqs.QueueEncryption_SQS_MANAGED
	if s.key != nil {
		props.Encryption, props.EncryptionMasterKey = awssqs.QueueEncryption_KMS, s.key
	}
	props.EnforceSSL = jsii.Bool(true)
	props.RetentionPeriod = days(14)
	return awssqs.NewQueue(scope, &id, &props)
}
