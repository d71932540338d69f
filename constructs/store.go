package constructs

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3notifications"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"ingestion/internal/feed"
)

// Store is where the records of one or many feeds end: a landing bucket for
// the parts, a topic that announces them, and a table. Feeds only ever read its
// names, so that none of them changes the template of the stack it is in.
type Store struct {
	LandingBucket awss3.IBucket
	// Topic announces every object that is created under the landing prefix.
	Topic awssns.ITopic
	Table awsdynamodb.ITableV2

	// feeds maps each feed to the path of its pipeline.
	feeds map[string]string
}

// StoreProps are the props of a Store.
type StoreProps struct {
	// LandingExpirationDays is for how many days the parts are kept. 0 keeps
	// them for ever. Quarantine never expires.
	LandingExpirationDays int
	// Subscribers are the ARNs of the IAM users or roles that may subscribe to
	// the topic: for Snowflake the one that SYSTEM$GET_AWS_SNS_IAM_POLICY names.
	Subscribers []string
}

// Validate reports everything that is wrong with p at once.
func (p StoreProps) Validate() error {
	var errs []error
	if p.LandingExpirationDays < 0 {
		errs = append(errs, fmt.Errorf("store: LandingExpirationDays: %d is negative: give 0 to keep the parts for ever", p.LandingExpirationDays))
	}
	for _, arn := range p.Subscribers {
		if !principalARN.MatchString(arn) {
			errs = append(errs, fmt.Errorf("store: Subscribers: %q is not the ARN of an IAM user or role", arn))
		}
	}
	return errors.Join(errs...)
}

// NewStore makes a Store that several feeds, in stacks of their own, can share.
// What they need of it is exported from the start: otherwise the first feed
// would add the exports and the last would take them away again. CloudFormation
// then refuses to delete the store before the feeds that use it.
func NewStore(scope core.Construct, id string, props StoreProps) (_ *Store, err error) {
	if err := props.Validate(); err != nil {
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
	return s, nil
}

func newStore(this core.Construct, props StoreProps) *Store {
	bucket := newLandingBucket(this, props)
	return &Store{
		LandingBucket: bucket,
		Topic:         newTopic(this, bucket, props.Subscribers),
		Table:         newTable(this),
		feeds:         map[string]string{},
	}
}

func newLandingBucket(this core.Construct, props StoreProps) awss3.Bucket {
	rules := []*awss3.LifecycleRule{{AbortIncompleteMultipartUploadAfter: days(7)}}
	if props.LandingExpirationDays > 0 {
		rules = append(rules, &awss3.LifecycleRule{
			Prefix:     jsii.String(feed.DefaultLandingPrefix),
			Expiration: days(props.LandingExpirationDays),
		})
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

// newTopic makes the topic and has the bucket announce its parts there. It is
// not encrypted at rest: S3 cannot publish through the key that AWS manages
// for SNS, and what passes is names, not data.
func newTopic(this core.Construct, bucket awss3.Bucket, subscribers []string) awssns.Topic {
	topic := awssns.NewTopic(this, jsii.String("Topic"), nil)
	account := awscdk.Stack_Of(this).Account()

	// SnsDestination would allow the bucket by its ARN alone, which names no
	// account: a stranger who took the name of a deleted bucket could publish.
	// So the topic reaches it as a reference, whose policy it leaves alone, and
	// the notification waits for the policy made here.
	statements := []awsiam.PolicyStatement{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("LandingBucketPublishes"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("s3.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sns:Publish"),
		Resources:  &[]*string{topic.TopicArn()},
		Conditions: &map[string]any{
			"ArnEquals":    map[string]any{"aws:SourceArn": bucket.BucketArn()},
			"StringEquals": map[string]any{"aws:SourceAccount": account},
		},
	})}
	for _, arn := range subscribers {
		statements = append(statements, awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Principals: &[]awsiam.IPrincipal{awsiam.NewArnPrincipal(jsii.String(arn))},
			Actions:    jsii.Strings("sns:Subscribe"),
			Resources:  &[]*string{topic.TopicArn()},
		}))
	}
	policy := awssns.NewTopicPolicy(this, jsii.String("TopicPolicy"), &awssns.TopicPolicyProps{
		Topics:         &[]awssns.ITopic{topic},
		EnforceSSL:     jsii.Bool(true),
		PolicyDocument: awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
	})

	reference := awssns.Topic_FromTopicArn(this, jsii.String("TopicReference"), topic.TopicArn())
	bucket.AddEventNotification(awss3.EventType_OBJECT_CREATED, awss3notifications.NewSnsDestination(reference),
		&awss3.NotificationKeyFilter{Prefix: jsii.String(feed.DefaultLandingPrefix)})
	bucket.Node().FindChild(jsii.String("Notifications")).Node().AddDependency(policy)
	return topic
}

func newTable(this core.Construct) awsdynamodb.TableV2 {
	return awsdynamodb.NewTableV2(this, jsii.String("Table"), &awsdynamodb.TablePropsV2{
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
	})
}

func stringAttribute(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
}

// StoreNames name a Store that exists already, in the same account and region.
// They are outputs of the stack that made it.
type StoreNames struct {
	LandingBucket string
	Table         string
	TopicARN      string
}

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	tableName  = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,255}$`)
	topicARN   = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$`)
)

// Validate reports everything that is wrong with n at once. Values that are
// known at deployment only, such as imports from another stack, pass.
func (n StoreNames) Validate() error {
	var errs []error
	check := func(field, value string, valid *regexp.Regexp, want string) {
		if !strings.Contains(value, "${Token[") && !valid.MatchString(value) {
			errs = append(errs, fmt.Errorf("store: %s: %q is not %s", field, value, want))
		}
	}
	check("LandingBucket", n.LandingBucket, bucketName, "the name of a bucket")
	check("Table", n.Table, tableName, "the name of a table")
	check("TopicARN", n.TopicARN, topicARN, "the ARN of an SNS topic")
	return errors.Join(errs...)
}

// ImportStore refers to a Store that another stack or app has made.
func ImportStore(scope core.Construct, id string, names StoreNames) (_ *Store, err error) {
	if err := names.Validate(); err != nil {
		return nil, err
	}
	defer CatchPanic(&err)
	this := core.NewConstruct(scope, &id)
	return &Store{
		LandingBucket: awss3.Bucket_FromBucketName(this, jsii.String("LandingBucket"), &names.LandingBucket),
		Topic:         awssns.Topic_FromTopicArn(this, jsii.String("Topic"), &names.TopicARN),
		Table:         awsdynamodb.TableV2_FromTableName(this, jsii.String("Table"), &names.Table),
		feeds:         map[string]string{},
	}, nil
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
