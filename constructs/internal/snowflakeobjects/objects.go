package snowflakeobjects

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/function"
	"example.com/ingestion/constructs/internal/kmskey"
	"example.com/ingestion/constructs/internal/nag"
	"example.com/ingestion/constructs/internal/policy"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/snowflake"
)

// Config describes the objects of one feed.
type Config struct {
	stackscope.Settings
	// Identity distinguishes the feed from those of the same name in other apps or
	// environments.
	Identity string
	Spec     snowflake.Spec
	// Connection is nil where somebody runs the SQL by hand; Principal and
	// ExternalID are then those of the integration.
	Connection            *snowflake.Connection
	Principal, ExternalID string
	// Owner marks the objects of the feed, see snowflake.Names.
	Owner string
	// BucketName and BucketARN are of the bucket that the stage shows, and KeyARN of
	// the key that its objects are encrypted with, empty for a key of AWS.
	BucketName, BucketARN, KeyARN string
	// TopicARN is the topic that notifies Snowflake, empty for none, and Ready what
	// must exist before it subscribes.
	TopicARN string
	Ready    []core.IDependable
	// Check are the statements that the function needs to check the pipe.
	Check []policy.Statement
}

// Output is what was made.
type Output struct {
	// Role is nil with an existing integration.
	Role awsiam.Role
	// Function is nil without a Connection.
	Function *function.Output
	Spec     snowflake.Spec
	Names    snowflake.Names
}

// New makes the feed's role and, with a connection, everything in Snowflake, in
// an order that needs one deployment only: the integration, the role that trusts
// the principal that the integration returns, and then the other objects.
func New(scope core.Construct, c Config) *Output {
	o := &Output{Spec: c.Spec}
	if c.Connection != nil && !o.Spec.ExistingIntegration {
		o.Spec.ExternalID = o.Spec.Feed + "-" + stackscope.Digest("external ID\x00"+c.Identity, 16)
	}
	// Known before the role is made, so that the integration can come first.
	name := roleName(c.Scope, o.Spec.Feed, c.Identity)
	o.Names = snowflake.Names{
		Owner:  c.Owner,
		Bucket: c.BucketName,
		// Composed here, because the integration comes before the role. With an
		// existing integration only its partition is used.
		RoleARN: "arn:" + c.Partition() + ":iam::" + c.Account() + ":role/" + name,
	}
	principal, externalID := c.Principal, c.ExternalID
	properties := func() map[string]any {
		return map[string]any{"Connection": stackscope.Object(c.Connection), "Spec": stackscope.Object(o.Spec), "Names": stackscope.Object(o.Names)}
	}
	if c.Connection != nil {
		o.Function = Function(c.Settings, *c.Connection, c.Check...)
		if !o.Spec.ExistingIntegration {
			integration := newResource(scope, c.Settings, "SnowflakeIntegration", o.Function, properties())
			principal, externalID = *integration.GetAttString(jsii.String("IamUserArn")), *integration.GetAttString(jsii.String("ExternalId"))
		}
	}
	var after []core.IDependable
	if !o.Spec.ExistingIntegration {
		o.Role = newRole(scope, name, principal, externalID, o.Spec, c)
		after = append(after, o.Role)
	}
	o.Names.TopicARN = c.TopicARN
	after = append(after, c.Ready...)
	if o.Function != nil {
		newResource(scope, c.Settings, "SnowflakeObjects", o.Function, properties()).Node().AddDependency(after...)
	}
	return o
}

// readPolicies names the policy of the role by what Snowflake reads with it.
var readPolicies = map[snowflake.From]struct{ name, what string }{
	snowflake.FromParts: {"ReadParts", "parts"},
	snowflake.FromFiles: {"ReadFiles", "files"},
	snowflake.FromTable: {"ReadChanges", "changes"},
}

// newRole makes the role that a storage integration assumes: trusted by that
// principal with that external ID only, reading what the stage shows only.
func newRole(scope core.Construct, name, principal, externalID string, s snowflake.Spec, c Config) awsiam.Role {
	var listed map[string]any
	below := stackscope.EscapeIAM(s.Prefix) + "*"
	if s.Prefix != "" {
		listed = map[string]any{"StringLike": map[string]any{"s3:prefix": below}}
	}
	var statements policy.Statements
	statements.Allow(nil, []string{c.BucketARN + "/" + below}, "s3:GetObject", "s3:GetObjectVersion")
	statements.Allow(listed, []string{c.BucketARN}, "s3:ListBucket")
	// A statement apart: the request has no prefix, so that the condition would deny it.
	statements.Allow(nil, []string{c.BucketARN}, "s3:GetBucketLocation")
	if c.KeyARN != "" {
		statements.Allow(nil, []string{c.KeyARN}, kmskey.Reads...)
	}
	statements.AllowWildcards("What the feed's stage shows, no more: the names below its prefix come with the data", "/"+below)
	reads := readPolicies[s.From]
	role := awsiam.NewRole(scope, jsii.String("SnowflakeRole"), &awsiam.RoleProps{
		RoleName:    &name,
		Description: jsii.String("Snowflake reads the " + reads.what + " of feed " + s.Feed + " through it"),
		AssumedBy:   awsiam.NewArnPrincipal(&principal),
		ExternalIds: jsii.Strings(externalID),
	})
	statements.AttachTo(nag.ResourceOf(role).(awsiam.CfnRole), reads.name)
	return role
}
