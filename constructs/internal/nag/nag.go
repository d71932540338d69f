// Package nag suppresses rules of cdk-nag for resources, each with a reason.
package nag

import (
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// Suppress suppresses a rule for the resource of a construct. Where a rule has
// several findings, such as the wildcards of a policy, it suppresses those that
// end as given.
func Suppress(of core.IConstruct, rule, reason string, endings ...string) {
	SuppressAll(ResourceOf(of), Suppression(rule, reason, endings...))
}

// SuppressAll adds suppressions to a resource.
func SuppressAll(resource awscdk.CfnResource, suppressions ...*cdknag.NagPackSuppression) {
	cdknag.NagSuppressions_AddResourceSuppressions(resource, &suppressions, nil)
}

// Suppression is one suppression with its reason.
func Suppression(rule, reason string, endings ...string) *cdknag.NagPackSuppression {
	s := &cdknag.NagPackSuppression{Id: &rule, Reason: &reason}
	if len(endings) > 0 {
		var findings []any
		for _, ending := range endings {
			findings = append(findings, &cdknag.RegexAppliesTo{Regex: jsii.String("/" + regexp.QuoteMeta(ending) + "$/")})
		}
		s.AppliesTo = &findings
	}
	return s
}

// ResourceOf returns the CloudFormation resource of a construct.
func ResourceOf(of core.IConstruct) awscdk.CfnResource {
	if r, ok := of.(awscdk.CfnResource); ok {
		return r
	}
	return of.Node().DefaultChild().(awscdk.CfnResource)
}
