// Package function makes Lambda functions: each has a role that is its own and a
// log group, and its role may write to that log group and do nothing else until
// statements are added.
package function

import (
	"sync"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/constructs/internal/loggroup"
	"example.com/ingestion/constructs/internal/policy"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
)

// policyName is the name of the inline policy of each role.
const policyName = "Access"

// Config describes one function.
type Config struct {
	stackscope.Settings
	// Asset is the name of the binary, see package assets.
	Asset string
	// Of completes the description of the role: "of feed orders".
	Of string
	// Description is that of the function.
	Description string
	Environment map[string]string
	Size
	// RoleName and FunctionName are empty where they need not be known before the
	// deployment.
	RoleName, FunctionName string
	// Logs is the log group of another function to write to; nil for its own.
	Logs awslogs.ILogGroup
	// InvokesItself is for a function that continues in a new invocation what takes
	// longer than one.
	InvokesItself bool
}

// Size is how much a function may take.
type Size struct {
	MemoryMB int
	Timeout  time.Duration
	// MaxConcurrency is 0 for no limit but the account's.
	MaxConcurrency int
}

// Output is a function, its role and its log group.
type Output struct {
	Function awslambda.Function
	// ARN and Name ask the CDK at their first call.
	ARN, Name func() string
	// Role is nil for an existing function.
	Role awsiam.Role
	// Statements are nil for an existing function.
	*policy.Statements
	Logs     awslogs.ILogGroup
	Settings stackscope.Settings
}

// New makes a function. Call [Output.AttachPolicy] when all statements are added.
func New(scope core.Construct, id string, c Config) *Output {
	logs := c.Logs
	if logs == nil {
		logs = loggroup.New(scope, id+"Logs", c.Settings)
	}
	role := awsiam.NewRole(scope, jsii.String(id+"Role"), &awsiam.RoleProps{
		RoleName:    stackscope.Optional(c.RoleName),
		AssumedBy:   c.ServicePrincipal("lambda.amazonaws.com"),
		Description: jsii.String("Role of the function " + c.Asset + " " + c.Of),
	})
	environment := make(map[string]*string, len(c.Environment))
	for k, v := range c.Environment {
		environment[k] = jsii.String(v)
	}
	props := &awslambda.FunctionProps{
		FunctionName: stackscope.Optional(c.FunctionName),
		Description:  jsii.String(c.Description),
		Runtime:      c.Runtime(),
		Architecture: c.Architecture(c.GOARCH),
		Handler:      jsii.String("bootstrap"),
		Code:         awslambda.Code_FromAsset(jsii.String(assets.Folder(c.Assets, c.GOARCH, c.Asset)), nil),
		Role:         role,
		LogGroup:     logs,
		MemorySize:   jsii.Number(c.MemoryMB),
		Timeout:      c.Seconds(c.Timeout),
		Environment:  &environment,
	}
	if len(environment) > 0 {
		props.EnvironmentEncryption = c.Key
	}
	if c.MaxConcurrency > 0 {
		props.ReservedConcurrentExecutions = jsii.Number(c.MaxConcurrency)
	}
	if c.InvokesItself {
		// Lambda stops a function that invokes itself after 16 times. The functions
		// have a limit of their own.
		props.RecursiveLoop = awslambda.RecursiveLoop_ALLOW
	}
	f := Existing(awslambda.NewFunction(scope, &id, props))
	f.Role, f.Statements, f.Logs, f.Settings = role, &policy.Statements{}, logs, c.Settings
	// The ARN of a log group ends in ":*", which stands for its streams.
	f.Allow(nil, []string{*logs.LogGroupArn()}, loggroup.Actions...)
	return f
}

// Existing is a function that another feed of the same stack has made.
func Existing(f awslambda.Function) *Output {
	return &Output{
		Function: f,
		ARN:      sync.OnceValue(func() string { return *f.FunctionArn() }),
		Name:     sync.OnceValue(func() string { return *f.FunctionName() }),
	}
}

// AllowKey allows actions with the key of the function's settings, if it has one.
func (f *Output) AllowKey(actions []string) {
	if f.Settings.Key != nil {
		f.Allow(nil, []string{*f.Settings.Key.KeyArn()}, actions...)
	}
}

// AllowAnnouncements adds the statement for events that announce uploads.
func (f *Output) AllowAnnouncements() {
	f.Allow(map[string]any{"ForAllValues:StringEquals": map[string]any{"events:source": feed.EventSource}},
		[]string{f.Settings.DefaultBusARN()}, "events:PutEvents")
}

// AttachPolicy gives the role its statements, as a policy of the role itself.
func (f *Output) AttachPolicy() {
	f.AttachTo(f.Role.Node().DefaultChild().(awsiam.CfnRole), policyName)
}
