package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// tag has the cost of a feed show under its name. The first feed of a stack tags
// the stack itself, and with it what the feeds of a stack share, such as the
// function that speaks to Snowflake; not where the stack has the store too, whose
// cost is every feed's.
func (p *IngestionPipeline) tag(first bool) {
	var of core.IConstruct = p.Construct
	if first && p.Store.stackPath != *p.site.node.Path() {
		of = p.site.stack
	}
	awscdk.Tags_Of(of).Add(jsii.String("feed"), jsii.String(p.Spec.Feed), nil)
}
