package constructs

import (
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

// function is a Lambda function and the role that is its alone.
type function struct {
	awslambda.Function
	role awsiam.Role
}

// functionConfig is what the functions of a feed have in common.
type functionConfig struct {
	assets       string
	architecture Architecture
	retention    awslogs.RetentionDays
	failures     awssqs.IQueue
	feed         string
	environment  map[string]string
}

// newFunction makes the function whose binary is called name. Its role allows
// writing its own log and sending failed events to the queue, nothing else.
func newFunction(scope core.Construct, id, name, description string, c functionConfig, p FunctionProps) function {
	logs := awslogs.NewLogGroup(scope, jsii.String(id+"Logs"), &awslogs.LogGroupProps{
		Retention: c.retention,
		// The ledger, which is kept, says what became of each file.
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	role := awsiam.NewRole(scope, jsii.String(id+"Role"), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description: jsii.String("Of the function " + name + " of feed " + c.feed),
	})
	architecture := awslambda.Architecture_ARM_64()
	if c.architecture == X86 {
		architecture = awslambda.Architecture_X86_64()
	}
	environment := make(map[string]*string, len(c.environment))
	for k, v := range c.environment {
		environment[k] = jsii.String(v)
	}
	var concurrency *float64
	if p.MaxConcurrency > 0 {
		concurrency = jsii.Number(p.MaxConcurrency)
	}
	f := function{role: role, Function: awslambda.NewFunction(scope, jsii.String(id), &awslambda.FunctionProps{
		Description:                  jsii.String(description),
		Runtime:                      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:                 architecture,
		Handler:                      jsii.String("bootstrap"),
		Code:                         awslambda.Code_FromAsset(jsii.String(asset(c.assets, c.architecture, name)), nil),
		Role:                         role,
		LogGroup:                     logs,
		MemorySize:                   jsii.Number(p.MemoryMB),
		Timeout:                      awscdk.Duration_Seconds(jsii.Number(p.Timeout.Seconds())),
		ReservedConcurrentExecutions: concurrency,
		Environment:                  &environment,
		// What takes longer than one invocation is handed on to the next; Lambda
		// takes that for a loop after 16 and would stop it. The functions have a
		// bound of their own.
		RecursiveLoop: awslambda.RecursiveLoop_ALLOW,
	})}
	// A policy apart from the role's own, which the function waits for: that one
	// could not name the function.
	awsiam.NewPolicy(scope, jsii.String(id+"HandOn"), &awsiam.PolicyProps{
		Roles:      &[]awsiam.IRole{role},
		Statements: &[]awsiam.PolicyStatement{allow(nil, []string{*f.FunctionArn()}, "lambda:InvokeFunction")},
	})
	// The ARN of a log group ends in ":*", which stands for its streams.
	f.allow(nil, []string{*logs.LogGroupArn()}, "logs:CreateLogStream", "logs:PutLogEvents")
	f.allow(nil, []string{*c.failures.QueueArn()}, "sqs:SendMessage")
	// The level-1 resource, because the level-2 one also grants the function
	// two actions on the queue that sending does not need.
	awslambda.NewCfnEventInvokeConfig(scope, jsii.String(id+"Invocations"), &awslambda.CfnEventInvokeConfigProps{
		FunctionName:             f.FunctionName(),
		Qualifier:                jsii.String("$LATEST"),
		MaximumRetryAttempts:     jsii.Number(2),
		MaximumEventAgeInSeconds: jsii.Number((6 * time.Hour).Seconds()),
		DestinationConfig: &awslambda.CfnEventInvokeConfig_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventInvokeConfig_OnFailureProperty{Destination: c.failures.QueueArn()},
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

// logRetentions are the retentions that CloudWatch Logs has, by days.
var logRetentions = map[int]awslogs.RetentionDays{
	1:    awslogs.RetentionDays_ONE_DAY,
	3:    awslogs.RetentionDays_THREE_DAYS,
	5:    awslogs.RetentionDays_FIVE_DAYS,
	7:    awslogs.RetentionDays_ONE_WEEK,
	14:   awslogs.RetentionDays_TWO_WEEKS,
	30:   awslogs.RetentionDays_ONE_MONTH,
	60:   awslogs.RetentionDays_TWO_MONTHS,
	90:   awslogs.RetentionDays_THREE_MONTHS,
	120:  awslogs.RetentionDays_FOUR_MONTHS,
	150:  awslogs.RetentionDays_FIVE_MONTHS,
	180:  awslogs.RetentionDays_SIX_MONTHS,
	365:  awslogs.RetentionDays_ONE_YEAR,
	400:  awslogs.RetentionDays_THIRTEEN_MONTHS,
	545:  awslogs.RetentionDays_EIGHTEEN_MONTHS,
	731:  awslogs.RetentionDays_TWO_YEARS,
	1096: awslogs.RetentionDays_THREE_YEARS,
	1827: awslogs.RetentionDays_FIVE_YEARS,
	2192: awslogs.RetentionDays_SIX_YEARS,
	2557: awslogs.RetentionDays_SEVEN_YEARS,
	2922: awslogs.RetentionDays_EIGHT_YEARS,
	3288: awslogs.RetentionDays_NINE_YEARS,
	3653: awslogs.RetentionDays_TEN_YEARS,
}
