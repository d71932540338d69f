package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// queue is a queue, and its ARN that is asked for once.
type queue struct {
	awssqs.Queue
	arn string
}

// newQueue makes a queue as they are here: encrypted, TLS only, and keeping what
// waits for as long as SQS can, 14 days.
func newQueue(scope core.Construct, id string, s settings) queue {
	props := &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: days(14),
	}
	if s.key != nil {
		props.Encryption, props.EncryptionMasterKey = awssqs.QueueEncryption_KMS, s.key
	}
	q := awssqs.NewQueue(scope, &id, props)
	return queue{q, *q.QueueArn()}
}
