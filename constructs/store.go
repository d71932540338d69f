package constructs

import (
	"errors"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"ingestion/internal/feed"
	"ingestion/snowflake"
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

	offers storeOffers
	// ready is what must be there before Snowflake subscribes to Topic.
	ready []core.IDependable
	// feeds maps each feed to the path of its pipeline.
	feeds map[string]string
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

	// Architecture, LogRetentionDays and Assets are those of
	// IngestionPipelineProps, for the functions that Snowflake and Changes bring.
	Architecture     Architecture
	LogRetentionDays int
	Assets           string
}

func (p StoreProps) withDefaults() StoreProps {
	setFunctionDefaults(&p.Architecture, &p.LogRetentionDays, &p.Assets)
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
	p.Architecture.validate(report)
	validateLogRetention(report, p.LogRetentionDays)
	return errors.Join(errs...)
}

// functions are the names of those that p brings.
func (p StoreProps) functions() []string {
	var names []string
	if p.Snowflake != nil {
		names = append(names, snowflakeName)
	}
	if p.Changes {
		names = append(names, exportName)
	}
	return names
}

// NewStore makes a Store that several feeds, in stacks of their own, can share.
// What they need of it is exported from the start: otherwise the first feed
// would add the exports and the last would take them away again. CloudFormation
// then refuses to delete the store before the feeds that use it.
func NewStore(scope core.Construct, id string, props StoreProps) (_ *Store, err error) {
	if err := props.Validate(); err != nil {
		return nil, err
	}
	props = props.withDefaults()
	var errs []error
	missing(storeReport(&errs), props.Assets, props.Architecture, props.functions()...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	defer CatchPanic(&err)
	this := core.NewConstruct(scope, &id)
	s := newStore(this, props)

	// Whatever the app's feature flags say: a weak reference adds an output to
	// the store's stack with the first feed that makes it.
	for _, r := range []core.IConstruct{s.LandingBucket, s.Table, s.Topic} {
		awscdk.CrossStackReferences_Of(r).Produce(awscdk.ReferenceStrength_STRONG)
	}
	stack := awscdk.Stack_Of(this)
	for _, value := range []*string{
		s.LandingBucket.BucketName(), s.LandingBucket.BucketArn(),
		s.Table.TableName(), s.Table.TableArn(), s.Topic.TopicArn(),
	} {
		stack.ExportValue(value, nil)
	}
	output(this, id, "LandingBucket", *s.LandingBucket.BucketName(), "the parts and the quarantine of every feed of this store")
	output(this, id, "Table", *s.Table.TableName(), "the records and the ledger of every feed of this store")
	output(this, id, "Topic", *s.Topic.TopicArn(), "announces every part")
	if s.Export != nil {
		output(this, id, "ExportFunction", *s.Export.FunctionName(), "writes the changes of the table to the landing bucket")
	}
	return s, nil
}

func newStore(this core.Construct, props StoreProps) *Store {
	bucket := newLandingBucket(this, props)
	topic := newTopic(this, bucket, "LandingBucket", subscribers{
		arns: props.Subscribers, connection: props.Snowflake, settings: props.settings(),
	})
	announced := [][]*awss3.NotificationKeyFilter{{{Prefix: jsii.String(snowflake.PartsPrefix)}}}
	if props.Changes {
		announced = append(announced, []*awss3.NotificationKeyFilter{{Prefix: jsii.String(snowflake.ChangesPrefix)}})
	}
	topic.announce(awss3.EventType_OBJECT_CREATED, announced)
	// External tables forget what is gone.
	topic.announce(awss3.EventType_OBJECT_REMOVED, announced)
	s := &Store{
		LandingBucket: bucket, Topic: topic.sns, Table: newTable(this, props.Changes),
		offers: props.offers(), ready: topic.ready, feeds: map[string]string{},
	}
	if props.Changes {
		s.Export = newExport(this, props.settings(), bucket, s.Table)
	}
	return s
}

func newLandingBucket(this core.Construct, props StoreProps) awss3.Bucket {
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
	return awss3.NewBucket(this, jsii.String("LandingBucket"), &awss3.BucketProps{
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
		LifecycleRules:    &rules,
	})
}

func newTable(this core.Construct, changes bool) awsdynamodb.TableV2 {
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
		DeletionProtection: jsii.Bool(true),
		RemovalPolicy:      awscdk.RemovalPolicy_RETAIN,
	}
	if changes {
		// The keys, which are there in any case, tell of which record a deletion is.
		props.DynamoStream = awsdynamodb.StreamViewType_NEW_IMAGE
	}
	return awsdynamodb.NewTableV2(this, jsii.String("Table"), props)
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
