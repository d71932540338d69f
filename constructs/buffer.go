package constructs

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
)

// Buffer is what stands before each of the two functions.
type Buffer string

const (
	// Direct invokes the functions asynchronously (default): Lambda keeps what waits
	// for six hours, then it is in the failure queue. It costs nothing while idle.
	Direct Buffer = "direct"
	// Queue puts an SQS queue before each function, which keeps what waits for 14
	// days, for feeds whose backlog can outlast six hours. Lambda polls the queues
	// day and night, about $0.50 a month for the two of them.
	Queue Buffer = "queue"
)

func (b Buffer) validate(report report) {
	if b != Direct && b != Queue {
		report("Buffer", "%q is neither Direct nor Queue", b)
	}
}

// The rules of SQS as a source of events (Lambda's documentation: "Configuring
// scaling behavior for SQS event source mappings" and "Creating and configuring
// an Amazon SQS event source mapping").
const (
	minQueueConcurrency = 2
	maxQueueConcurrency = 1000
	// visibilityTimeouts is how many timeouts of the function a message is out of
	// sight: an invocation that is throttled is tried again within that time.
	visibilityTimeouts = 6
	maxReceives        = 5
)

// buffer are the queues of a feed with Buffer: Queue.
type buffer struct {
	*IngestionPipeline
	unpack, load awssqs.CfnQueue
	policy       awssqs.CfnQueuePolicy
	statements   []any
	// drain must be there before the first event, and gone after the last.
	drain awscdk.CfnResource
}

// newBuffer makes the queues, as level-1 resources. The policy is that of unpack's
// queue alone: SQS wants no statement about another queue in it ("Special
// information for Amazon SQS policies").
func (p *IngestionPipeline) newBuffer(s settings, unpack, load FunctionProps) *buffer {
	b := &buffer{IngestionPipeline: p}
	b.unpack, b.load = b.newQueue("UnpackQueue", s, unpack), b.newQueue("LoadQueue", s, load)
	b.statements = []any{tlsOnly(b.unpack.AttrArn())}
	b.policy = awssqs.NewCfnQueuePolicy(p.Construct, jsii.String("QueuePolicy"), &awssqs.CfnQueuePolicyProps{
		Queues: &[]*string{b.unpack.Ref()}, PolicyDocument: policy(b.statements...),
	})
	suppress(b.load, "AwsSolutions-SQS4", "no policy lets anybody in: roles of this feed alone may use it, by the SDK's endpoints, which are TLS")
	return b
}

func (b *buffer) newQueue(id string, s settings, size FunctionProps) awssqs.CfnQueue {
	props := &awssqs.CfnQueueProps{
		MessageRetentionPeriod: jsii.Number((14 * 24 * time.Hour).Seconds()),
		VisibilityTimeout:      jsii.Number((visibilityTimeouts * size.Timeout).Seconds()),
		RedrivePolicy:          map[string]any{"deadLetterTargetArn": b.failures.arn, "maxReceiveCount": maxReceives},
		SqsManagedSseEnabled:   true,
	}
	if s.key != nil {
		props.SqsManagedSseEnabled, props.KmsMasterKeyId = nil, s.key.KeyArn()
	}
	return awssqs.NewCfnQueue(b.Construct, &id, props)
}

// accept lets a service of AWS send to the queue of unpack, under conditions.
func (b *buffer) accept(principal string, conditions map[string]any) {
	b.statements = append(b.statements, map[string]any{
		"Effect": "Allow", "Principal": map[string]any{"Service": principal}, "Action": "sqs:SendMessage", "Resource": b.unpack.AttrArn(),
		"Condition": conditions,
	})
	b.policy.SetPolicyDocument(policy(b.statements...))
}

// reference is the queue of unpack, whose policy the CDK leaves alone.
func (b *buffer) reference() awssqs.IQueue {
	return awssqs.Queue_FromQueueArn(b.Construct, jsii.String("UnpackQueueReference"), b.unpack.AttrArn())
}

// feed has the two functions take from their queues. What is made comes in the
// order queue, policy and mapping, drain, and what tells of objects after that. It
// goes in the reverse order, with the whole feed or alone where the feed goes back
// to Direct: nothing is told any more, drain waits until both queues are empty,
// then mapping, policy and queue are deleted. CloudFormation deletes them even if
// drain fails, see package drain; so drain moves what the functions do not take
// in 45 minutes to the failure queue.
func (b *buffer) feed(props IngestionPipelineProps) {
	unpack, load := b.IngestionPipeline.unpack, b.IngestionPipeline.load
	// A policy apart from the roles' own: back to Direct, these change before the
	// queues are drained, and this one goes after. It is one for both roles, which a
	// condition tells apart, because a stack is to have few resources.
	policy := newPolicy(b.Construct, "Take", []awsiam.Role{unpack.role, load.role}, append(taking(unpack, b.unpack), taking(load, b.load)...)...)
	take := func(id string, f function, queue awssqs.CfnQueue, maxConcurrency int) core.IDependable {
		mapping := b.take(id, f, queue, maxConcurrency)
		mapping.Node().AddDependency(policy)
		return mapping
	}
	ready := []core.IDependable{
		b.policy,
		take("Unpack", unpack, b.unpack, props.Unpack.MaxConcurrency),
		take("Load", load, b.load, props.Load.MaxConcurrency),
	}
	b.drain = awscdk.NewCfnResource(b.Construct, jsii.String("QueueDrain"), &awscdk.CfnResourceProps{
		Type: jsii.String("Custom::QueueDrain"),
		Properties: &map[string]any{
			"ServiceToken":   b.newDrain().arn(),
			"ServiceTimeout": fmt.Sprint(drainTimeout.Seconds()),
			// In this order: what is in the first may send to the second.
			"QueueUrls":       []any{b.unpack.Ref(), b.load.Ref()},
			"FailureQueueUrl": b.failures.QueueUrl(),
		},
	})
	b.drain.Node().AddDependency(ready...)
}

// taking is what the role of f, and no other, needs to take from its queue.
func taking(f function, queue awssqs.CfnQueue) []right {
	itself := map[string]any{"ArnEquals": map[string]any{"aws:PrincipalArn": f.role.RoleArn()}}
	rights := []right{{itself, []string{*queue.AttrArn()}, []string{"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}}}
	if key := f.settings.key; key != nil {
		rights = append(rights, right{itself, []string{*key.KeyArn()}, keyReads})
	}
	return rights
}

// take has f invoked with what is in its queue, one message at a time.
func (b *buffer) take(id string, f function, queue awssqs.CfnQueue, maxConcurrency int) awslambda.CfnEventSourceMapping {
	props := &awslambda.CfnEventSourceMappingProps{
		FunctionName: jsii.String(f.name()), EventSourceArn: queue.AttrArn(),
		BatchSize:             jsii.Number(1),
		FunctionResponseTypes: jsii.Strings("ReportBatchItemFailures"),
	}
	if maxConcurrency > 0 {
		props.ScalingConfig = &awslambda.CfnEventSourceMapping_ScalingConfigProperty{MaximumConcurrency: jsii.Number(maxConcurrency)}
	}
	return awslambda.NewCfnEventSourceMapping(b.Construct, jsii.String(id+"Messages"), props)
}

// drainTimeout is for how long CloudFormation waits for a custom resource: an
// hour at most.
const drainTimeout = time.Hour

// newDrain makes the function that waits for empty queues, at deployment only.
// It writes to the log of unpack.
func (b *buffer) newDrain() function {
	unpack := b.IngestionPipeline.unpack
	// Known before the function is made, so that its role can name it: draining
	// takes longer than one invocation, and is handed on.
	name := b.functionName(assets.Drain)
	f := newFunction(b.Construct, "Drain", functionConfig{
		settings: unpack.settings, logs: unpack.logs,
		name: assets.Drain, functionName: name, of: "of feed " + b.Spec.Feed,
		description: fmt.Sprintf("Feed %s: waits until the queues are empty, before they are deleted", b.Spec.Feed),
		size:        FunctionProps{MemoryMB: 128, Timeout: 15 * time.Minute},
		recursive:   true,
	})
	f.allow(nil, []string{*b.unpack.AttrArn(), *b.load.AttrArn()}, "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
	f.allow(nil, []string{b.failures.arn}, "sqs:SendMessage")
	f.allowKey(keyWrites)
	f.allow(nil, []string{b.site.functionARN(name)}, "lambda:InvokeFunction")
	f.grant()
	return f
}
