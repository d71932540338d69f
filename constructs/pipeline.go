package constructs

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// IngestionPipeline is one feed, from its sources to the table:
//
//	source bucket ──► unpack ──► landing bucket ──► load ──► table
//
// and, with Snowflake props, from one of the three on to Snowflake.
// It costs nothing while nothing arrives, unless it has Buffer: Queue or lists
// external buckets.
type IngestionPipeline struct {
	// Construct is the feed's node in the tree. It is no embedded field because
	// jsii takes a struct that embeds a construct for a subclass of it.
	Construct core.Construct
	// Spec is what the functions were told of the feed.
	Spec feed.Spec
	// SourceBucket is the feed's own, for its files to arrive in. It is nil without
	// NewBucket.
	SourceBucket awss3.IBucket
	// Store holds the parts and the records: the one given, or the feed's own.
	Store *Store
	// Unpack turns source objects into parts, Load parts into items of the table.
	Unpack, Load awslambda.IFunction
	// Discover lists the external buckets. It is nil without ExternalBucket.
	Discover awslambda.IFunction
	// FailureQueue gets the events that a function failed on three times, or could
	// not take within six hours; with Buffer: Queue what was received five times.
	// Nobody polls it.
	FailureQueue awssqs.IQueue
	// SourceTopic announces the source objects to unpack and to Snowflake. It is
	// nil unless Snowflake hears of them: then S3 invokes unpack itself.
	SourceTopic awssns.ITopic
	// SnowflakeRole is what Snowflake reads through: nil without Snowflake props,
	// and with an existing integration.
	SnowflakeRole awsiam.IRole
	// Snowflake is what the feed's objects there are made from, nil for none.
	Snowflake *snowflake.Spec
	// Alarmed says that the feed has alarms, which tell Store.AlarmTopic.
	Alarmed bool

	site *site
	// path is that of Construct.
	path                   string
	load, unpack, discover function
	failures               queue
}

// NewIngestionPipeline makes a feed. Give each a stack of its own, which is
// then deployed, compared and destroyed by itself. An error tells everything
// that is wrong with props at once; nothing is made then.
func NewIngestionPipeline(scope core.Construct, id string, props IngestionPipelineProps) (_ *IngestionPipeline, err error) {
	props.Architecture = props.Architecture.orContext(scope)
	if err := props.Validate(); err != nil {
		return nil, err
	}
	props = props.withDefaults()
	var assetErrs []error
	props.Assets = findBinaries(props.report(&assetErrs), props.Assets, props.Architecture, props.functions()...)
	if err := errors.Join(assetErrs...); err != nil {
		return nil, err
	}
	spec := props.spec()
	env, err := spec.Env()
	if err != nil {
		return nil, err
	}
	path := *scope.Node().Path() + "/" + strings.ReplaceAll(id, "/", "--") // as the CDK writes it
	if props.Store != nil {
		if err := props.Store.attach(spec.Feed, path); err != nil {
			return nil, err
		}
	}
	defer CatchPanic(&err)

	p := &IngestionPipeline{Construct: core.NewConstruct(scope, &id), Spec: spec, Store: props.Store, site: newSite(scope), path: path}
	if p.Store == nil {
		p.Store = newStore(core.NewConstruct(p.Construct, jsii.String("Store")), p.site, props.ownStore())
	}
	settings := newSettings(props.Assets, props.Architecture, props.LogRetentionDays)
	settings.key, settings.deleteData, settings.site = p.Store.Key, deletesData(p.Construct, props.DeleteData), p.site
	p.failures = newQueue(p.Construct, "FailureQueue", settings)
	p.FailureQueue = p.failures.Queue
	alarms, alarmed := props.alarms(p.Store)
	p.Alarmed = alarmed
	common := functionConfig{
		settings: settings,
		of:       "of feed " + spec.Feed,
		environment: map[string]string{
			feed.EnvSpec:          env,
			feed.EnvLandingBucket: p.Store.names.bucket,
			feed.EnvTable:         p.Store.names.table,
		},
	}
	if metrics := props.metrics(alarmed); metrics != "" {
		common.environment[feed.EnvMetrics] = metrics
	}
	var buffer *buffer
	if props.Buffer == Queue {
		buffer = p.newBuffer(settings, props.Unpack, props.Load)
	} else {
		suppress(p.FailureQueue, "AwsSolutions-SQS3", "It is where failed events end; an alarm tells of them and nobody polls it")
	}
	p.load = p.newLoad(common, props.Load, buffer)
	p.unpack = p.newUnpack(common, props.Unpack, buffer)
	p.site.logs = p.unpack.logs
	p.Load, p.Unpack = p.load.Function, p.unpack.Function
	if buffer != nil {
		buffer.feed(props)
	}
	in := &inlet{IngestionPipeline: p, common: common, buffer: buffer, others: props.sourceSubscribers(settings)}
	in.connect(props.sources())
	p.load.grant()
	p.unpack.grant()
	if in.topic != nil {
		p.SourceTopic = in.topic.sns
	}
	if props.Snowflake != nil {
		p.addSnowflake(id, settings, *props.Snowflake, in.topic, props.sources()[0].keyARN)
	}
	if alarmed {
		p.addAlarms(alarms)
		if props.watched() {
			p.addWatch(settings, *props.Snowflake)
		}
	}
	annotate(p.Construct, append(props.Warnings(), distant(props.connection(), spec.Feed, p.site.region)...))
	alone := p.addMetadata(id, props.connection())
	p.addOutputs(id, buffer)
	p.tag(alone)
	p.site.grant()
	return p, nil
}

func (p *IngestionPipeline) newLoad(c functionConfig, props FunctionProps, b *buffer) function {
	c.name, c.size = assets.Load, props
	if b != nil {
		c.queue = b.load
	}
	c.description = fmt.Sprintf("Feed %s: loads parts into the table", p.Spec.Feed)
	f := newFeedFunction(p.Construct, "Load", c, p.failures)
	f.allow(nil, []string{p.objects(p.Spec.LandingPrefix)}, "s3:GetObject")
	f.allow(nil, []string{p.objects(p.Spec.QuarantinePrefix)}, "s3:PutObject")
	// The ledger's transactions are updates; it queries where it has to count parts again.
	p.allowTable(f, "dynamodb:BatchWriteItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem")
	f.allowKey(keyOfTable)
	p.wildcards(f)
	return f
}

func (p *IngestionPipeline) newUnpack(c functionConfig, props FunctionProps, b *buffer) function {
	c.name, c.size = assets.Unpack, props
	c.description = fmt.Sprintf("Feed %s: splits source objects into parts", p.Spec.Feed)
	c.environment = maps.Clone(c.environment)
	if b != nil {
		c.queue = b.unpack
		c.environment[feed.EnvLoadQueueURL] = *b.load.Ref()
	} else {
		c.environment[feed.EnvLoadFunction] = p.load.arn()
	}
	f := newFeedFunction(p.Construct, "Unpack", c, p.failures)
	f.allow(nil, []string{p.objects(p.Spec.LandingPrefix), p.objects(p.Spec.QuarantinePrefix)}, "s3:AbortMultipartUpload", "s3:PutObject")
	// Replays read what is in quarantine, and delete it once it is stored elsewhere.
	f.allow(nil, []string{p.objects(p.Spec.QuarantinePrefix)}, "s3:DeleteObject", "s3:GetObject")
	f.allow(map[string]any{"StringLike": map[string]any{"s3:prefix": p.Spec.QuarantinePrefix + p.Spec.Feed + "/*"}},
		[]string{p.Store.names.bucketARN}, "s3:ListBucket")
	p.allowTable(f, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem")
	if b != nil {
		f.allow(nil, []string{*b.load.AttrArn()}, "sqs:SendMessage")
	} else {
		f.allow(nil, []string{p.load.arn()}, "lambda:InvokeFunction")
	}
	f.allowKey(keyOfTable)
	p.wildcards(f)
	return f
}

// wildcards says why the role of f has some.
func (p *IngestionPipeline) wildcards(f function) {
	f.wildcards("The feed's own prefixes of the landing bucket: the names below come with the data",
		"/"+p.Spec.LandingPrefix+p.Spec.Feed+"/*", "/"+p.Spec.QuarantinePrefix+p.Spec.Feed+"/*")
}

// objects is the ARN of the feed's objects under a prefix of the landing bucket.
func (p *IngestionPipeline) objects(prefix string) string {
	return p.Store.names.bucketARN + "/" + prefix + p.Spec.Feed + "/*"
}

// allowTable lets f do actions on the items of this feed only: each of their
// partition keys starts with its name. The index is left out, it is for operators.
func (p *IngestionPipeline) allowTable(f function, actions ...string) {
	f.allow(p.ownItems(), []string{p.Store.names.tableARN}, actions...)
}

// ownItems is the condition that a statement is for the items of this feed only.
func (p *IngestionPipeline) ownItems() map[string]any {
	return map[string]any{"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": p.Spec.Feed + "#*"}}
}
