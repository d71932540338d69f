package constructs

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/alarm"
	"example.com/ingestion/constructs/internal/assets"
	"example.com/ingestion/constructs/internal/bucket"
	"example.com/ingestion/constructs/internal/dashboard"
	"example.com/ingestion/constructs/internal/export"
	"example.com/ingestion/constructs/internal/load"
	"example.com/ingestion/constructs/internal/output"
	"example.com/ingestion/constructs/internal/snowflakeobjects"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/constructs/internal/table"
	"example.com/ingestion/constructs/internal/topic"
	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// Store is where the records of one or many feeds are kept: a landing bucket for
// the parts, a topic that announces them, and a table. Feeds read its names only,
// so that none of them changes the template of the stack it is in.
type Store struct {
	LandingBucket awss3.IBucket
	// Topic announces every object that is created or removed under the landing
	// prefix and, with StoreProps.Changes, under the prefix of the changes.
	Topic awssns.ITopic
	Table awsdynamodb.ITableV2
	// Load turns the parts of every feed into items of the table. Its role is
	// Load.Role(), and LoadLogs is its log group, nil for an imported store.
	Load     awslambda.IFunction
	LoadLogs awslogs.ILogGroup
	// Export writes the changes of the table to the landing bucket, and ExportLogs is
	// its log group. They are nil without StoreProps.Changes, and for an imported store.
	Export     awslambda.IFunction
	ExportLogs awslogs.ILogGroup
	// AlarmTopic is notified of the alarms of every feed. It is nil without
	// StoreProps.Alarms.
	AlarmTopic awssns.ITopic
	// Alarms are those of Load; there are none without AlarmTopic.
	Alarms []awscloudwatch.CfnAlarm
	// Dashboard is nil without StoreProps.Dashboard.
	Dashboard awscloudwatch.CfnDashboard
	// Key encrypts what is at rest, here and in the feeds. It is nil without StoreProps.Key.
	Key awskms.IKey

	capabilities storeCapabilities
	// ready is what must exist before Snowflake subscribes to Topic.
	ready []core.IDependable
	// feeds maps each feed to the path of its pipeline.
	feeds map[string]string
	names storeNames
	// stackPath is the path of the stack that NewStore made it in, empty for a
	// store of the feed's own and for an imported one.
	stackPath string
	// values are shared with the feeds.
	values *stackscope.Values
}

// storeNames are what feeds need to know of a store. The CDK is asked once.
type storeNames struct {
	bucket, bucketARN, table, tableARN, topicARN, loadARN, loadName string
	// alarmTopicARN is empty without AlarmTopic.
	alarmTopicARN string
	// snowflakeUser is the SNS user of snowflakeAccount, empty where it was not looked up.
	snowflakeAccount, snowflakeUser string
}

func (s *Store) setNames() {
	s.names = storeNames{
		bucket: *s.LandingBucket.BucketName(), bucketARN: *s.LandingBucket.BucketArn(),
		table: *s.Table.TableName(), tableARN: *s.Table.TableArn(), topicARN: *s.Topic.TopicArn(),
		loadARN: *s.Load.FunctionArn(), loadName: *s.Load.FunctionName(),
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
	// Loaders is how many invocations of load may load at a time, for all feeds
	// together: 1 to 64 (default 16). As many run as the table needs: about two for the
	// default quota of a table, 40,000 write units a second.
	Loaders int
	// Load sizes the function load.
	Load FunctionProps
	// WarmThroughput is what the table can take from the start, also after a pause. It
	// costs once, when it is raised, and cannot be lowered. Default: what AWS gives a
	// new table, 4,000 write and 12,000 read units a second, which grow with use.
	WarmThroughput WarmThroughput
	// MaxWriteUnits bounds the write units a second that the table takes, and so what
	// it costs. More wait for it. Default: the quota of the account.
	MaxWriteUnits int

	// Alarms makes a topic and gives every feed of the store alarms, see AlarmProps.
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
	// IngestionPipelineProps, for the functions of the store.
	Architecture     Architecture
	LogRetentionDays int
	Assets           string
}

func (p StoreProps) withDefaults() StoreProps {
	setFunctionDefaults(&p.Architecture, &p.LogRetentionDays)
	p.Loaders = cmp.Or(p.Loaders, feed.DefaultLoaders)
	p.Load = p.Load.withDefaults(feed.DefaultLoadMemoryMB)
	return p
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
	if p.Loaders < 1 || p.Loaders > feed.MaxLoaders {
		report("Loaders", "%d is outside 1 to %d", p.Loaders, feed.MaxLoaders)
	}
	p.Load.validate(report, "Load")
	p.validateThroughput(report)
	p.Key.validate(report, "Key")
	p.Architecture.validate(report)
	validateLogRetention(report, p.LogRetentionDays)
	return errors.Join(errs...)
}

// functions are the names of the functions that the store has.
func (p StoreProps) functions() []string {
	names := []string{assets.Load}
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
// would add the exports and the last would remove them. CloudFormation then
// refuses to delete the store before the feeds that use it.
//
// Unless props name prebuilt binaries, it builds its functions with the go
// command, see IngestionPipelineProps.Assets.
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
	stack := stackscope.New(this, nil)
	s, err := newStore(this, stack, props)
	if err != nil {
		return nil, err
	}
	s.stackPath = *stack.Node.Path()
	s.export(this, stack.Stack, props)
	if props.Dashboard {
		s.Dashboard = dashboard.New(this, "Dashboard", dashboard.Config{Scope: stack, Table: s.names.table})
	}
	s.addOutputs(stack.Stack, id)
	snowflakeobjects.AttachPolicy(stack)
	return s, nil
}

// export exports what feeds in other stacks refer to.
func (s *Store) export(this core.Construct, stack awscdk.Stack, props StoreProps) {
	// Whatever the app's feature flags are: a weak reference adds an output to
	// the store's stack with the first feed that makes it.
	for _, id := range []string{"LandingBucket", "Table", "Topic", "Load", "AlarmTopic", "Key", "SnowflakeSubscriber"} {
		if made := this.Node().TryFindChild(&id); made != nil && made.Node().DefaultChild() != nil {
			awscdk.CrossStackReferences_Of(made).Produce(awscdk.ReferenceStrength_STRONG)
		}
	}
	values := []*string{
		s.LandingBucket.BucketName(), s.LandingBucket.BucketArn(),
		s.Table.TableName(), s.Table.TableArn(), s.Topic.TopicArn(), s.Load.FunctionArn(), s.Load.FunctionName(),
	}
	if props.Alarms != nil && props.Alarms.TopicARN == "" {
		values = append(values, s.AlarmTopic.TopicArn())
	}
	if props.Key.isNew {
		values = append(values, s.Key.KeyArn())
	}
	if s.names.snowflakeUser != "" {
		values = append(values, &s.names.snowflakeUser)
	}
	for _, value := range values {
		stack.ExportValue(value, nil)
	}
}

func (s *Store) addOutputs(stack awscdk.Stack, id string) {
	add := func(name, value, description string) { output.Add(stack, id, name, value, description) }
	add("LandingBucket", s.names.bucket, "the parts and the quarantine of every feed of this store")
	add("Table", s.names.table, "the records and the ledger of every feed of this store")
	add("Topic", s.names.topicARN, "announces every part")
	add("LoadFunction", s.names.loadName, "turns the parts of every feed into items of the table")
	if s.AlarmTopic != nil {
		add("AlarmTopic", s.names.alarmTopicARN, "is notified of the alarms of every feed")
	}
	if s.Key != nil {
		add("KeyArn", *s.Key.KeyArn(), "encrypts what is at rest")
	}
	if s.Export != nil {
		add("ExportFunction", *s.Export.FunctionName(), "writes the changes of the table to the landing bucket")
	}
}

func newStore(this core.Construct, scope *stackscope.Scope, props StoreProps) (*Store, error) {
	indexes, err := tableIndexes(this)
	if err != nil {
		return nil, err
	}
	settings := newSettings(scope, props.Assets, props.Architecture, props.LogRetentionDays)
	settings.DeleteData = deletesData(this, props.DeleteData)
	settings.Key = props.Key.resolve(this, settings)
	landing := newLandingBucket(this, settings, props)
	announcements := topic.NewForBucket(this, landing, "LandingBucket", topic.Config{
		Settings:    settings,
		Subscribers: topic.Subscribers{ARNs: props.Subscribers, Connection: props.Snowflake},
	})
	announced := [][]*awss3.NotificationKeyFilter{{{Prefix: jsii.String(snowflake.PartsPrefix)}}}
	if props.Changes {
		announced = append(announced, []*awss3.NotificationKeyFilter{{Prefix: jsii.String(snowflake.ChangesPrefix)}})
	}
	announcements.Announce(awss3.EventType_OBJECT_CREATED, announced)
	// External tables remove the rows of objects that were deleted.
	announcements.Announce(awss3.EventType_OBJECT_REMOVED, announced)
	s := &Store{
		LandingBucket: landing.Bucket, Topic: announcements.Topic, Key: settings.Key,
		Table: table.New(this, "Table", table.Config{
			Settings: settings, Indexes: indexes, Stream: props.Changes, MaxWriteUnits: props.MaxWriteUnits,
			WarmReadUnits: props.WarmThroughput.ReadUnits, WarmWriteUnits: props.WarmThroughput.WriteUnits,
		}).Table,
		capabilities: props.capabilities(), ready: announcements.Ready, feeds: map[string]string{}, values: scope.Values,
	}
	if a := props.Alarms; a != nil {
		s.AlarmTopic = alarm.NewTopic(this, "AlarmTopic", alarm.TopicConfig{Settings: settings, Emails: a.Emails, TopicARN: a.TopicARN})
	}
	if props.Changes {
		f := export.New(this, "Export", export.Config{Settings: settings, Bucket: landing, Table: s.Table})
		s.Export, s.ExportLogs = f.Function, f.Logs
	}
	loads := load.New(this, "Load", load.Config{Settings: settings, Bucket: landing, Table: s.Table, Size: props.Load.size(), Loaders: props.Loaders})
	s.Load, s.LoadLogs = loads.Function, loads.Logs
	s.setNames()
	if s.AlarmTopic != nil {
		s.addAlarms(this)
	}
	if announcements.SnowflakeUser != "" {
		s.names.snowflakeAccount, s.names.snowflakeUser = props.Snowflake.Account, announcements.SnowflakeUser
	}
	return s, nil
}

func newLandingBucket(this core.Construct, s stackscope.Settings, props StoreProps) *bucket.Output {
	rules := []*awss3.LifecycleRule{{AbortIncompleteMultipartUploadAfter: s.Days(7)}}
	if props.LandingExpirationDays > 0 {
		expiring := []string{snowflake.PartsPrefix}
		if props.Changes {
			expiring = append(expiring, snowflake.ChangesPrefix)
		}
		for _, prefix := range expiring {
			rules = append(rules, &awss3.LifecycleRule{Prefix: &prefix, Expiration: s.Days(props.LandingExpirationDays)})
		}
	}
	// No versions: a part is never overwritten, so they would only cost.
	return bucket.New(this, "LandingBucket", bucket.Config{Settings: s, LifecycleRules: rules})
}

// attach adds a feed, unless the store has one of that name: they would share
// keys, prefixes and ledger.
func (s *Store) attach(feedName, path string) error {
	if other, taken := s.feeds[feedName]; taken {
		return fmt.Errorf("feed %q: Feed: %s uses this name in the same store: give each feed a name of its own", feedName, other)
	}
	s.feeds[feedName] = path
	return nil
}
