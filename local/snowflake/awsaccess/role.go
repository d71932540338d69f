package awsaccess

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"example.com/ingestion/local/policy"
)

// trusted returns an error unless the role exists, is old enough, and trusts
// Snowflake's IAM user with the integration's external ID.
func (c *Client) trusted(ctx context.Context, i Integration) (*types.Role, error) {
	name := i.RoleARN[strings.LastIndex(i.RoleARN, "/")+1:]
	out, err := c.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	var missing *types.NoSuchEntityException
	switch {
	case errors.As(err, &missing):
		return nil, assumeError(i.RoleARN, "the role does not exist")
	case err != nil:
		return nil, fmt.Errorf("integration %s: %w", i.Name, err)
	case aws.ToString(out.Role.Arn) != i.RoleARN:
		return nil, assumeError(i.RoleARN, "the role of that name is "+aws.ToString(out.Role.Arn))
	}
	if age := time.Since(aws.ToTime(out.Role.CreateDate)); age < c.options.PropagationDelay {
		return nil, assumeError(i.RoleARN, fmt.Sprintf("the role was created %s ago and needs %s to propagate", age.Round(time.Millisecond), c.options.PropagationDelay))
	}
	trust, err := policy.ParseEncoded(policy.Trust, aws.ToString(out.Role.AssumeRolePolicyDocument))
	if err != nil {
		return nil, fmt.Errorf("trust policy of %s: %w", i.RoleARN, err)
	}
	decision := policy.Evaluate(policy.Request{
		Principal: policy.Principal{ARNs: []string{IAMUserARN}}, Action: "sts:AssumeRole",
		Context: map[string][]string{"sts:ExternalId": {i.ExternalID}, "aws:PrincipalArn": {IAMUserARN}, "aws:SecureTransport": {"true"}},
	}, trust)
	if decision != policy.Allowed {
		return nil, assumeError(i.RoleARN, "the role's trust policy does not allow this principal with this external ID")
	}
	return out.Role, nil
}

// rolePolicies reads the inline and the attached policies of a role.
func (c *Client) rolePolicies(ctx context.Context, role *types.Role) ([]policy.Document, error) {
	if role.PermissionsBoundary != nil {
		return nil, fmt.Errorf("role %s has a permissions boundary, which the local Snowflake does not evaluate: remove it from the local stack", aws.ToString(role.Arn))
	}
	var documents []policy.Document
	add := func(name, document string) error {
		d, err := policy.ParseEncoded(policy.Identity, document)
		if err != nil {
			return fmt.Errorf("policy %s: %w", name, err)
		}
		documents = append(documents, d)
		return nil
	}
	inline := iam.NewListRolePoliciesPaginator(c.iam, &iam.ListRolePoliciesInput{RoleName: role.RoleName})
	for inline.HasMorePages() {
		page, err := inline.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, name := range page.PolicyNames {
			out, err := c.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: role.RoleName, PolicyName: &name})
			if err != nil {
				return nil, err
			}
			if err := add(name, aws.ToString(out.PolicyDocument)); err != nil {
				return nil, err
			}
		}
	}
	attached := iam.NewListAttachedRolePoliciesPaginator(c.iam, &iam.ListAttachedRolePoliciesInput{RoleName: role.RoleName})
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.AttachedPolicies {
			document, err := c.managedPolicy(ctx, a.PolicyArn)
			if err != nil {
				return nil, err
			}
			if err := add(aws.ToString(a.PolicyArn), document); err != nil {
				return nil, err
			}
		}
	}
	return documents, nil
}

func (c *Client) managedPolicy(ctx context.Context, arn *string) (string, error) {
	p, err := c.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
	if err != nil {
		return "", err
	}
	v, err := c.iam.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: p.Policy.DefaultVersionId})
	if err != nil {
		return "", err
	}
	return aws.ToString(v.PolicyVersion.Document), nil
}
