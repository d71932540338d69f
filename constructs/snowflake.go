package constructs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"ingestion/snowflake"
)

// addSnowflake makes the feed's role and, with a connection, everything in
// Snowflake, in the order that needs one deployment only: the integration, the
// role that trusts what the integration returns, and then the rest. source is
// the topic of the source bucket, nil if there is none; sourceKey the ARN of the
// key that the source files are encrypted with, if it is not the feed's.
func (p *IngestionPipeline) addSnowflake(id string, s settings, props SnowflakeProps, source *topic, sourceKey string) {
	spec := props.spec(p.Spec)
	if props.Connection != nil && !spec.ExistingIntegration {
		spec.ExternalID = snowflakeExternalID(p.Construct, p.Spec.Feed)
	}
	bucket := p.Store.LandingBucket
	if spec.From == snowflake.FromFiles {
		bucket = p.SourceBucket
		if bucket == nil {
			bucket = awss3.Bucket_FromBucketName(p.Construct, jsii.String("SourceReference"), &p.Spec.Sources[0].Bucket)
		}
	}
	stack := p.stack
	roleName := snowflakeRoleName(p.Construct, p.Spec.Feed)
	names := snowflake.Names{
		// With the construct's ID, as its outputs have it. Under another ID the feed
		// is another one to CloudFormation, which then deletes the one before: with
		// the same owner that would take what the new one has just found in place.
		Owner:  *stack.Account() + "/" + *stack.Region() + "/" + *stack.StackName() + "/" + outputPrefix(id),
		Bucket: *bucket.BucketName(),
		// Put together, because the integration comes before the role. With an
		// existing integration it only tells the partition.
		RoleARN: "arn:" + *stack.Partition() + ":iam::" + *stack.Account() + ":role/" + roleName,
	}
	principal, externalID := props.Principal, props.ExternalID
	var f awslambda.Function
	properties := func() map[string]any {
		return map[string]any{"Connection": plain(props.Connection), "Spec": plain(spec), "Names": plain(names)}
	}
	if props.Connection != nil {
		f = snowflakeFunction(p.Construct, s, *props.Connection, p.watchRights(s, spec)...)
		if !spec.ExistingIntegration {
			integration := newSnowflakeResource(p.Construct, "SnowflakeIntegration", f, properties())
			principal, externalID = *integration.GetAttString(jsii.String("IamUserArn")), *integration.GetAttString(jsii.String("ExternalId"))
		}
	}
	var after []core.IDependable
	if !spec.ExistingIntegration {
		p.SnowflakeRole = newSnowflakeRole(p.Construct, roleName, keyOf(s, spec, sourceKey), spec, bucket, principal, externalID)
		after = append(after, p.SnowflakeRole)
	}
	if announced(spec) {
		topicARN, ready := p.Store.Topic.TopicArn(), p.Store.ready
		if source != nil {
			topicARN, ready = source.sns.TopicArn(), source.ready
		}
		names.TopicARN = *topicARN
		after = append(after, ready...)
	}
	if f != nil {
		newSnowflakeResource(p.Construct, "SnowflakeObjects", f, properties()).Node().AddDependency(after...)
	}
	p.Snowflake = &spec
	p.addSnowflakeOutputs(id, spec, names)
}

// readPolicies names the policy of the role by what it lets Snowflake read.
var readPolicies = map[snowflake.From]struct{ name, what string }{
	snowflake.FromParts: {"ReadParts", "parts"},
	snowflake.FromFiles: {"ReadFiles", "files"},
	snowflake.FromTable: {"ReadChanges", "changes"},
}

// keyOf is the ARN of the key that what the stage shows is encrypted with, empty
// for none of the user's.
func keyOf(s settings, spec snowflake.Spec, sourceKey string) string {
	if spec.From == snowflake.FromFiles && sourceKey != "" {
		return sourceKey
	}
	if s.key == nil {
		return ""
	}
	return *s.key.KeyArn()
}

// newSnowflakeRole makes the role that a storage integration assumes: trusted
// by that principal with that external ID only, reading what the stage shows only.
func newSnowflakeRole(this core.Construct, name, keyARN string, s snowflake.Spec, bucket awss3.IBucket, principal, externalID string) awsiam.Role {
	var listed map[string]any
	if s.Prefix != "" {
		listed = map[string]any{"StringLike": map[string]any{"s3:prefix": s.Prefix + "*"}}
	}
	statements := []awsiam.PolicyStatement{
		allow(nil, []string{*bucket.ArnForObjects(jsii.String(s.Prefix + "*"))}, "s3:GetObject", "s3:GetObjectVersion"),
		allow(listed, []string{*bucket.BucketArn()}, "s3:ListBucket"),
		// By itself: the request carries no prefix, so the condition would refuse it.
		allow(nil, []string{*bucket.BucketArn()}, "s3:GetBucketLocation"),
	}
	if keyARN != "" {
		statements = append(statements, allow(nil, []string{keyARN}, keyReads...))
	}
	policy := readPolicies[s.From]
	role := awsiam.NewRole(this, jsii.String("SnowflakeRole"), &awsiam.RoleProps{
		RoleName:    &name,
		Description: jsii.String("Snowflake reads the " + policy.what + " of feed " + s.Feed + " through it"),
		AssumedBy:   awsiam.NewArnPrincipal(&principal),
		ExternalIds: jsii.Strings(externalID),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			policy.name: awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
		},
	})
	suppress(role, "AwsSolutions-IAM5", "What the feed's stage shows, no more: the names below its prefix come with the data", "/"+s.Prefix+"*")
	return role
}

// snowflakeRoleName is known before the role is made, which lets the
// integration come first.
func snowflakeRoleName(this core.Construct, feedName string) string {
	return uniqueRoleName(this, feedName, identity(this, feedName))
}

// snowflakeExternalID is the same with every deployment of the feed.
func snowflakeExternalID(this core.Construct, feedName string) string {
	return feedName + "-" + digest("external ID\x00"+identity(this, feedName), 16)
}

// identity tells a feed from those of the same name in other apps or environments.
func identity(this core.Construct, feedName string) string {
	return stackID(awscdk.Stack_Of(this)) + "\x00" + *this.Node().Path() + "\x00" + feedName
}

// stackID is the stack's name, or its path where the name is only known at
// deployment, as that of a nested stack.
func stackID(stack awscdk.Stack) string {
	if name := *stack.StackName(); !isToken(name) {
		return name
	}
	return *stack.Node().Path()
}

// notInRoleName is what the path of a nested stack may have and the name of a
// role may not.
var notInRoleName = regexp.MustCompile(`[^A-Za-z0-9_+=,.@-]+`)

// uniqueRoleName is the name of a role that is known before the role is made.
// Names of roles are unique in an account over all its regions, hence the
// region. 28 + 11 + 8 + 1 + 14 (the longest region) = 62 of 64 characters.
func uniqueRoleName(this core.Construct, prefix, id string) string {
	return fmt.Sprintf("%.28s-snowflake-%s-%s", prefix, digest(id, 4), *awscdk.Stack_Of(this).Region())
}

// digest is the first n bytes of the hash of s, as hexadecimal digits.
func digest(s string, n int) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:n])
}
