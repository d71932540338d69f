// Package buffer makes the queues before the functions unpack and load, of a feed
// with Buffer: Queue, and what connects the queues to the functions.
package buffer

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/constructs/internal/function"
	"example.com/ingestion/constructs/internal/kmskey"
	"example.com/ingestion/constructs/internal/nag"
	"example.com/ingestion/constructs/internal/policy"
	"example.com/ingestion/constructs/internal/queue"
	"example.com/ingestion/constructs/internal/stackscope"
)

// The rules of SQS as an event source (Lambda's documentation: "Configuring
// scaling behavior for SQS event source mappings" and "Creating and configuring
// an Amazon SQS event source mapping").
const (
	// MinConcurrency and MaxConcurrency bound the concurrency of a mapping.
	MinConcurrency = 2
	MaxConcurrency = 1000
	// visibilityTimeouts is for how many timeouts of the function a received message
	// stays invisible: a throttled invocation is tried again within that time.
	visibilityTimeouts = 6
	maxReceives        = 5
)

// Config describes the queues of a feed.
type Config struct {
	stackscope.Settings
	Feed string
	// Failures takes messages that were received five times.
	Failures *queue.Output
	// Unpack and Load are the sizes of the two functions.
	Unpack, Load function.Size
	// DrainName is the name of the function drain.
	DrainName string
}

// Output is the queues. They are level-1 resources.
type Output struct {
	Unpack, Load awssqs.CfnQueue
	// Drain is nil until Attach. It must be made before the first event can arrive,
	// and deleted after the last.
	Drain awscdk.CfnResource
	// DrainFunction is nil until Attach.
	DrainFunction *function.Output

	scope      core.Construct
	config     Config
	policy     awssqs.CfnQueuePolicy
	statements []any
}

// New makes the queues. The policy is that of unpack's queue alone: a statement in
// it must not name another queue ("Special information for Amazon SQS policies").
func New(scope core.Construct, c Config) *Output {
	b := &Output{scope: scope, config: c}
	b.Unpack, b.Load = b.newQueue("UnpackQueue", c.Unpack), b.newQueue("LoadQueue", c.Load)
	b.statements = []any{denyWithoutTLS(b.Unpack.AttrArn())}
	b.policy = awssqs.NewCfnQueuePolicy(scope, jsii.String("QueuePolicy"), &awssqs.CfnQueuePolicyProps{
		Queues: &[]*string{b.Unpack.Ref()}, PolicyDocument: policy.Document(b.statements...),
	})
	nag.Suppress(b.Load, "AwsSolutions-SQS4", "It has no resource policy: roles of this feed alone may use it, through the SDK's endpoints, which are TLS")
	return b
}

func (b *Output) newQueue(id string, size function.Size) awssqs.CfnQueue {
	props := &awssqs.CfnQueueProps{
		MessageRetentionPeriod: jsii.Number((14 * 24 * time.Hour).Seconds()),
		VisibilityTimeout:      jsii.Number((visibilityTimeouts * size.Timeout).Seconds()),
		RedrivePolicy:          map[string]any{"deadLetterTargetArn": b.config.Failures.ARN, "maxReceiveCount": maxReceives},
		SqsManagedSseEnabled:   true,
	}
	if b.config.Key != nil {
		props.SqsManagedSseEnabled, props.KmsMasterKeyId = nil, b.config.Key.KeyArn()
	}
	return awssqs.NewCfnQueue(b.scope, &id, props)
}

func denyWithoutTLS(queueARN *string) map[string]any {
	return map[string]any{
		"Effect": "Deny", "Principal": map[string]any{"AWS": "*"}, "Action": "sqs:*", "Resource": queueARN,
		"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
	}
}

// AllowSend lets a service of AWS send to the queue of unpack, under conditions.
func (b *Output) AllowSend(service string, conditions map[string]any) {
	b.statements = append(b.statements, map[string]any{
		"Effect": "Allow", "Principal": map[string]any{"Service": service}, "Action": "sqs:SendMessage", "Resource": b.Unpack.AttrArn(),
		"Condition": conditions,
	})
	b.policy.SetPolicyDocument(policy.Document(b.statements...))
}

// Reference is the queue of unpack, whose policy the CDK does not change.
func (b *Output) Reference() awssqs.IQueue {
	return awssqs.Queue_FromQueueArn(b.scope, jsii.String("UnpackQueueReference"), b.Unpack.AttrArn())
}

// Attach has the queues invoke the two functions. The resources are made in the
// order queue, policy and mapping, drain, notifications. They are deleted in the
// reverse order, with the whole feed or alone where the feed goes back to Direct:
// no object is notified any more, drain waits until both queues are empty, then
// mapping, policy and queue are deleted. CloudFormation deletes them even if drain
// fails, see package drain; so drain moves what the functions do not receive
// within 45 minutes to the failure queue.
func (b *Output) Attach(unpack, load *function.Output) {
	// A policy apart from those of the roles: when the feed goes back to Direct, the
	// roles change before the queues are drained, and this one is deleted after. It
	// is one for both roles, which a condition distinguishes, because a stack may
	// have a limited number of resources.
	statements := append(b.receiveStatements(unpack, b.Unpack), b.receiveStatements(load, b.Load)...)
	receive := policy.New(b.scope, "ReceiveMessages", []awsiam.Role{unpack.Role, load.Role}, statements...)
	mapping := func(id string, f *function.Output, q awssqs.CfnQueue, maxConcurrency int) core.IDependable {
		m := b.newMapping(id, f, q, maxConcurrency)
		m.Node().AddDependency(receive)
		return m
	}
	ready := []core.IDependable{
		b.policy,
		mapping("Unpack", unpack, b.Unpack, b.config.Unpack.MaxConcurrency),
		mapping("Load", load, b.Load, b.config.Load.MaxConcurrency),
	}
	b.DrainFunction = b.newDrainFunction(unpack)
	b.Drain = awscdk.NewCfnResource(b.scope, jsii.String("QueueDrain"), &awscdk.CfnResourceProps{
		Type: jsii.String("Custom::QueueDrain"),
		Properties: &map[string]any{
			"ServiceToken":   b.DrainFunction.ARN(),
			"ServiceTimeout": fmt.Sprint(drainTimeout.Seconds()),
			// In this order: what is in the first may send to the second.
			"QueueUrls":       []any{b.Unpack.Ref(), b.Load.Ref()},
			"FailureQueueUrl": b.config.Failures.Queue.QueueUrl(),
		},
	})
	b.Drain.Node().AddDependency(ready...)
}

// receiveStatements are what the role of f, and no other, needs to receive from
// its queue.
func (b *Output) receiveStatements(f *function.Output, q awssqs.CfnQueue) []policy.Statement {
	itself := map[string]any{"ArnEquals": map[string]any{"aws:PrincipalArn": f.Role.RoleArn()}}
	statements := []policy.Statement{{Conditions: itself, Resources: []string{*q.AttrArn()}, Actions: []string{"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}}}
	if key := b.config.Key; key != nil {
		statements = append(statements, policy.Statement{Conditions: itself, Resources: []string{*key.KeyArn()}, Actions: kmskey.Reads})
	}
	return statements
}

// newMapping has f invoked with the messages of its queue, one at a time.
func (b *Output) newMapping(id string, f *function.Output, q awssqs.CfnQueue, maxConcurrency int) awslambda.CfnEventSourceMapping {
	props := &awslambda.CfnEventSourceMappingProps{
		FunctionName: jsii.String(f.Name()), EventSourceArn: q.AttrArn(),
		BatchSize:             jsii.Number(1),
		FunctionResponseTypes: jsii.Strings("ReportBatchItemFailures"),
	}
	if maxConcurrency > 0 {
		props.ScalingConfig = &awslambda.CfnEventSourceMapping_ScalingConfigProperty{MaximumConcurrency: jsii.Number(maxConcurrency)}
	}
	return awslambda.NewCfnEventSourceMapping(b.scope, jsii.String(id+"Messages"), props)
}

// drainTimeout is for how long CloudFormation waits for a custom resource: an
// hour at most.
const drainTimeout = time.Hour

// newDrainFunction makes the function that waits for empty queues, at deployment
// only. It writes to the log group of unpack.
func (b *Output) newDrainFunction(unpack *function.Output) *function.Output {
	f := function.New(b.scope, "Drain", function.Config{
		Settings: b.config.Settings, Logs: unpack.Logs,
		// The name is known before the function is made, so that its role can allow it
		// to invoke itself: draining takes longer than one invocation.
		Asset: assets.Drain, FunctionName: b.config.DrainName, Of: "of feed " + b.config.Feed,
		Description:   fmt.Sprintf("Feed %s: waits until the queues are empty, before they are deleted", b.config.Feed),
		Size:          function.Size{MemoryMB: 128, Timeout: 15 * time.Minute},
		InvokesItself: true,
	})
	f.Allow(nil, []string{*b.Unpack.AttrArn(), *b.Load.AttrArn()}, "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
	f.Allow(nil, []string{b.config.Failures.ARN}, "sqs:SendMessage")
	f.AllowKey(kmskey.Writes)
	f.Allow(nil, []string{b.config.FunctionARN(b.config.DrainName)}, "lambda:InvokeFunction")
	f.AttachPolicy()
	return f
}
