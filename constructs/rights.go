package constructs

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
)

// rights are what the role of a function may do. They are collected, and given
// to the role at once: each call of the CDK takes a third of a millisecond, and
// there may be hundreds of feeds.
type rights struct {
	statements []right
	// reasons say to cdk-nag why some of them have wildcards.
	reasons []any
}

type right struct {
	conditions         map[string]any
	resources, actions []string
}

// allow adds a statement to the rights of f.
func (f function) allow(conditions map[string]any, resources []string, actions ...string) {
	r := right{conditions, resources, slices.Clone(actions)}
	same := func(a, b any) bool { return text(a) == text(b) }
	for i, s := range f.rights.statements {
		switch {
		case !same(s.conditions, r.conditions):
		case same(s.resources, r.resources):
			f.rights.statements[i].actions = union(s.actions, r.actions)
			return
		case same(s.actions, union(nil, r.actions)):
			f.rights.statements[i].resources = union(s.resources, r.resources)
			return
		}
	}
	r.actions, r.resources = union(nil, r.actions), union(nil, r.resources)
	f.rights.statements = append(f.rights.statements, r)
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
	var statements []any
	for _, s := range f.rights.statements {
		statement := map[string]any{"Effect": "Allow", "Action": s.actions, "Resource": s.resources}
		if s.conditions != nil {
			statement["Condition"] = s.conditions
		}
		statements = append(statements, statement)
	}
	role := f.role.Node().DefaultChild().(awsiam.CfnRole)
	role.SetPolicies([]any{&awsiam.CfnRole_PolicyProperty{
		PolicyName: jsii.String("Rights"), PolicyDocument: map[string]any{"Version": "2012-10-17", "Statement": statements},
	}})
	if len(f.rights.reasons) > 0 {
		role.AddMetadata(jsii.String(nagMetadata), map[string]any{"rules_to_suppress": f.rights.reasons})
	}
}
