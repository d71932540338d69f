// Package policy collects IAM policy statements and writes them as the inline
// policy of a role, in one call of the CDK. Statements that differ only in their
// actions or only in their resources are merged.
package policy

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"example.com/ingestion/constructs/internal/nag"
	"example.com/ingestion/constructs/internal/stackscope"
)

// Statement allows actions on resources, under conditions if there are any.
type Statement struct {
	Conditions         map[string]any
	Resources, Actions []string
}

// JSON is the statement as it stands in a policy document.
func (s Statement) JSON() map[string]any {
	m := map[string]any{"Effect": "Allow", "Action": s.Actions, "Resource": s.Resources}
	if s.Conditions != nil {
		m["Condition"] = s.Conditions
	}
	return m
}

// Document is a policy document.
func Document(statements ...any) map[string]any {
	return map[string]any{"Version": "2012-10-17", "Statement": statements}
}

// Statements are the policy statements of one role.
type Statements struct {
	all []Statement
	// suppressions tell cdk-nag why some of them have wildcards.
	suppressions []*cdknag.NagPackSuppression
}

// Empty reports whether there is none.
func (s *Statements) Empty() bool { return len(s.all) == 0 }

// Allow adds a statement.
func (s *Statements) Allow(conditions map[string]any, resources []string, actions ...string) {
	added := Statement{conditions, union(nil, resources), slices.Sorted(slices.Values(union(nil, actions)))}
	same := func(a, b any) bool { return stackscope.JSON(a) == stackscope.JSON(b) }
	for i, other := range s.all {
		switch {
		case !same(other.Conditions, added.Conditions):
		case slices.Equal(other.Resources, added.Resources):
			s.all[i].Actions = slices.Sorted(slices.Values(union(other.Actions, added.Actions)))
			return
		case slices.Equal(other.Actions, added.Actions):
			s.all[i].Resources = union(other.Resources, added.Resources)
			return
		}
	}
	s.all = append(s.all, added)
}

// AllowWildcards gives the reason for resources with a wildcard that end as given.
func (s *Statements) AllowWildcards(reason string, endings ...string) {
	s.suppressions = append(s.suppressions, nag.Suppression("AwsSolutions-IAM5", reason, endings...))
}

// AttachTo makes the statements the inline policies of a role: one policy with a name.
func (s *Statements) AttachTo(role awsiam.CfnRole, name string) {
	var statements []any
	for _, statement := range s.all {
		statements = append(statements, statement.JSON())
	}
	role.SetPolicies([]any{&awsiam.CfnRole_PolicyProperty{PolicyName: &name, PolicyDocument: Document(statements...)}})
	if len(s.suppressions) > 0 {
		nag.SuppressAll(role, s.suppressions...)
	}
}

// union has the elements of a and then those of b that a lacks. It does not sort: most
// resources are tokens of the CDK, whose numbers depend on what was made before.
func union(a, b []string) []string {
	var all []string
	for _, s := range slices.Concat(a, b) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// New makes a policy of roles that is a resource apart from the roles, for what
// must be made after them or deleted before them.
func New(scope core.Construct, id string, roles []awsiam.Role, statements ...Statement) awsiam.CfnPolicy {
	var documents []any
	var names []*string
	for _, role := range roles {
		names = append(names, role.RoleName())
	}
	for _, s := range statements {
		documents = append(documents, s.JSON())
	}
	return awsiam.NewCfnPolicy(scope, &id, &awsiam.CfnPolicyProps{
		PolicyName: &id, PolicyDocument: Document(documents...), Roles: &names,
	})
}
