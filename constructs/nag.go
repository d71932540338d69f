package constructs

import (
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// nagMetadata is where cdk-nag has its suppressions in a template.
const nagMetadata = "cdk_nag"

// suppress notes in the template that a rule of cdk-nag does not hold for the
// resource of a construct, and why: once for a resource, a second time would
// replace the first. Of a rule that finds several things, such as
// the wildcards of a policy, only those are meant that end as given.
func suppress(of core.IConstruct, rule, reason string, endings ...string) {
	suppressAll(resourceOf(of), suppression(rule, reason, endings...))
}

// suppressAll notes all of them for a resource.
func suppressAll(resource awscdk.CfnResource, suppressions ...any) {
	resource.AddMetadata(jsii.String(nagMetadata), map[string]any{"rules_to_suppress": suppressions})
}

// suppression is one entry of cdk-nag's metadata.
func suppression(rule, reason string, endings ...string) map[string]any {
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

// resourceOf returns the CloudFormation resource of a construct.
func resourceOf(of core.IConstruct) awscdk.CfnResource {
	if r, ok := of.(awscdk.CfnResource); ok {
		return r
	}
	return of.Node().DefaultChild().(awscdk.CfnResource)
}
