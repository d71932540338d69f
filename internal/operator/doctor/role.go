package doctor

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"example.com/ingestion/snowflake"
)

// role looks at what Snowflake reads through: whether the role is there, and
// whether its policy lets it read what the stage shows. Whom it trusts is
// compared with the integration.
func role(ctx context.Context, x *exam) {
	const name = "role"
	arn := x.Live.Output("SnowflakeRoleArn")
	spec := x.Live.Snowflake.WithDefaults()
	if arn == "" || spec.ExistingIntegration {
		return
	}
	deploy := x.revert()
	roleName := arn[strings.LastIndex(arn, "/")+1:]
	out, err := x.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &roleName})
	switch {
	case missing(err):
		x.fail(name, deploy, "role %s does not exist", roleName)
		return
	case err != nil:
		x.failed(name, err, "iam:GetRole")
		return
	}
	if x.trust, err = document(out.Role.AssumeRolePolicyDocument); err != nil {
		x.failed(name, err, "iam:GetRole")
		return
	}
	x.trusted = true
	statements, err := x.inline(ctx, roleName)
	if err != nil {
		x.failed(name, err, "iam:ListRolePolicies and iam:GetRolePolicy")
		return
	}
	bucket := "arn:" + x.partition() + ":s3:::" + x.Live.Output("SnowflakeBucket")
	var lacks []string
	for _, need := range []struct{ action, resource string }{
		{"s3:GetObject", bucket + "/" + spec.Prefix + "x"},
		{"s3:ListBucket", bucket},
		{"s3:GetBucketLocation", bucket},
	} {
		if !slices.ContainsFunc(statements, func(s statement) bool { return s.grants(need.action, need.resource, spec.Prefix) }) {
			lacks = append(lacks, need.action)
		}
	}
	if len(lacks) > 0 {
		x.fail(name, deploy, "its policies do not allow %s on s3://%s/%s", strings.Join(lacks, ", "), x.Live.Output("SnowflakeBucket"), spec.Prefix)
		return
	}
	x.pass(name, "%s may read s3://%s/%s", roleName, x.Live.Output("SnowflakeBucket"), spec.Prefix)
}

// inline returns the statements of a role's own policies.
func (x *exam) inline(ctx context.Context, roleName string) ([]statement, error) {
	var all []statement
	for pages := iam.NewListRolePoliciesPaginator(x.iam, &iam.ListRolePoliciesInput{RoleName: &roleName}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, name := range page.PolicyNames {
			out, err := x.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &roleName, PolicyName: &name})
			if err != nil {
				return nil, err
			}
			p, err := document(out.PolicyDocument)
			if err != nil {
				return nil, err
			}
			all = append(all, p.Statement...)
		}
	}
	return all, nil
}

// document reads a policy as IAM gives it: percent-encoded.
func document(text *string) (policy, error) {
	decoded, err := url.PathUnescape(aws.ToString(text))
	if err != nil {
		return policy{}, err
	}
	return parsePolicy(decoded)
}

// grants reports whether a statement of a role allows an action on a resource,
// for listing under a prefix.
func (s statement) grants(action, resource, prefix string) bool {
	if s.Effect != "Allow" || !s.does(action) || !matchesAny(s.Resource, resource) {
		return false
	}
	listed := s.condition("s3:prefix")
	return listed == nil || matchesAny(listed, prefix) || matchesAny(listed, prefix+"x")
}

// trusts reports whether a trust policy lets a principal in with an external ID.
func (p policy) trusts(principal, externalID string) bool {
	return slices.ContainsFunc(p.Statement, func(s statement) bool {
		ids := s.condition("sts:ExternalId")
		return s.Effect == "Allow" && s.names(principal) && s.does("sts:AssumeRole") && (ids == nil || slices.Contains(ids, externalID))
	})
}

// integrationOf is the plan's, or the one that somebody else owns.
func integrationOf(p snowflake.Plan, s snowflake.Spec) snowflake.StorageIntegration {
	if p.Integration != nil {
		return *p.Integration
	}
	return snowflake.StorageIntegration{Integration: s.Integration}
}
