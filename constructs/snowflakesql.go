package constructs

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/assets"
)

// snowflakeScope has the function that a stack's custom resources share.
const snowflakeScope = "SnowflakeDeployment"

// snowflakeTimeout is Lambda's longest: a pipe that changes is drained first.
const snowflakeTimeout = 15 * time.Minute

// snowflakeFunction returns the function that speaks to Snowflake, one per
// stack. It runs at deployment, and every four hours where pipes are watched.
// Besides its secret it may do what more says.
func snowflakeFunction(s settings, c SnowflakeConnection, more ...right) *function {
	at := s.site
	if c.Secret != "" {
		more = append(more, right{resources: at.secretARNs(c.Secret), actions: []string{"secretsmanager:GetSecretValue"}})
	}
	if at.deployer == nil {
		at.deployer = at.newDeployer(s)
	}
	for _, r := range more {
		if at.deployer.rights != nil {
			at.deployer.allow(r.conditions, r.resources, r.actions...)
		} else {
			at.deployer.AddToRolePolicy(allow(r.conditions, r.resources, r.actions...))
		}
	}
	return at.deployer
}

// newDeployer makes the function, or finds that of another feed in the same
// stack, whose role has its rights already: more of them are a policy apart.
func (s *site) newDeployer(settings settings) *function {
	if parent := s.child(snowflakeScope); parent != nil {
		f := refer(parent.Node().FindChild(jsii.String("Function")).(awslambda.Function))
		return &f
	}
	f := newFunction(core.NewConstruct(s.stack, jsii.String(snowflakeScope)), "Function", functionConfig{
		settings:    settings,
		name:        assets.Snowflake,
		of:          "of stack " + s.id(),
		description: "Makes, changes and drops the objects in Snowflake at deployment, and looks after its pipes",
		size:        FunctionProps{MemoryMB: 512, Timeout: snowflakeTimeout},
		// With WorkloadIdentity, the user in Snowflake names it before it is there.
		roleName: s.roleName(notInRoleName.ReplaceAllString(s.id(), "-"), s.id()),
	})
	return &f
}

// secretARNs are the resources that mean one secret: its ARN ends in a hyphen
// and six characters that its name does not have. An ARN that was given without
// them, of a name whose last word has six letters, looks as if it had them, so
// that such a one is allowed either way.
func (s *site) secretARNs(secret string) []string {
	const random = "-??????"
	switch {
	case isToken(secret):
		return []string{secret}
	case !strings.HasPrefix(secret, "arn:"):
		return []string{fmt.Sprintf("arn:%s:secretsmanager:%s:%s:secret:%s%s", s.partition(), s.region(), s.account(), secret, random)}
	case len(secret) > 7 && secret[len(secret)-7] == '-':
		return []string{secret, secret + random}
	}
	return []string{secret + random}
}

// newSnowflakeResource makes the custom resource that id names, with the type
// Custom::<id>. CloudFormation waits a little longer for it than the function may take.
func newSnowflakeResource(scope core.Construct, id string, f *function, properties map[string]any) awscdk.CustomResource {
	return awscdk.NewCustomResource(scope, &id, &awscdk.CustomResourceProps{
		ResourceType:   jsii.String("Custom::" + id),
		ServiceToken:   jsii.String(f.arn()),
		ServiceTimeout: seconds(snowflakeTimeout + time.Minute),
		Properties:     &properties,
	})
}

// snowflakeSubscriber returns the ARN of the SNS user of an account of
// Snowflake, as a token.
func snowflakeSubscriber(scope core.Construct, s settings, c SnowflakeConnection, topic awssns.ITopic) string {
	subscriber := newSnowflakeResource(scope, "SnowflakeSubscriber", snowflakeFunction(s, c), map[string]any{
		"Connection": plain(c),
		"TopicArn":   topic.TopicArn(),
	})
	return *subscriber.GetAttString(jsii.String("PrincipalArn"))
}

// plain is v as JSON has it, which is what jsii and CloudFormation take.
func plain(v any) map[string]any {
	var m map[string]any
	if err := json.Unmarshal([]byte(text(v)), &m); err != nil {
		panic(err)
	}
	return m
}

// text is v as JSON. It is for structs that marshal without fail.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
