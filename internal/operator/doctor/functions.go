package doctor

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"example.com/ingestion/feed"
)

// functions checks the functions of the feed.
func functions(ctx context.Context, d *doctor) {
	d.functions = map[string]*lambda.GetFunctionConfigurationOutput{}
	for _, f := range []struct{ check, name string }{
		{"unpack", d.Feed.UnpackFunction}, {"load", d.Feed.LoadFunction}, {"discover", d.Feed.DiscoverFunction},
	} {
		if f.name != "" {
			d.function(ctx, f.check, f.name)
		}
	}
	d.account(ctx)
}

// account compares the concurrency of the account with that of the loaders. Accounts begin
// with 1,000 executions at a time, new ones with fewer, such as 10 ("Lambda quotas").
// Where loaders take them all, unpack waits: its events are tried for six hours.
func (d *doctor) account(ctx context.Context) {
	const check = "account: concurrency"
	loaders := loadersOf(d.functions[d.Feed.LoadFunction])
	if loaders == 0 {
		return // of a store that does not say it
	}
	out, err := d.lambda.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		d.unknown(check, err, "lambda:GetAccountSettings")
		return
	}
	if out.AccountLimit == nil {
		return
	}
	free := int(aws.ToInt32(out.AccountLimit.UnreservedConcurrentExecutions))
	if free >= 2*loaders {
		return
	}
	d.warn(check, fmt.Sprintf("request a higher quota: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000; until then deploy the store with loaders set to %d", max(free/2, 1)),
		"functions without reserved concurrency may run %d at a time in this region, of %d of the account, and load takes up to %d (loaders): other functions wait, and events that waited for six hours are in the failure queue",
		free, out.AccountLimit.ConcurrentExecutions, loaders)
}

// loadersOf is the number of loaders that a load function is configured with, 0 if it
// does not say.
func loadersOf(f *lambda.GetFunctionConfigurationOutput) int {
	if f == nil || f.Environment == nil {
		return 0
	}
	n, err := strconv.Atoi(f.Environment.Variables[feed.EnvLoaders])
	if err != nil {
		return 0
	}
	return n
}

func (d *doctor) function(ctx context.Context, check, name string) {
	revert := d.revert()
	f, err := d.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	switch {
	case missing(err):
		d.fail(check, revert, "function %s does not exist", name)
		return
	case err != nil:
		d.unknown(check, err, "lambda:GetFunctionConfiguration")
		return
	}
	d.functions[name] = f
	switch wrong := d.environment(check, f); {
	case f.State == types.StateFailed:
		d.fail(check, revert, "is Failed: %s", aws.ToString(f.StateReason))
	case f.LastUpdateStatus == types.LastUpdateStatusFailed:
		d.fail(check, revert, "its last update failed: %s", aws.ToString(f.LastUpdateStatusReason))
	case f.State == types.StatePending || f.LastUpdateStatus == types.LastUpdateStatusInProgress:
		d.warn(check, "wait for a minute, and check again", "is being updated")
	case wrong != "":
		d.fail(check, "it was changed by hand, or by another deployment than the template: "+revert, "%s", wrong)
	default:
		d.pass(check, "%d MB, updated %s", aws.ToInt32(f.MemorySize), moment(aws.ToString(f.LastModified)))
	}
	d.concurrency(ctx, check, name)
	d.failureTarget(ctx, check, name)
}

// environment describes an environment variable that differs from the template or the
// outputs of the stack; empty if none does.
func (d *doctor) environment(check string, f *lambda.GetFunctionConfigurationOutput) string {
	env := map[string]string{}
	if f.Environment != nil {
		env = f.Environment.Variables
	}
	if check != "load" { // it serves every feed of the store
		spec, err := feed.FromEnv(func(name string) string { return env[name] })
		if err != nil {
			return err.Error()
		}
		if !reflect.DeepEqual(spec, d.Feed.Spec) {
			return "its " + feed.EnvSpec + " differs from the template"
		}
	}
	if check == "discover" {
		return ""
	}
	for _, v := range []struct{ name, want string }{{feed.EnvLandingBucket, d.Feed.LandingBucket}, {feed.EnvTable, d.Feed.Table}} {
		if env[v.name] != v.want {
			return fmt.Sprintf("its %s is %q, the stack's is %q", v.name, env[v.name], v.want)
		}
	}
	return ""
}

// concurrency detects a function that was stopped with a reserved concurrency of 0.
func (d *doctor) concurrency(ctx context.Context, check, name string) {
	out, err := d.lambda.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: &name})
	switch {
	case err != nil:
		d.unknown(check+": concurrency", err, "lambda:GetFunctionConcurrency")
	case out.ReservedConcurrentExecutions != nil && *out.ReservedConcurrentExecutions == 0:
		d.fail(check+": concurrency", "aws lambda delete-function-concurrency --function-name "+name, "the function is stopped: its reserved concurrency is 0")
	}
}

// failureTarget checks the on-failure destination of a function. Load has none: its
// events have no data.
func (d *doctor) failureTarget(ctx context.Context, function, name string) {
	if function == "load" {
		return
	}
	check := function + ": failures"
	queue := queueName(d.Feed.FailureQueueURL)
	out, err := d.lambda.GetFunctionEventInvokeConfig(ctx, &lambda.GetFunctionEventInvokeConfigInput{FunctionName: &name})
	switch {
	case err != nil && !missing(err):
		d.unknown(check, err, "lambda:GetFunctionEventInvokeConfig")
	case missing(err) || out.DestinationConfig == nil || out.DestinationConfig.OnFailure == nil || !strings.HasSuffix(aws.ToString(out.DestinationConfig.OnFailure.Destination), ":"+queue):
		d.fail(check, d.revert(), "failed events are not sent to queue %s: they are lost", queue)
	default:
		d.pass(check, "failed events are sent to queue %s", queue)
	}
}

// queueName returns the name of a queue from its URL.
func queueName(url string) string { return url[strings.LastIndex(url, "/")+1:] }

// mayInvoke reports whether the policy of a function allows a service to invoke it for a
// source.
func (d *doctor) mayInvoke(ctx context.Context, name, service, sourceARN string) (bool, error) {
	out, err := d.lambda.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &name})
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
