package doctor

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"example.com/ingestion/feed"
)

// functions looks at each function of the feed.
func functions(ctx context.Context, x *exam) {
	x.functions = map[string]*lambda.GetFunctionConfigurationOutput{}
	for _, f := range []struct{ what, name string }{
		{"unpack", x.Live.UnpackFunction}, {"load", x.Live.LoadFunction}, {"discover", x.Live.DiscoverFunction},
	} {
		if f.name != "" {
			x.function(ctx, f.what, f.name)
		}
	}
}

func (x *exam) function(ctx context.Context, what, name string) {
	deploy := x.revert()
	f, err := x.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	switch {
	case missing(err):
		x.fail(what, deploy, "function %s does not exist", name)
		return
	case err != nil:
		x.failed(what, err, "lambda:GetFunctionConfiguration")
		return
	}
	x.functions[name] = f
	switch wrong := x.environment(what, f); {
	case f.State == types.StateFailed:
		x.fail(what, deploy, "is Failed: %s", aws.ToString(f.StateReason))
	case f.LastUpdateStatus == types.LastUpdateStatusFailed:
		x.fail(what, deploy, "its last update failed: %s", aws.ToString(f.LastUpdateStatusReason))
	case f.State == types.StatePending || f.LastUpdateStatus == types.LastUpdateStatusInProgress:
		x.warn(what, "wait for a minute, and look again", "is being updated")
	case wrong != "":
		x.fail(what, "it was changed by hand, or comes from another deployment than the template: "+deploy, "%s", wrong)
	default:
		x.pass(what, "%d MB, updated %s", aws.ToInt32(f.MemorySize), moment(aws.ToString(f.LastModified)))
	}
	x.concurrency(ctx, what, name)
	x.failureTarget(ctx, what, name)
}

// environment says what of a function's environment is not the stack's.
func (x *exam) environment(what string, f *lambda.GetFunctionConfigurationOutput) string {
	env := map[string]string{}
	if f.Environment != nil {
		env = f.Environment.Variables
	}
	spec, err := feed.FromEnv(func(name string) string { return env[name] })
	if err != nil {
		return err.Error()
	}
	if !reflect.DeepEqual(spec, x.Live.Spec) {
		return "its " + feed.EnvSpec + " is not what the template says of the feed"
	}
	if what == "discover" {
		return ""
	}
	for _, v := range []struct{ name, want string }{{feed.EnvLandingBucket, x.Live.LandingBucket}, {feed.EnvTable, x.Live.Table}} {
		if env[v.name] != v.want {
			return fmt.Sprintf("its %s is %q, the stack's is %q", v.name, env[v.name], v.want)
		}
	}
	return ""
}

// concurrency finds a function that somebody stopped by allowing it no run.
func (x *exam) concurrency(ctx context.Context, what, name string) {
	out, err := x.lambda.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: &name})
	switch {
	case err != nil:
		x.failed(what+": may run", err, "lambda:GetFunctionConcurrency")
	case out.ReservedConcurrentExecutions != nil && *out.ReservedConcurrentExecutions == 0:
		x.fail(what+": may run", "aws lambda delete-function-concurrency --function-name "+name, "it is stopped: its reserved concurrency is 0")
	}
}

// failureTarget looks where events go that the function gives up on. With
// queues, that of unpack and load is the queues' matter.
func (x *exam) failureTarget(ctx context.Context, what, name string) {
	if x.queued() && what != "discover" {
		return
	}
	check := what + ": failures"
	queue := queueName(x.Live.FailureQueueURL)
	out, err := x.lambda.GetFunctionEventInvokeConfig(ctx, &lambda.GetFunctionEventInvokeConfigInput{FunctionName: &name})
	switch {
	case err != nil && !missing(err):
		x.failed(check, err, "lambda:GetFunctionEventInvokeConfig")
	case missing(err) || out.DestinationConfig == nil || out.DestinationConfig.OnFailure == nil || !strings.HasSuffix(aws.ToString(out.DestinationConfig.OnFailure.Destination), ":"+queue):
		x.fail(check, x.revert(), "events that it fails on are not sent to queue %s: they are lost", queue)
	default:
		x.pass(check, "go to queue %s", queue)
	}
}

// queueName is the last part of a queue's URL, and of its ARN.
func queueName(url string) string { return url[strings.LastIndex(url, "/")+1:] }

// mayInvoke reports whether a function's policy lets a service invoke it for a source.
func (x *exam) mayInvoke(ctx context.Context, name, service, sourceARN string) (bool, error) {
	out, err := x.lambda.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &name})
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p, err := parsePolicy(aws.ToString(out.Policy))
	if err != nil {
		return false, err
	}
	return p.allows(service, "lambda:InvokeFunction", sourceARN), nil
}
