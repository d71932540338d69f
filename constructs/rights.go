package constructs

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// rights are what the role of a function may do. They are collected, and given
// to the role at once: each call of the CDK takes a third of a millisecond, and
// there may be hundreds of feeds.
type rights struct {
	statements []right
	// reasons say to cdk-nag why some of them have wildcards.
	reasons []any
}

// policies are what a role has of its own: one policy, called name.
func (r *rights) policies(name string) []any {
	var statements []any
	for _, s := range r.statements {
		statements = append(statements, s.statement())
	}
	return []any{&awsiam.CfnRole_PolicyProperty{PolicyName: &name, PolicyDocument: policy(statements...)}}
}

// policy is a policy as JSON has it.
func policy(statements ...any) map[string]any {
	return map[string]any{"Version": "2012-10-17", "Statement": statements}
}

type right struct {
	conditions         map[string]any
	resources, actions []string
}

// statement is r as JSON has it.
func (r right) statement() map[string]any {
	s := map[string]any{"Effect": "Allow", "Action": r.actions, "Resource": r.resources}
	if r.conditions != nil {
		s["Condition"] = r.conditions
	}
	return s
}

// allow adds a statement to the rights of f.
func (f function) allow(conditions map[string]any, resources []string, actions ...string) {
	f.rights.allow(conditions, resources, actions...)
}

func (all *rights) allow(conditions map[string]any, resources []string, actions ...string) {
	r := right{conditions, union(nil, resources), union(nil, actions)}
	same := func(a, b any) bool { return text(a) == text(b) }
	for i, s := range all.statements {
		switch {
		case !same(s.conditions, r.conditions):
		case slices.Equal(s.resources, r.resources):
			all.statements[i].actions = union(s.actions, r.actions)
			return
		case slices.Equal(s.actions, r.actions):
			all.statements[i].resources = union(s.resources, r.resources)
			return
		}
	}
	all.statements = append(all.statements, r)
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// wildcards says why f has rights on resources that end as given.
func (f function) wildcards(reason string, endings ...string) {
	f.rights.reasons = append(f.rights.reasons, suppression("AwsSolutions-IAM5", reason, endings...))
}

// grant gives the role of f its rights, as a policy of the role itself.
func (f function) grant() {
	role := f.role.Node().DefaultChild().(awsiam.CfnRole)
	role.SetPolicies(f.rights.policies("Rights"))
	if len(f.rights.reasons) > 0 {
		suppressAll(role, f.rights.reasons...)
	}
}
