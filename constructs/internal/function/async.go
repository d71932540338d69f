package function

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/policy"
)

// NewAsync makes a function that is invoked asynchronously. What takes longer than one
// invocation it continues in another, and events that it failed on three times go to a
// failure queue, if there is one.
func NewAsync(scope core.Construct, id string, c Config, failureQueueARN string) *Output {
	c.InvokesItself = true
	f := New(scope, id, c)
	f.allowItself(scope, id, c)
	props := &awslambda.CfnEventInvokeConfigProps{
		FunctionName:             jsii.String(f.Name()),
		Qualifier:                jsii.String("$LATEST"),
		MaximumRetryAttempts:     jsii.Number(2),
		MaximumEventAgeInSeconds: jsii.Number((6 * time.Hour).Seconds()),
	}
	if failureQueueARN != "" {
		f.Allow(nil, []string{failureQueueARN}, "sqs:SendMessage")
		props.DestinationConfig = &awslambda.CfnEventInvokeConfig_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventInvokeConfig_OnFailureProperty{Destination: &failureQueueARN},
		}
	}
	// The level-1 resource, because the level-2 one also grants the function two actions
	// on the queue that sending does not need.
	awslambda.NewCfnEventInvokeConfig(scope, jsii.String(id+"Invocations"), props)
	return f
}

// allowItself lets f invoke itself.
func (f *Output) allowItself(scope core.Construct, id string, c Config) {
	if name := c.FunctionName; name != "" {
		f.Allow(nil, []string{c.FunctionARN(name)}, "lambda:InvokeFunction")
		return
	}
	// A policy apart from the role: the function waits for its role, so that a
	// policy of the role itself cannot name the function.
	policy.New(scope, id+"InvokeItself", []awsiam.Role{f.Role}, policy.Statement{Resources: []string{f.ARN()}, Actions: []string{"lambda:InvokeFunction"}})
}
