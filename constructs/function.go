package constructs

import (
	"maps"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/feed"
)

// Architecture is the processor that the functions run on.
type Architecture string

// The architectures of Lambda.
const (
	ARM64 Architecture = "arm64"
	X86   Architecture = "x86_64"
)

// goarch returns Go's name of a, empty for one that Lambda does not have.
func (a Architecture) goarch() string {
	switch a {
	case ARM64:
		return "arm64"
	case X86:
		return "amd64"
	}
	return ""
}

func (a Architecture) validate(report report) {
	if a.goarch() == "" {
		report("Architecture", "%q is neither %s nor %s", a, ARM64, X86)
	}
}

// orContext returns a or, if it is unset, the architecture that the context of
// the CDK has under "architecture". Empty if neither is set.
func (a Architecture) orContext(scope core.Construct) Architecture {
	if a == "" {
		if text, ok := scope.Node().TryGetContext(jsii.String("architecture")).(string); ok {
			return Architecture(text)
		}
	}
	return a
}

// FunctionProps size one of the functions. A zero field means its default.
type FunctionProps struct {
	// MemoryMB is 128 to 10,240. It also sets the share of processors: 1,769 is
	// one. Default: 1,769 for unpack, which decompresses; 512 for load, which
	// mostly waits for the table.
	MemoryMB int
	// Timeout is 1 second to 15 minutes, in whole seconds (default 15 minutes).
	Timeout time.Duration
	// MaxConcurrency is how many of it may run at once. With Direct it is taken out
	// of the account's own limit, for this function alone. With Queue it is 2 to
	// 1,000, and what the queue makes of the account's limit. Default: no limit but
	// the account's.
	MaxConcurrency int
}

func (p FunctionProps) withDefaults(memoryMB int) FunctionProps {
	if p.MemoryMB == 0 {
		p.MemoryMB = memoryMB
	}
	if p.Timeout == 0 {
		p.Timeout = 15 * time.Minute
	}
	return p
}

func (p FunctionProps) validate(report report, field string, b Buffer) {
	if p.MemoryMB < 128 || p.MemoryMB > 10240 {
		report(field+".MemoryMB", "%d is outside 128 to 10240", p.MemoryMB)
	}
	if p.Timeout < time.Second || p.Timeout > 15*time.Minute || p.Timeout%time.Second != 0 {
		report(field+".Timeout", "%s is not a number of whole seconds from 1s to 15m0s", p.Timeout)
	}
	if p.MaxConcurrency < 0 {
		report(field+".MaxConcurrency", "%d is negative: give 0 for no limit", p.MaxConcurrency)
	} else if b == Queue && p.MaxConcurrency != 0 && (p.MaxConcurrency < minQueueConcurrency || p.MaxConcurrency > maxQueueConcurrency) {
		report(field+".MaxConcurrency", "%d is outside %d to %d, which Lambda takes for a queue: give 0 for no limit, or leave Buffer out", p.MaxConcurrency, minQueueConcurrency, maxQueueConcurrency)
	}
}

// findBinaries returns the folder with the binaries of the functions, which it
// builds unless the user has given one.
func findBinaries(report report, given string, a Architecture, functions ...string) string {
	if len(functions) == 0 {
		return given
	}
	if given == "" {
		built, err := assets.Build(a.goarch(), functions...)
		if err != nil {
			report("Assets", "%v", err)
		}
		return built
	}
	for _, err := range assets.Missing(given, a.goarch(), functions...) {
		report("Assets", "%v", err)
	}
	return given
}

// function is a Lambda function and the role that is its alone.
type function struct {
	awslambda.Function
	// arn and name are those of Function, asked for once.
	arn, name func() string
	role      awsiam.Role
	// rights are nil for a function that is there already.
	rights   *rights
	logs     awslogs.ILogGroup
	settings settings
}

func refer(f awslambda.Function) function {
	return function{Function: f, arn: known(f.FunctionArn), name: known(f.FunctionName)}
}

// settings are what all functions of a feed or of a store have in common.
type settings struct {
	assets       string
	architecture Architecture
	retention    awslogs.RetentionDays
	// key encrypts what is at rest; nil: keys of AWS.
	key awskms.IKey
	// deleteData: the data go with their stack.
	deleteData bool
	site       *site
}

func newSettings(assets string, a Architecture, logRetentionDays int) settings {
	return settings{assets: assets, architecture: a, retention: logRetentions[logRetentionDays]}
}

// functionConfig is what makes one function another than the next.
type functionConfig struct {
	settings
	// name is that of the binary, of names what is said of its role: "of feed orders".
	name, of, description string
	environment           map[string]string
	size                  FunctionProps
	// roleName and functionName are empty where nobody needs to know them before
	// the deployment.
	roleName, functionName string
	// logs is the log group of another function to write to; nil for its own.
	logs awslogs.ILogGroup
	// queue is the queue before the function, nil for none.
	queue awssqs.CfnQueue
	// recursive is for a function that hands its work on to itself.
	recursive bool
}

// newFunction makes a function. Its role allows writing its own log, nothing else.
func newFunction(scope core.Construct, id string, c functionConfig) function {
	logs := c.logs
	if logs == nil {
		logs = newLogGroup(scope, id+"Logs", c.settings)
	}
	role := awsiam.NewRole(scope, jsii.String(id+"Role"), &awsiam.RoleProps{
		RoleName:    optional(c.roleName),
		AssumedBy:   servicePrincipal("lambda.amazonaws.com"),
		Description: jsii.String("Of the function " + c.name + " " + c.of),
	})
	environment := make(map[string]*string, len(c.environment))
	for k, v := range c.environment {
		environment[k] = jsii.String(v)
	}
	props := &awslambda.FunctionProps{
		FunctionName: optional(c.functionName),
		Description:  jsii.String(c.description),
		Runtime:      providedRuntime(struct{}{}),
		Architecture: architectureOf(c.architecture),
		Handler:      jsii.String("bootstrap"),
		Code:         awslambda.Code_FromAsset(jsii.String(assets.Folder(c.assets, c.architecture.goarch(), c.name)), nil),
		Role:         role,
		LogGroup:     logs,
		MemorySize:   jsii.Number(c.size.MemoryMB),
		Timeout:      seconds(c.size.Timeout),
		Environment:  &environment,
	}
	if len(environment) > 0 {
		props.EnvironmentEncryption = c.key
	}
	if c.size.MaxConcurrency > 0 && c.queue == nil {
		props.ReservedConcurrentExecutions = jsii.Number(c.size.MaxConcurrency)
	}
	if c.recursive {
		// Lambda takes handing on for a loop after 16 times and would stop it. The
		// functions have a bound of their own.
		props.RecursiveLoop = awslambda.RecursiveLoop_ALLOW
	}
	f := refer(awslambda.NewFunction(scope, &id, props))
	f.role, f.rights, f.logs, f.settings = role, &rights{}, logs, c.settings
	// The ARN of a log group ends in ":*", which stands for its streams.
	f.allow(nil, []string{*logs.LogGroupArn()}, logActions...)
	return f
}

// logActions are what a function may do with its own log group.
var logActions = []string{"logs:CreateLogStream", "logs:PutLogEvents"}

func newLogGroup(scope core.Construct, id string, s settings) awslogs.LogGroup {
	return awslogs.NewLogGroup(scope, &id, &awslogs.LogGroupProps{
		Retention:     s.retention,
		EncryptionKey: s.key,
		// The ledger, which is kept, says what became of each file.
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
}

// newFeedFunction makes a function that is invoked asynchronously, or by the
// queue of c, hands on to itself what takes longer than one invocation, and has
// what it failed on sent to the queue of failures.
func newFeedFunction(scope core.Construct, id string, c functionConfig, failures queue) function {
	c.recursive = true
	if c.queue != nil {
		c.environment = maps.Clone(c.environment)
		c.environment[feed.EnvQueueURL] = *c.queue.Ref()
	}
	f := newFunction(scope, id, c)
	if c.queue != nil {
		f.allow(nil, []string{*c.queue.AttrArn()}, "sqs:SendMessage")
	} else {
		f.allowItself(scope, id, c)
	}
	f.allow(nil, []string{failures.arn}, "sqs:SendMessage")
	// Also with a queue, for what was still waiting for the function when the feed
	// went over to it. The level-1 resource, because the level-2 one also grants the
	// function two actions on the queue that sending does not need.
	awslambda.NewCfnEventInvokeConfig(scope, jsii.String(id+"Invocations"), &awslambda.CfnEventInvokeConfigProps{
		FunctionName:             jsii.String(f.name()),
		Qualifier:                jsii.String("$LATEST"),
		MaximumRetryAttempts:     jsii.Number(2),
		MaximumEventAgeInSeconds: jsii.Number((6 * time.Hour).Seconds()),
		DestinationConfig: &awslambda.CfnEventInvokeConfig_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventInvokeConfig_OnFailureProperty{Destination: &failures.arn},
		},
	})
	return f
}

// allowItself lets f invoke itself.
func (f function) allowItself(scope core.Construct, id string, c functionConfig) {
	if name := c.functionName; name != "" {
		f.allow(nil, []string{c.site.functionARN(name)}, "lambda:InvokeFunction")
		return
	}
	// A policy apart from the role's own, which the function waits for: that one
	// could not name the function.
	newPolicy(scope, id+"HandOn", []awsiam.Role{f.role}, right{resources: []string{f.arn()}, actions: []string{"lambda:InvokeFunction"}})
}

// newPolicy makes a policy of roles apart from the roles themselves.
func newPolicy(scope core.Construct, id string, roles []awsiam.Role, rights ...right) awsiam.CfnPolicy {
	var statements []any
	var names []*string
	for _, role := range roles {
		names = append(names, role.RoleName())
	}
	for _, r := range rights {
		statements = append(statements, r.statement())
	}
	return awsiam.NewCfnPolicy(scope, &id, &awsiam.CfnPolicyProps{
		PolicyName: &id, PolicyDocument: policy(statements...), Roles: &names,
	})
}

func allow(conditions map[string]any, resources []string, actions ...string) awsiam.PolicyStatement {
	props := &awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: jsii.Strings(resources...)}
	if conditions != nil {
		props.Conditions = &conditions
	}
	return awsiam.NewPolicyStatement(props)
}

// optional is s for the CDK, nil for an empty one.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
