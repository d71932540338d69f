// Package nag writes suppressions of cdk-nag's rules into the metadata of
// resources, in the form that cdk-nag itself writes and reads.
package nag

import (
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// metadataKey is where cdk-nag keeps its suppressions in a template.
const metadataKey = "cdk_nag"

// Suppress suppresses a rule for the resource of a construct. Call it once for
// each resource: a second call replaces the first. Where a rule has several
// findings, such as the wildcards of a policy, it suppresses those that end as given.
func Suppress(of core.IConstruct, rule, reason string, endings ...string) {
	SuppressAll(ResourceOf(of), Suppression(rule, reason, endings...))
}

// SuppressAll writes all suppressions of a resource.
func SuppressAll(resource awscdk.CfnResource, suppressions ...any) {
	resource.AddMetadata(jsii.String(metadataKey), map[string]any{"rules_to_suppress": suppressions})
}

// Suppression is one entry of cdk-nag's metadata.
func Suppression(rule, reason string, endings ...string) map[string]any {
	entry := map[string]any{"id": rule, "reason": reason}
	if len(endings) > 0 {
		var patterns []any
		for _, ending := range endings {
			patterns = append(patterns, map[string]any{"regex": "/" + regexp.QuoteMeta(ending) + "$/"})
		}
		entry["applies_to"] = patterns
	}
	return entry
}

// ResourceOf returns the CloudFormation resource of a construct.
func ResourceOf(of core.IConstruct) awscdk.CfnResource {
	if r, ok := of.(awscdk.CfnResource); ok {
		return r
	}
	return of.Node().DefaultChild().(awscdk.CfnResource)
}
