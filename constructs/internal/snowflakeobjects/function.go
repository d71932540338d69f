// Package snowflakeobjects makes what takes a feed's data to Snowflake: the role
// that a storage integration assumes, the function that runs the SQL at
// deployment, its custom resources, and the schedule on which it checks the pipe.
package snowflakeobjects

import (
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/constructs/internal/function"
	"example.com/ingestion/constructs/internal/policy"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/snowflake"
)

// functionScope is the ID, in the stack, of the construct with the function that
// the custom resources of all feeds of the stack share.
const functionScope = "SnowflakeDeployment"

// timeout is Lambda's longest: a pipe that changes is drained first.
const timeout = 15 * time.Minute

// deployment is the function of a stack, nil until something needs it.
type deployment struct{ function *function.Output }

// Function returns the function that connects to Snowflake, one per stack. It
// runs at deployment, and every four hours where pipes are checked. It may read
// the secret of the connection and what the statements allow.
func Function(s stackscope.Settings, c snowflake.Connection, statements ...policy.Statement) *function.Output {
	if c.Secret != "" {
		statements = append(statements, policy.Statement{Resources: s.SecretARNs(c.Secret), Actions: []string{"secretsmanager:GetSecretValue"}})
	}
	d := stackscope.Singleton[deployment](s.Scope)
	if d.function == nil {
		d.function = findOrMake(s)
	}
	for _, statement := range statements {
		if d.function.Statements != nil {
			d.function.Allow(statement.Conditions, statement.Resources, statement.Actions...)
		} else {
			d.function.Function.AddToRolePolicy(statementOf(statement))
		}
	}
	return d.function
}

// AttachPolicy gives the function, where this scope has made it, its policy.
func AttachPolicy(s *stackscope.Scope) {
	if f := stackscope.Singleton[deployment](s).function; f != nil && f.Statements != nil {
		f.AttachPolicy()
	}
}

// findOrMake makes the function, or finds that of another feed in the same stack,
// whose role has its policy already: more statements are a policy apart.
func findOrMake(s stackscope.Settings) *function.Output {
	if parent := s.Child(functionScope); parent != nil {
		return function.Existing(parent.Node().FindChild(jsii.String("Function")).(awslambda.Function))
	}
	return function.New(core.NewConstruct(s.Stack, jsii.String(functionScope)), "Function", function.Config{
		Settings:    s,
		Asset:       assets.Snowflake,
		Of:          "of stack " + s.ID(),
		Description: "Creates, changes and drops the objects in Snowflake at deployment, and checks the pipes",
		Size:        function.Size{MemoryMB: 512, Timeout: timeout},
		// With WorkloadIdentity, the user in Snowflake names the role before it exists.
		RoleName: roleName(s.Scope, notInRoleName.ReplaceAllString(s.ID(), "-"), s.ID()),
	})
}

func statementOf(s policy.Statement) awsiam.PolicyStatement {
	props := &awsiam.PolicyStatementProps{Actions: jsii.Strings(s.Actions...), Resources: jsii.Strings(s.Resources...)}
	if s.Conditions != nil {
		props.Conditions = &s.Conditions
	}
	return awsiam.NewPolicyStatement(props)
}

// newResource makes the custom resource that id names, with the type
// Custom::<id>. CloudFormation waits for it one minute longer than the function
// may run.
func newResource(scope core.Construct, s stackscope.Settings, id string, f *function.Output, properties map[string]any) awscdk.CustomResource {
	return awscdk.NewCustomResource(scope, &id, &awscdk.CustomResourceProps{
		ResourceType:   jsii.String("Custom::" + id),
		ServiceToken:   jsii.String(f.ARN()),
		ServiceTimeout: s.Seconds(timeout + time.Minute),
		Properties:     &properties,
	})
}

// LookUpSubscriber returns the ARN of the SNS user of an account of Snowflake,
// as a token: it is looked up at deployment.
func LookUpSubscriber(scope core.Construct, s stackscope.Settings, c snowflake.Connection, topic awssns.ITopic) string {
	subscriber := newResource(scope, s, "SnowflakeSubscriber", Function(s, c), map[string]any{
		"Connection": stackscope.Object(c),
		"TopicArn":   topic.TopicArn(),
	})
	return *subscriber.GetAttString(jsii.String("PrincipalArn"))
}

// notInRoleName matches what the path of a nested stack may have and the name of
// a role may not.
var notInRoleName = regexp.MustCompile(`[^A-Za-z0-9_+=,.@-]+`)

// roleName is the name of a role that must be known before the role is made.
// Names of roles are unique in an account over all its regions, hence the
// region. 28 + 11 + 8 + 1 + 14 (the longest region) = 62 of 64 characters.
func roleName(s *stackscope.Scope, prefix, id string) string {
	return fmt.Sprintf("%.28s-snowflake-%s-%s", prefix, stackscope.Digest(id, 4), s.Region())
}
