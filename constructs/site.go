package constructs

import (
	"sync"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	core "github.com/aws/constructs-go/constructs/v10"
)

// site is the stack in which a store or a feed is made. What is asked of a stack
// again and again is asked once, see once; a func asks when it is first called.
type site struct {
	stack                            awscdk.Stack
	node                             core.Node
	account, region, partition, name func() string
	// deployer speaks to Snowflake; nil until something needs it.
	deployer *function
	// notifier is the role of the CDK's function that sets the notifications of
	// buckets, nil before the first. Of a role that was there already there is
	// no more than that.
	notifier         awsiam.Role
	notifierResource awsiam.CfnRole
	notifierRights   rights
	// logs is where that function writes to, nil for a log group of its own.
	logs awslogs.ILogGroup
}

func newSite(scope core.Construct) *site {
	stack := awscdk.Stack_Of(scope)
	return &site{
		stack: stack, node: stack.Node(),
		account:   known(stack.Account),
		region:    known(stack.Region),
		partition: known(stack.Partition),
		name:      known(stack.StackName),
	}
}

// known returns a func that asks get once.
func known(get func() *string) func() string {
	return sync.OnceValue(func() string { return *get() })
}

// child returns what is called id in the stack itself, nil for nothing.
func (s *site) child(id string) core.IConstruct { return s.node.TryFindChild(&id) }

// id is the stack's name, or its path where the name is only known at
// deployment, as that of a nested stack.
func (s *site) id() string {
	if name := s.name(); !isToken(name) {
		return name
	}
	return *s.node.Path()
}

// grant gives the function that speaks to Snowflake what was added to its rights.
func (s *site) grant() {
	if s.deployer != nil && s.deployer.rights != nil {
		s.deployer.grant()
	}
}

// ruleARN is the ARN of a rule on the default bus of the stack's account and region.
func (s *site) ruleARN(name string) string {
	return "arn:" + s.partition() + ":events:" + s.region() + ":" + s.account() + ":rule/" + name
}

// functionARN is the ARN of a function of the stack's account and region.
func (s *site) functionARN(name string) string {
	return "arn:" + s.partition() + ":lambda:" + s.region() + ":" + s.account() + ":function:" + name
}
