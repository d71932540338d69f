package constructs

import (
	"errors"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// Store is where the records of one or many feeds end: a landing bucket for
// the parts, a topic that announces them, and a table. Feeds only ever read its
// names, so that none of them changes the template of the stack it is in.
type Store struct {
	LandingBucket awss3.IBucket
	// Topic announces every object that is created or removed under the landing
	// prefix and, with StoreProps.Changes, under the prefix of the changes.
	Topic awssns.ITopic
	Table awsdynamodb.ITableV2
	// Export writes the changes of the table to the landing bucket. It is nil
	// without StoreProps.Changes, and for an imported store.
	Export awslambda.IFunction
	// AlarmTopic is told of what goes wrong with any feed. It is nil without
	// StoreProps.Alarms.
	AlarmTopic awssns.ITopic
	// Key encrypts what is at rest, here and in the feeds. It is nil without StoreProps.Key.
	Key awskms.IKey

	offers storeOffers
	// ready is what must be there before Snowflake subscribes to Topic.
	ready []core.IDependable
	// feeds maps each feed to the path of its pipeline.
	feeds map[string]string
	names storeNames
	// stackPath is the path of the stack that NewStore made it in, empty for a
	// store of the feed's own and for an imported one.
	stackPath string
}

// storeNames are what feeds need to know of a store, asked for once.
type storeNames struct {
	bucket, bucketARN, table, tableARN, topicARN string
	// alarmTopicARN is empty without AlarmTopic.
	alarmTopicARN string
	// snowflakeUser is the SNS user of snowflakeAccount, empty where it was not looked up.
	snowflakeAccount, snowflakeUser string
}

func (s *Store) setNames() {
	s.names = storeNames{
		bucket: *s.LandingBucket.BucketName(), bucketARN: *s.LandingBucket.BucketArn(),
		table: *s.Table.TableName(), tableARN: *s.Table.TableArn(), topicARN: *s.Topic.TopicArn(),
	}
	if s.AlarmTopic != nil {
		s.names.alarmTopicARN = *s.AlarmTopic.TopicArn()
	}
}

// StoreProps are the props of a Store.
type StoreProps struct {
	// LandingExpirationDays is for how many days the parts and the changes are
	// kept; external tables show no others. 0 keeps them for ever. Quarantine
	// never expires.
	LandingExpirationDays int
	// Snowflake lets that account subscribe to the topic, which Continuous and
	// ExternalTable need. Its SNS user is looked up at deployment.
	Snowflake *SnowflakeConnection
	// Subscribers are the ARNs of the IAM users or roles that may subscribe to
	// the topic: for Snowflake, without a connection, the one that
	// SYSTEM$GET_AWS_SNS_IAM_POLICY names.
	Subscribers []string
	// Changes writes every change of the table to the landing bucket, from now
	// on, which FromTable needs.
	Changes bool
	// Alarms makes a topic and has every feed of the store watched, see AlarmProps.
	Alarms *StoreAlarmProps
	// Dashboard makes one of CloudWatch with every feed of the store, also those
	// deployed later. It costs $3 a month.
	Dashboard bool
	// Key encrypts everything at rest with a key of yours, also that of the feeds:
	// NewKey() or ExistingKey(arn). Default: keys of AWS.
	Key Key
	// DeleteData deletes the landing bucket and the table with the stack, if the
	// CDK's context has deleteData=true too. Default: they are kept.
	DeleteData bool

	// Architecture, LogRetentionDays and Assets are those of
	// IngestionPipelineProps, for the functions that Snowflake and Changes bring.
	Architecture     Architecture
	LogRetentionDays int
	Assets           string
}

func (p StoreProps) withDefaults() StoreProps {
	setFunctionDefaults(&p.Architecture, &p.LogRetentionDays)
	return p
}

func (p StoreProps) settings() settings {
	return newSettings(p.Assets, p.Architecture, p.LogRetentionDays)
}

// storeReport returns a report whose problems are put into errs.
func storeReport(errs *[]error) report {
	return func(field, format string, args ...any) {
		*errs = append(*errs, fmt.Errorf("store: %s: %s", field, fmt.Sprintf(format, args...)))
	}
}

// Validate reports everything that is wrong with p at once. It needs neither
// jsii nor the built functions.
func (p StoreProps) Validate() error {
	p = p.withDefaults()
	var errs []error
	report := storeReport(&errs)
	if p.LandingExpirationDays < 0 {
		report("LandingExpirationDays", "%d is negative: give 0 to keep the parts for ever", p.LandingExpirationDays)
	}
	if p.Snowflake != nil {
		validateConnection(report, "Snowflake", *p.Snowflake)
	}
	for _, arn := range p.Subscribers {
		if !isPrincipal(arn) {
			report("Subscribers", "%q is not the ARN of an IAM user or role", arn)
		}
	}
	if p.Alarms != nil {
		p.Alarms.validate(report)
	}
	p.Key.validate(report, "Key")
	p.Architecture.validate(report)
	validateLogRetention(report, p.LogRetentionDays)
	return errors.Join(errs...)
}

// functions are the names of those that p brings.
func (p StoreProps) functions() []string {
	var names []string
	if p.Snowflake != nil {
		names = append(names, assets.Snowflake)
	}
	if p.Changes {
		names = append(names, assets.Export)
	}
	return names
}

// NewStore makes a Store that several feeds, in stacks of their own, can share.
// What they need of it is exported from the start: otherwise the first feed
// would add the exports and the last would take them away again. CloudFormation
// then refuses to delete the store before the feeds that use it.
func NewStore(scope core.Construct, id string, props StoreProps) (_ *Store, err error) {
	props.Architecture = props.Architecture.orContext(scope)
	if err := props.Validate(); err != nil {
		return nil, err
	}
	props = props.withDefaults()
	var errs []error
	props.Assets = findBinaries(storeReport(&errs), props.Assets, props.Architecture, props.functions()...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	defer CatchPanic(&err)
	this := core.NewConstruct(scope, &id)
	annotate(this, props.Warnings())
	site := newSite(this)
	s := newStore(this, site, props)
	s.stackPath = *site.node.Path()

	// Whatever the app's feature flags say: a weak reference adds an output to
	// the store's stack with the first feed that makes it.
	for _, id := range []string{"LandingBucket", "Table", "Topic", "AlarmTopic", "Key", "SnowflakeSubscriber"} {
		if made := this.Node().TryFindChild(&id); made != nil && made.Node().DefaultChild() != nil {
			awscdk.CrossStackReferences_Of(made).Produce(awscdk.ReferenceStrength_STRONG)
		}
	}
	stack := site.stack
	s.exportAlarms(stack, props)
	if props.Key.isNew {
		stack.ExportValue(s.Key.KeyArn(), nil)
	}
	if user := s.names.snowflakeUser; user != "" {
		stack.ExportValue(&user, nil)
	}
	if props.Dashboard {
		s.newDashboard(this)
	}
	for _, value := range []*string{
		s.LandingBucket.BucketName(), s.LandingBucket.BucketArn(),
		s.Table.TableName(), s.Table.TableArn(), s.Topic.TopicArn(),
	} {
		stack.ExportValue(value, nil)
	}
	output(stack, id, "LandingBucket", *s.LandingBucket.BucketName(), "the parts and the quarantine of every feed of this store")
	output(stack, id, "Table", *s.Table.TableName(), "the records and the ledger of every feed of this store")
	output(stack, id, "Topic", *s.Topic.TopicArn(), "announces every part")
	if s.AlarmTopic != nil {
		output(stack, id, "AlarmTopic", *s.AlarmTopic.TopicArn(), "is told of what goes wrong with any feed")
	}
	if s.Key != nil {
		output(stack, id, "KeyArn", *s.Key.KeyArn(), "encrypts what is at rest")
	}
	if s.Export != nil {
		output(stack, id, "ExportFunction", *s.Export.FunctionName(), "writes the changes of the table to the landing bucket")
	}
	site.grant()
	return s, nil
}

func newStore(this core.Construct, site *site, props StoreProps) *Store {
	settings := props.settings()
	settings.site = site
	settings.deleteData = deletesData(this, props.DeleteData)
	settings.key = props.Key.resolve(this, settings.deleteData)
	bucket := newLandingBucket(this, settings, props)
	topic := newTopic(this, bucket, "LandingBucket", subscribers{
		arns: props.Subscribers, connection: props.Snowflake, settings: settings,
	})
	announced := [][]*awss3.NotificationKeyFilter{{{Prefix: jsii.String(snowflake.PartsPrefix)}}}
	if props.Changes {
		announced = append(announced, []*awss3.NotificationKeyFilter{{Prefix: jsii.String(snowflake.ChangesPrefix)}})
	}
	topic.announce(awss3.EventType_OBJECT_CREATED, announced)
	// External tables forget what is gone.
	topic.announce(awss3.EventType_OBJECT_REMOVED, announced)
	s := &Store{
		LandingBucket: bucket, Topic: topic.sns, Table: newTable(this, settings, props.Changes),
		AlarmTopic: newAlarmTopic(this, settings, props.Alarms), Key: settings.key,
		offers: props.offers(), ready: topic.ready, feeds: map[string]string{},
	}
	if props.Changes {
		s.Export = newExport(this, settings, bucket, s.Table)
	}
	s.setNames()
	if topic.user != "" {
		s.names.snowflakeAccount, s.names.snowflakeUser = props.Snowflake.Account, topic.user
	}
	return s
}

func newLandingBucket(this core.Construct, s settings, props StoreProps) awss3.Bucket {
	rules := []*awss3.LifecycleRule{{AbortIncompleteMultipartUploadAfter: days(7)}}
	if props.LandingExpirationDays > 0 {
		expiring := []string{snowflake.PartsPrefix}
		if props.Changes {
			expiring = append(expiring, snowflake.ChangesPrefix)
		}
		for _, prefix := range expiring {
			rules = append(rules, &awss3.LifecycleRule{Prefix: &prefix, Expiration: days(props.LandingExpirationDays)})
		}
	}
	// No versions: a part is never overwritten, so they would only cost.
	return newDataBucket(this, "LandingBucket", s, awss3.BucketProps{LifecycleRules: &rules})
}

func newTable(this core.Construct, s settings, changes bool) awsdynamodb.TableV2 {
	props := &awsdynamodb.TablePropsV2{
		PartitionKey: stringAttribute(feed.PartitionKey),
		SortKey:      stringAttribute(feed.SortKey),
		GlobalSecondaryIndexes: &[]*awsdynamodb.GlobalSecondaryIndexPropsV2{{
			IndexName:      jsii.String(feed.LedgerIndex),
			PartitionKey:   stringAttribute(feed.LedgerIndexPartitionKey),
			SortKey:        stringAttribute(feed.LedgerIndexSortKey),
			ProjectionType: awsdynamodb.ProjectionType_ALL,
		}},
		Billing: awsdynamodb.Billing_OnDemand(nil),
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true),
		},
		DeletionProtection: jsii.Bool(!s.deleteData),
		RemovalPolicy:      removalPolicy(s.deleteData),
	}
	if changes {
		// The keys, which are there in any case, tell of which record a deletion is.
		props.DynamoStream = awsdynamodb.StreamViewType_NEW_IMAGE
	}
	table := awsdynamodb.NewTableV2(this, jsii.String("Table"), props)
	if s.key != nil {
		// The level-2 construct takes a key only where the stack names its region.
		resource := resourceOf(table)
		resource.AddPropertyOverride(jsii.String("SSESpecification"), map[string]any{"SSEEnabled": true, "SSEType": "KMS"})
		resource.AddPropertyOverride(jsii.String("Replicas.0.SSESpecification.KMSMasterKeyId"), s.key.KeyArn())
	}
	return table
}

func stringAttribute(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
}

// attach enters a feed, unless the store has one of that name: they would
// share keys, prefixes and ledger.
func (s *Store) attach(feedName, path string) error {
	if other, taken := s.feeds[feedName]; taken {
		return fmt.Errorf("feed %q: Feed: %s uses this name in the same store: give each feed a name of its own", feedName, other)
	}
	s.feeds[feedName] = path
	return nil
}
