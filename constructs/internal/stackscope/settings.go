package stackscope

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
)

// Settings are what all resources of a feed or of a store have in common.
type Settings struct {
	*Scope
	// Assets is the root of the functions' binaries, see package assets, and GOARCH
	// their processor.
	Assets, GOARCH string
	// LogRetention is for how long the functions' logs are kept.
	LogRetention awslogs.RetentionDays
	// Key encrypts what is at rest; nil: keys of AWS.
	Key awskms.IKey
	// DeleteData: the data are deleted with the stack.
	DeleteData bool
}

// RemovalPolicy is that of buckets, tables and keys.
func (s Settings) RemovalPolicy() awscdk.RemovalPolicy {
	if s.DeleteData {
		return awscdk.RemovalPolicy_DESTROY
	}
	return awscdk.RemovalPolicy_RETAIN
}
