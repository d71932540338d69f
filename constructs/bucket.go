package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// newDataBucket makes a bucket as data are kept here: encrypted, closed to the
// public, TLS only, and there after its stack is gone unless s says otherwise.
func newDataBucket(scope core.Construct, id string, s settings, props awss3.BucketProps) awss3.Bucket {
	props.Encryption = awss3.BucketEncryption_S3_MANAGED
	if s.key != nil {
		props.Encryption = awss3.BucketEncryption_KMS
		props.EncryptionKey = s.key
		// One request to KMS for many objects, not one for each.
		props.BucketKeyEnabled = jsii.Bool(true)
	}
	props.EnforceSSL = jsii.Bool(true)
	props.BlockPublicAccess = blockPublicAccess(struct{}{})
	props.RemovalPolicy = removalPolicy(s.deleteData)
	if s.deleteData {
		props.AutoDeleteObjects = jsii.Bool(true)
	}
	props.NotificationsHandlerRole = s.site.notifierRole()
	bucket := awss3.NewBucket(scope, &id, &props)
	suppress(bucket, "AwsSolutions-S1", "The ledger has every object with its time and its counts. Who reads is for CloudTrail's data events: an access log would be a bucket more for each bucket, and a line more for each object")
	if s.deleteData {
		confine(deletionProvider, s)
	}
	return bucket
}
