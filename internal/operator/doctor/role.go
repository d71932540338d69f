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

// role checks the IAM role of the storage integration: whether it exists and may read
// the objects of the stage. The check of the integration compares its trust policy.
func role(ctx context.Context, d *doctor) {
	const name = "role"
	arn := d.Feed.Output("SnowflakeRoleArn")
	spec := d.Feed.Snowflake.WithDefaults()
	if arn == "" || spec.ExistingIntegration {
		return
	}
	revert := d.revert()
	roleName := arn[strings.LastIndex(arn, "/")+1:]
	out, err := d.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &roleName})
	switch {
	case missing(err):
		d.fail(name, revert, "role %s does not exist", roleName)
		return
	case err != nil:
		d.unknown(name, err, "iam:GetRole")
		return
	}
	if d.trust, err = document(out.Role.AssumeRolePolicyDocument); err != nil {
		d.unknown(name, err, "iam:GetRole")
		return
	}
	d.trustRead = true
	statements, err := d.inline(ctx, roleName)
	if err != nil {
		d.unknown(name, err, "iam:ListRolePolicies and iam:GetRolePolicy")
		return
	}
	bucket := "arn:" + d.partition() + ":s3:::" + d.Feed.Output("SnowflakeBucket")
	var denied []string
	for _, need := range []struct{ action, resource string }{
		{"s3:GetObject", bucket + "/" + spec.Prefix + "x"},
		{"s3:ListBucket", bucket},
		{"s3:GetBucketLocation", bucket},
	} {
		if !slices.ContainsFunc(statements, func(s statement) bool { return s.grants(need.action, need.resource, spec.Prefix) }) {
			denied = append(denied, need.action)
		}
	}
	if len(denied) > 0 {
		d.fail(name, revert, "its policies do not allow %s on s3://%s/%s", strings.Join(denied, ", "), d.Feed.Output("SnowflakeBucket"), spec.Prefix)
		return
	}
	d.pass(name, "%s may read s3://%s/%s", roleName, d.Feed.Output("SnowflakeBucket"), spec.Prefix)
}

// inline returns the statements of the inline policies of a role.
func (d *doctor) inline(ctx context.Context, roleName string) ([]statement, error) {
	var all []statement
	for pages := iam.NewListRolePoliciesPaginator(d.iam, &iam.ListRolePoliciesInput{RoleName: &roleName}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, name := range page.PolicyNames {
			out, err := d.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &roleName, PolicyName: &name})
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

// document parses a policy in the form of IAM: percent-encoded.
func document(text *string) (policy, error) {
	decoded, err := url.PathUnescape(aws.ToString(text))
	if err != nil {
		return policy{}, err
	}
	return parsePolicy(decoded)
}

// grants reports whether a statement of a role allows an action on a resource or, for
// s3:ListBucket, on a prefix.
func (s statement) grants(action, resource, prefix string) bool {
	if s.Effect != "Allow" || !s.matchesAction(action) || !matchesAny(s.Resource, resource) {
		return false
	}
	listed := s.condition("s3:prefix")
	return listed == nil || matchesAny(listed, prefix) || matchesAny(listed, prefix+"x")
}

// trusts reports whether a trust policy allows a principal with an external ID.
func (p policy) trusts(principal, externalID string) bool {
	return slices.ContainsFunc(p.Statement, func(s statement) bool {
		ids := s.condition("sts:ExternalId")
		return s.Effect == "Allow" && s.matchesPrincipal(principal) && s.matchesAction("sts:AssumeRole") && (ids == nil || slices.Contains(ids, externalID))
	})
}

// integrationOf returns the integration of the plan, or the existing one that the spec
// names.
func integrationOf(p snowflake.Plan, s snowflake.Spec) snowflake.StorageIntegration {
	if p.Integration != nil {
		return *p.Integration
	}
	return snowflake.StorageIntegration{Integration: s.Integration}
}
