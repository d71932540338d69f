package constructs

import (
	"fmt"
	"maps"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"ingestion/internal/feed"
	"ingestion/snowflake"
)

// The names of the functions' binaries.
const (
	unpackName    = "unpack"
	loadName      = "load"
	exportName    = "export"
	snowflakeName = "snowflake"
)

// IngestionPipeline is one feed, from its source bucket to the table:
//
//	source bucket ──► unpack ──► landing bucket ──► load ──► table
//
// and, with Snowflake props, from one of the three on to Snowflake.
// It costs nothing while nothing arrives.
type IngestionPipeline struct {
	// Construct is the feed's node in the tree. It is no embedded field because
	// jsii takes a struct that embeds a construct for a subclass of it.
	Construct core.Construct
	// Spec is what the functions were told of the feed.
	Spec feed.Spec
	// SourceBucket is where the files of the feed arrive.
	SourceBucket awss3.IBucket
	// Store holds the parts and the records: the one given, or the feed's own.
	Store *Store
	// Unpack turns source objects into parts, Load parts into items of the table.
	Unpack, Load awslambda.IFunction
	// FailureQueue gets the events that a function failed on three times, or
	// could not take within six hours. Nobody polls it.
	FailureQueue awssqs.IQueue
	// SourceTopic announces the source objects to unpack and to Snowflake. It is
	// nil unless Snowflake hears of them: then S3 invokes unpack itself.
	SourceTopic awssns.ITopic
	// SnowflakeRole is what Snowflake reads through: nil without Snowflake props,
	// and with an existing integration.
	SnowflakeRole awsiam.IRole
	// Snowflake is what the feed's objects there are made from, nil for none.
	Snowflake *snowflake.Spec
}

// NewIngestionPipeline makes a feed. Give each a stack of its own, which is
// then deployed, compared and destroyed by itself. An error tells everything
// that is wrong with props at once; nothing is made then.
func NewIngestionPipeline(scope core.Construct, id string, props IngestionPipelineProps) (_ *IngestionPipeline, err error) {
	if err := props.Validate(); err != nil {
		return nil, err
	}
	props = props.withDefaults()
	if err := props.validateAssets(); err != nil {
		return nil, err
	}
	spec := props.spec()
	env, err := spec.Env()
	if err != nil {
		return nil, err
	}
	path := *scope.Node().Path() + "/" + id
	if props.Store != nil {
		if err := props.Store.attach(spec.Feed, path); err != nil {
			return nil, err
		}
	}
	defer CatchPanic(&err)

	p := &IngestionPipeline{Construct: core.NewConstruct(scope, &id), Spec: spec, Store: props.Store}
	if p.Store == nil {
		p.Store = newStore(core.NewConstruct(p.Construct, jsii.String("Store")), props.ownStore())
	}
	p.FailureQueue = awssqs.NewQueue(p.Construct, jsii.String("FailureQueue"), &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: days(14),
	})
	common := functionConfig{
		settings: newSettings(props.Assets, props.Architecture, props.LogRetentionDays),
		of:       "of feed " + spec.Feed,
		environment: map[string]string{
			feed.EnvSpec:          env,
			feed.EnvLandingBucket: *p.Store.LandingBucket.BucketName(),
			feed.EnvTable:         *p.Store.Table.TableName(),
		},
	}
	load := p.newLoad(common, props.Load)
	unpack := p.newUnpack(common, props.Unpack, load)
	p.Load, p.Unpack = load.Function, unpack.Function
	bucket, topic := props.Source.connect(p.Construct, unpack, props.sourceSubscribers(common.settings))
	p.SourceBucket = bucket
	if topic != nil {
		p.SourceTopic = topic.sns
	}
	if props.Snowflake != nil {
		p.addSnowflake(id, common.settings, *props.Snowflake, topic)
	}
	p.addMetadata(id)
	p.addOutputs(id)
	awscdk.Tags_Of(p.Construct).Add(jsii.String("feed"), jsii.String(spec.Feed), nil)
	return p, nil
}

func (p *IngestionPipeline) newLoad(c functionConfig, props FunctionProps) function {
	c.name, c.size = loadName, props
	c.description = fmt.Sprintf("Feed %s: loads parts into the table", p.Spec.Feed)
	f := newFeedFunction(p.Construct, "Load", c, p.FailureQueue)
	f.allow(nil, []string{p.objects(p.Spec.LandingPrefix)}, "s3:GetObject")
	f.allow(nil, []string{p.objects(p.Spec.QuarantinePrefix)}, "s3:PutObject")
	// ConditionCheckItem is for transactions, whose other parts are puts and updates.
	p.allowTable(f, "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
	return f
}

func (p *IngestionPipeline) newUnpack(c functionConfig, props FunctionProps, load function) function {
	c.name, c.size = unpackName, props
	c.description = fmt.Sprintf("Feed %s: splits source objects into parts", p.Spec.Feed)
	c.environment = maps.Clone(c.environment)
	c.environment[feed.EnvLoadFunction] = *load.FunctionArn()
	f := newFeedFunction(p.Construct, "Unpack", c, p.FailureQueue)
	f.allow(nil, []string{p.objects(p.Spec.LandingPrefix), p.objects(p.Spec.QuarantinePrefix)}, "s3:AbortMultipartUpload", "s3:PutObject")
	p.allowTable(f, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem")
	f.allow(nil, []string{*load.FunctionArn()}, "lambda:InvokeFunction")
	return f
}

// objects is the ARN of the feed's objects under a prefix of the landing bucket.
func (p *IngestionPipeline) objects(prefix string) string {
	return *p.Store.LandingBucket.ArnForObjects(jsii.String(prefix + p.Spec.Feed + "/*"))
}

// allowTable lets f do actions on the items of this feed only: each of their
// partition keys starts with its name. The index is left out, it is for operators.
func (p *IngestionPipeline) allowTable(f function, actions ...string) {
	own := map[string]any{"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": p.Spec.Feed + "#*"}}
	f.allow(own, []string{*p.Store.Table.TableArn()}, actions...)
}
