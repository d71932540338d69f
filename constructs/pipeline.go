package constructs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/constructs/internal/eventsource"
	"example.com/ingestion/constructs/internal/function"
	"example.com/ingestion/constructs/internal/output"
	"example.com/ingestion/constructs/internal/queue"
	"example.com/ingestion/constructs/internal/snowflakeobjects"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// IngestionPipeline is one feed, from its sources to the table:
//
//	source bucket ──► unpack ──► landing bucket ──► load ──► table
//
// and, with Snowflake props, from one of the three on to Snowflake.
// The function load belongs to the store: it serves every feed.
//
// It costs nothing while no files arrive, unless it lists external buckets.
//
// Its fields are the resources that it is made of, so that an app can grant, tag,
// monitor or override them; see the package documentation.
type IngestionPipeline struct {
	// Construct is the feed's node in the construct tree. It is not an embedded field
	// because jsii treats a struct that embeds a construct as a subclass of it.
	Construct core.Construct
	// Spec is what the functions read from their environment.
	Spec feed.Spec
	// Store holds the parts and the records: the one given, or the feed's own.
	Store *Store
	// SourceBucket is the feed's own bucket for its files. It is nil without NewBucket.
	SourceBucket awss3.IBucket
	// SourceTopic announces the source objects to unpack and to Snowflake. It is nil
	// unless Snowflake is notified of them: without it S3 invokes unpack itself.
	SourceTopic awssns.ITopic
	// Rules are rules of EventBridge: of each ExistingBucket, and the schedule of each
	// ExternalBucket.
	Rules []awsevents.CfnRule
	// Unpack turns source objects into parts. Its role is Unpack.Role(). Store.Load
	// turns parts into items of the table.
	Unpack awslambda.IFunction
	// UnpackLogs is the log group of Unpack.
	UnpackLogs awslogs.ILogGroup
	// Discover lists the external buckets. It is nil without ExternalBucket.
	Discover awslambda.IFunction
	// FailureQueue has the events that unpack or Discover failed on three times, or
	// could not take within six hours. Nothing receives from it; `ingest replay` does.
	FailureQueue awssqs.IQueue
	// SnowflakeRole is the role that Snowflake reads through: nil without Snowflake
	// props, and with an existing integration.
	SnowflakeRole awsiam.IRole
	// SnowflakeFunction runs the SQL at deployment; all feeds of a stack share it. It
	// is nil without a SnowflakeConnection.
	SnowflakeFunction awslambda.IFunction
	// Snowflake describes the feed's objects in Snowflake, nil for none.
	Snowflake *snowflake.Spec
	// Alarms notify Store.AlarmTopic. There are none without a topic.
	Alarms []awscloudwatch.CfnAlarm

	scope    *stackscope.Scope
	settings stackscope.Settings
	path     string // of Construct
	// emitted are the metrics that the functions emit.
	emitted []string
	// common is what the functions of the feed have in common.
	common           function.Config
	unpack, discover *function.Output
	failures         *queue.Output
}

// NewIngestionPipeline makes a feed. Give each a stack of its own, which is
// then deployed, compared and destroyed by itself. An error reports everything
// that is wrong with props at once; nothing is made then.
//
// Unless props name prebuilt binaries, it builds the functions with the go
// command, see IngestionPipelineProps.Assets.
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

	p := &IngestionPipeline{Construct: core.NewConstruct(scope, &id), Spec: spec, Store: props.Store, path: path}
	if p.Store == nil {
		p.scope = stackscope.New(scope, nil)
		p.Store, err = newStore(core.NewConstruct(p.Construct, jsii.String("Store")), p.scope, props.ownStore().withDefaults())
		if err != nil {
			return nil, err
		}
	} else {
		p.scope = stackscope.New(scope, p.Store.values)
	}
	p.settings = newSettings(p.scope, props.Assets, props.Architecture, props.LogRetentionDays)
	p.settings.Key, p.settings.DeleteData = p.Store.Key, deletesData(p.Construct, props.DeleteData)
	p.failures = queue.New(p.Construct, "FailureQueue", queue.Config{Settings: p.settings})
	p.FailureQueue = p.failures.Queue
	alarms, alarmed := props.alarms(p.Store)

	p.emitted = props.metrics(alarmed)
	p.addUnpack(props, env)
	sources := p.addSources(props)
	if props.Snowflake != nil {
		p.addSnowflake(id, props, sources.Topic, alarmed)
	}
	if alarmed {
		p.addAlarms(alarms)
	}
	annotate(p.Construct, append(props.Warnings(), warnOfOtherRegion(props.connection(), spec.Feed, p.scope.Region)...))
	alone := output.AddMetadata(p.scope.Stack, id, output.Metadata{Spec: p.Spec, Snowflake: p.Snowflake, Connection: props.connection()})
	p.addOutputs(id)
	p.tag(alone)
	snowflakeobjects.AttachPolicy(p.scope)
	return p, nil
}

// addSources makes and connects the sources, and gives the functions their policies.
func (p *IngestionPipeline) addSources(props IngestionPipelineProps) *eventsource.Output {
	sources := eventsource.New(p.Construct, eventsource.Config{
		Settings: p.settings, Feed: p.Spec.Feed, Sources: props.sources(),
		Unpack: p.unpack, Failures: p.failures,
		Subscribers: props.sourceSubscribers(), Function: p.common,
		DiscoverName: p.functionName(assets.Discover), TableARN: p.Store.names.tableARN, Identity: p.identity(),
	})
	p.unpack.AttachPolicy()
	p.Rules = sources.Rules
	if sources.Bucket != nil {
		p.SourceBucket = sources.Bucket.Bucket
	}
	if sources.Topic != nil {
		p.SourceTopic = sources.Topic.Topic
	}
	if sources.Discover != nil {
		p.discover, p.Discover = sources.Discover, sources.Discover.Function
	}
	return sources
}

// identity distinguishes the feed from those of the same name in other apps or
// environments.
func (p *IngestionPipeline) identity() string {
	return p.scope.ID() + "\x00" + p.path + "\x00" + p.Spec.Feed
}

// functionName is the name of a function that must be known before the function
// is made: at most 40 + 10 + 8 of 64 characters.
func (p *IngestionPipeline) functionName(of string) string {
	return fmt.Sprintf("%.40s-%s-%s", p.Spec.Feed, of, stackscope.Digest(p.identity(), 4))
}

// tag tags resources with the feed, so that its cost is separate in cost reports. The first
// feed of a stack tags the stack itself, and with it what the feeds of a stack
// share, such as the function that connects to Snowflake; but not where the stack
// has the store too, whose cost belongs to every feed.
func (p *IngestionPipeline) tag(first bool) {
	var of core.IConstruct = p.Construct
	if first && p.Store.stackPath != *p.scope.Node.Path() {
		of = p.scope.Stack
	}
	awscdk.Tags_Of(of).Add(jsii.String("feed"), jsii.String(p.Spec.Feed), nil)
}
