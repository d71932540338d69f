package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// tagFeed has the cost of a feed show under its name. What the feeds of a stack
// share, such as the function that speaks to Snowflake, goes to the last of
// them: with a stack for each feed, as app.go has it, to that feed.
func (p *IngestionPipeline) tagFeed() {
	scopes := []core.IConstruct{p.Construct}
	stack := awscdk.Stack_Of(p.Construct)
	for _, id := range []string{snowflakeScope, notificationsProvider, notificationsProvider + "Logs", deletionProvider + "Logs"} {
		if shared := stack.Node().TryFindChild(&id); shared != nil {
			scopes = append(scopes, shared)
		}
	}
	for _, scope := range scopes {
		awscdk.Tags_Of(scope).Add(jsii.String("feed"), jsii.String(p.Spec.Feed), nil)
	}
}
