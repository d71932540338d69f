// Package bucket makes buckets for data, and gives the functions that the CDK
// adds to a stack with buckets a log group and a policy that are their own.
package bucket

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/nag"
	"example.com/ingestion/constructs/internal/stackscope"
)

// Config describes a bucket.
type Config struct {
	stackscope.Settings
	// Versioned keeps overwritten objects, until a lifecycle rule expires them.
	Versioned      bool
	LifecycleRules []*awss3.LifecycleRule
}

// Output is a bucket.
type Output struct {
	Bucket awss3.Bucket
	Name   string
	ARN    string
}

// New makes a bucket that is encrypted, closed to the public and takes TLS only.
// It is kept when its stack is deleted, unless the settings say otherwise.
func New(scope core.Construct, id string, c Config) *Output {
	props := &awss3.BucketProps{
		LifecycleRules:           &c.LifecycleRules,
		Encryption:               awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:               jsii.Bool(true),
		BlockPublicAccess:        c.BlockPublicAccess(),
		RemovalPolicy:            c.RemovalPolicy(),
		NotificationsHandlerRole: notificationsRole(c.Scope),
	}
	if c.Versioned {
		props.Versioned = jsii.Bool(true)
	}
	if c.Key != nil {
		props.Encryption = awss3.BucketEncryption_KMS
		props.EncryptionKey = c.Key
		// One request to KMS for many objects, not one for each.
		props.BucketKeyEnabled = jsii.Bool(true)
	}
	if c.DeleteData {
		props.AutoDeleteObjects = jsii.Bool(true)
	}
	bucket := awss3.NewBucket(scope, &id, props)
	nag.Suppress(bucket, "AwsSolutions-S1", "The ledger has every object with its time and its counts, and CloudTrail's data events can record who reads. An access log would add a bucket for each bucket and a line for each object")
	if c.DeleteData {
		restrictDeletion(c.Settings)
	}
	return &Output{Bucket: bucket, Name: *bucket.BucketName(), ARN: *bucket.BucketArn()}
}
