package constructs

import (
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
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

// FunctionProps size one of the functions. A zero field means its default.
type FunctionProps struct {
	// MemoryMB is 128 to 10,240. It also sets the share of processors: 1,769 is
	// one. Default: 1,769 for unpack, which decompresses; 512 for load, which
	// mostly waits for the table.
	MemoryMB int
	// Timeout is 1 second to 15 minutes, in whole seconds (default 15 minutes).
	Timeout time.Duration
	// MaxConcurrency is how many of it may run at once. It is taken out of the
	// account's own limit, for this function alone. Default: no limit but the account's.
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

func (p FunctionProps) validate(report report, field string) {
	if p.MemoryMB < 128 || p.MemoryMB > 10240 {
		report(field+".MemoryMB", "%d is outside 128 to 10240", p.MemoryMB)
	}
	if p.Timeout < time.Second || p.Timeout > 15*time.Minute || p.Timeout%time.Second != 0 {
		report(field+".Timeout", "%s is not a number of whole seconds from 1s to 15m0s", p.Timeout)
	}
	if p.MaxConcurrency < 0 {
		report(field+".MaxConcurrency", "%d is negative: give 0 for no limit", p.MaxConcurrency)
	}
}

// asset returns the folder with the binary of a function.
func asset(root string, a Architecture, name string) string {
	return filepath.Join(root, a.goarch(), name)
}

// missing reports which of the functions are not built.
func missing(report report, assets string, a Architecture, names ...string) {
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(asset(assets, a, name), "bootstrap")); err != nil {
			report("Assets", "%v: run \"make build\" first", err)
		}
	}
}

// function is a Lambda function and the role that is its alone.
type function struct {
	awslambda.Function
	role awsiam.Role
}

// settings are what all functions of a feed or of a store have in common.
type settings struct {
	assets       string
	architecture Architecture
	retention    awslogs.RetentionDays
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
	// roleName is empty where nobody needs to know it before the deployment.
	roleName string
	// recursive is for a function that hands its work on to itself.
	recursive bool
}

// newFunction makes a function. Its role allows writing its own log, nothing else.
func newFunction(scope core.Construct, id string, c functionConfig) function {
	logs := awslogs.NewLogGroup(scope, jsii.String(id+"Logs"), &awslogs.LogGroupProps{
		Retention: c.retention,
		// The ledger, which is kept, says what became of each file.
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	role := awsiam.NewRole(scope, jsii.String(id+"Role"), &awsiam.RoleProps{
		RoleName:    optional(c.roleName),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description: jsii.String("Of the function " + c.name + " " + c.of),
	})
	architecture := awslambda.Architecture_ARM_64()
	if c.architecture == X86 {
		architecture = awslambda.Architecture_X86_64()
	}
	environment := make(map[string]*string, len(c.environment))
	for k, v := range c.environment {
		environment[k] = jsii.String(v)
	}
	props := &awslambda.FunctionProps{
		Description:  jsii.String(c.description),
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: architecture,
		Handler:      jsii.String("bootstrap"),
		Code:         awslambda.Code_FromAsset(jsii.String(asset(c.assets, c.architecture, c.name)), nil),
		Role:         role,
		LogGroup:     logs,
		MemorySize:   jsii.Number(c.size.MemoryMB),
		Timeout:      seconds(c.size.Timeout),
		Environment:  &environment,
	}
	if c.size.MaxConcurrency > 0 {
		props.ReservedConcurrentExecutions = jsii.Number(c.size.MaxConcurrency)
	}
	if c.recursive {
		// Lambda takes handing on for a loop after 16 times and would stop it. The
		// functions have a bound of their own.
		props.RecursiveLoop = awslambda.RecursiveLoop_ALLOW
	}
	f := function{role: role, Function: awslambda.NewFunction(scope, &id, props)}
	// The ARN of a log group ends in ":*", which stands for its streams.
	f.allow(nil, []string{*logs.LogGroupArn()}, "logs:CreateLogStream", "logs:PutLogEvents")
	return f
}

// newFeedFunction makes a function that is invoked asynchronously, hands on to
// itself what takes longer than one invocation, and has what it failed on sent
// to the queue.
func newFeedFunction(scope core.Construct, id string, c functionConfig, failures awssqs.IQueue) function {
	c.recursive = true
	f := newFunction(scope, id, c)
	// A policy apart from the role's own, which the function waits for: that one
	// could not name the function.
	awsiam.NewPolicy(scope, jsii.String(id+"HandOn"), &awsiam.PolicyProps{
		Roles:      &[]awsiam.IRole{f.role},
		Statements: &[]awsiam.PolicyStatement{allow(nil, []string{*f.FunctionArn()}, "lambda:InvokeFunction")},
	})
	f.allow(nil, []string{*failures.QueueArn()}, "sqs:SendMessage")
	// The level-1 resource, because the level-2 one also grants the function
	// two actions on the queue that sending does not need.
	awslambda.NewCfnEventInvokeConfig(scope, jsii.String(id+"Invocations"), &awslambda.CfnEventInvokeConfigProps{
		FunctionName:             f.FunctionName(),
		Qualifier:                jsii.String("$LATEST"),
		MaximumRetryAttempts:     jsii.Number(2),
		MaximumEventAgeInSeconds: jsii.Number((6 * time.Hour).Seconds()),
		DestinationConfig: &awslambda.CfnEventInvokeConfig_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventInvokeConfig_OnFailureProperty{Destination: failures.QueueArn()},
		},
	})
	return f
}

// allow adds a statement to the role of f.
func (f function) allow(conditions map[string]any, resources []string, actions ...string) {
	f.role.AddToPolicy(allow(conditions, resources, actions...))
}

func allow(conditions map[string]any, resources []string, actions ...string) awsiam.PolicyStatement {
	props := &awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: jsii.Strings(resources...)}
	if conditions != nil {
		props.Conditions = &conditions
	}
	return awsiam.NewPolicyStatement(props)
}

// seconds is d for the CDK.
func seconds(d time.Duration) awscdk.Duration {
	return awscdk.Duration_Seconds(jsii.Number(d.Seconds()))
}

// optional is s for the CDK, nil for an empty one.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
