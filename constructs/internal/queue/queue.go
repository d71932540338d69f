// Package queue makes failure queues.
package queue

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/stackscope"
)

// Config is the settings of the feed.
type Config struct{ stackscope.Settings }

// Output is a queue and its ARN.
type Output struct {
	Queue awssqs.Queue
	ARN   string
}

// New makes a queue that is encrypted, takes TLS only, and keeps messages for
// 14 days, the longest that SQS does.
func New(scope core.Construct, id string, c Config) *Output {
	props := &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: c.Days(14),
	}
	if c.Key != nil {
		props.Encryption, props.EncryptionMasterKey = awssqs.QueueEncryption_KMS, c.Key
	}
	q := awssqs.NewQueue(scope, &id, props)
	return &Output{q, *q.QueueArn()}
}
