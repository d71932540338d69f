package constructs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"ingestion/internal/feed"
)

// SnowflakeProps let Snowflake read the feed's parts through a storage integration.
type SnowflakeProps struct {
	// Principal is the ARN of the account's Snowflake IAM user: the same for
	// all of its integrations, shown by DESC STORAGE INTEGRATION as STORAGE_AWS_IAM_USER_ARN.
	Principal string
	// ExternalID is the integration's STORAGE_AWS_EXTERNAL_ID: 2 to 1,224
	// characters, chosen by you and never rotated.
	ExternalID string
}

var (
	principalARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:(user|role)/[\w+=,.@/-]+$`)
	externalID   = regexp.MustCompile(`^[\w+=,.@:/-]+$`)
)

func (p SnowflakeProps) validate(report report) {
	if !principalARN.MatchString(p.Principal) {
		report("Snowflake.Principal", "%q is not the ARN of an IAM user or role, such as \"arn:aws:iam::123456789012:user/abc1-s-xyz\"", p.Principal)
	}
	// Regexp repeats are bounded at 1,000, hence the length apart.
	if len(p.ExternalID) < 2 || len(p.ExternalID) > 1224 || !externalID.MatchString(p.ExternalID) {
		report("Snowflake.ExternalID", "%q must have 2 to 1224 letters, digits and _+=,.@:/- (IAM's limit)", p.ExternalID)
	}
}

// newSnowflakeRole makes the role that a storage integration assumes: trusted
// by that principal with that external ID only, reading the feed's parts only.
func newSnowflakeRole(this core.Construct, s feed.Spec, store *Store, p SnowflakeProps) awsiam.Role {
	prefix := s.LandingPrefix + s.Feed + "/"
	bucket := store.LandingBucket
	statements := []awsiam.PolicyStatement{
		allow(nil, []string{*bucket.ArnForObjects(jsii.String(prefix + "*"))}, "s3:GetObject", "s3:GetObjectVersion"),
		allow(map[string]any{"StringLike": map[string]any{"s3:prefix": prefix + "*"}}, []string{*bucket.BucketArn()}, "s3:ListBucket"),
		// By itself: the request carries no prefix, so the condition would refuse it.
		allow(nil, []string{*bucket.BucketArn()}, "s3:GetBucketLocation"),
	}
	return awsiam.NewRole(this, jsii.String("SnowflakeRole"), &awsiam.RoleProps{
		RoleName:    jsii.String(snowflakeRoleName(this, s.Feed)),
		Description: jsii.String("Snowflake reads the parts of feed " + s.Feed + " through it"),
		AssumedBy:   awsiam.NewArnPrincipal(jsii.String(p.Principal)),
		ExternalIds: jsii.Strings(p.ExternalID),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"ReadParts": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
		},
	})
}

// snowflakeRoleName is known before the role is made, which lets the
// integration come first. Role names are unique in an account over all its
// regions, hence the region; and two apps or environments may have a feed of
// one name, hence the hash. 28 + 11 + 8 + 1 + 14 (the longest region) = 62 of 64 characters.
func snowflakeRoleName(this core.Construct, feedName string) string {
	stack := awscdk.Stack_Of(this)
	sum := sha256.Sum256([]byte(*stack.StackName() + "\x00" + *this.Node().Path() + "\x00" + feedName))
	return fmt.Sprintf("%.28s-snowflake-%s-%s", feedName, hex.EncodeToString(sum[:4]), *stack.Region())
}
