package constructs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/snowflake"
)

// addSnowflake makes the feed's role and, with a connection, everything in
// Snowflake, in the order that needs one deployment only: the integration, the
// role that trusts what the integration returns, and then the rest. source is
// the topic of the source bucket, nil if there is none; sourceKey the ARN of the
// key that the source files are encrypted with, if it is not the feed's.
func (p *IngestionPipeline) addSnowflake(id string, s settings, props SnowflakeProps, source *topic, sourceKey string) {
	spec := props.spec(p.Spec)
	if props.Connection != nil && !spec.ExistingIntegration {
		spec.ExternalID = p.Spec.Feed + "-" + digest("external ID\x00"+p.identity(), 16)
	}
	bucketName, bucketARN := p.Store.names.bucket, p.Store.names.bucketARN
	if spec.From == snowflake.FromFiles {
		if p.SourceBucket != nil {
			bucketName, bucketARN = *p.SourceBucket.BucketName(), *p.SourceBucket.BucketArn()
		} else {
			bucketName = p.Spec.Sources[0].Bucket
			bucketARN = p.site.bucketARN(bucketName)
		}
	}
	account, partition := p.site.account(), p.site.partition()
	// Known before the role is made, which lets the integration come first.
	roleName := p.site.roleName(p.Spec.Feed, p.identity())
	names := snowflake.Names{
		// With the construct's ID, as its outputs have it. Under another ID the feed
		// is another one to CloudFormation, which then deletes the one before: with
		// the same owner that would take what the new one has just found in place.
		Owner:  account + "/" + p.site.region() + "/" + p.site.name() + "/" + outputPrefix(id),
		Bucket: bucketName,
		// Put together, because the integration comes before the role. With an
		// existing integration it only tells the partition.
		RoleARN: "arn:" + partition + ":iam::" + account + ":role/" + roleName,
	}
	principal, externalID := props.Principal, props.ExternalID
	var f *function
	properties := func() map[string]any {
		return map[string]any{"Connection": plain(props.Connection), "Spec": plain(spec), "Names": plain(names)}
	}
	if props.Connection != nil {
		f = snowflakeFunction(s, *props.Connection, p.watchRights(s, spec)...)
		if !spec.ExistingIntegration {
			integration := newSnowflakeResource(p.Construct, "SnowflakeIntegration", f, properties())
			principal, externalID = *integration.GetAttString(jsii.String("IamUserArn")), *integration.GetAttString(jsii.String("ExternalId"))
		}
	}
	var after []core.IDependable
	if !spec.ExistingIntegration {
		p.SnowflakeRole = newSnowflakeRole(p.Construct, roleName, keyOf(s, spec, sourceKey), spec, bucketARN, principal, externalID)
		after = append(after, p.SnowflakeRole)
	}
	if announced(spec) {
		ready := p.Store.ready
		names.TopicARN = p.Store.names.topicARN
		if source != nil {
			ready, names.TopicARN = source.ready, *source.sns.TopicArn()
		}
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
func newSnowflakeRole(this core.Construct, name, keyARN string, s snowflake.Spec, bucketARN, principal, externalID string) awsiam.Role {
	var listed map[string]any
	if s.Prefix != "" {
		listed = map[string]any{"StringLike": map[string]any{"s3:prefix": s.Prefix + "*"}}
	}
	var rights rights
	rights.allow(nil, []string{bucketARN + "/" + s.Prefix + "*"}, "s3:GetObject", "s3:GetObjectVersion")
	rights.allow(listed, []string{bucketARN}, "s3:ListBucket")
	// By itself: the request carries no prefix, so the condition would refuse it.
	rights.allow(nil, []string{bucketARN}, "s3:GetBucketLocation")
	if keyARN != "" {
		rights.allow(nil, []string{keyARN}, keyReads...)
	}
	reads := readPolicies[s.From]
	role := awsiam.NewRole(this, jsii.String("SnowflakeRole"), &awsiam.RoleProps{
		RoleName:    &name,
		Description: jsii.String("Snowflake reads the " + reads.what + " of feed " + s.Feed + " through it"),
		AssumedBy:   awsiam.NewArnPrincipal(&principal),
		ExternalIds: jsii.Strings(externalID),
	})
	resource := role.Node().DefaultChild().(awsiam.CfnRole)
	resource.SetPolicies(rights.policies(reads.name))
	suppressAll(resource, suppression("AwsSolutions-IAM5", "What the feed's stage shows, no more: the names below its prefix come with the data", "/"+s.Prefix+"*"))
	return role
}

// identity tells the feed from those of the same name in other apps or environments.
func (p *IngestionPipeline) identity() string {
	return p.site.id() + "\x00" + p.path + "\x00" + p.Spec.Feed
}

// functionName is the name of a function that must be known before it is made:
// at most 40 + 10 + 8 of 64 characters.
func (p *IngestionPipeline) functionName(of string) string {
	return fmt.Sprintf("%.40s-%s-%s", p.Spec.Feed, of, digest(p.identity(), 4))
}

// notInRoleName is what the path of a nested stack may have and the name of a
// role may not.
var notInRoleName = regexp.MustCompile(`[^A-Za-z0-9_+=,.@-]+`)

// roleName is the name of a role that is known before the role is made.
// Names of roles are unique in an account over all its regions, hence the
// region. 28 + 11 + 8 + 1 + 14 (the longest region) = 62 of 64 characters.
func (s *site) roleName(prefix, id string) string {
	return fmt.Sprintf("%.28s-snowflake-%s-%s", prefix, digest(id, 4), s.region())
}

// digest is the first n bytes of the hash of s, as hexadecimal digits.
func digest(s string, n int) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:n])
}
