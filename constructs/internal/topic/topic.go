// Package topic makes the topics that announce the objects of a bucket to
// Snowflake and to functions.
package topic

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3notifications"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/bucket"
	"example.com/ingestion/constructs/internal/snowflakeobjects"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/snowflake"
)

// Config describes a topic.
type Config struct {
	stackscope.Settings
	Subscribers
}

// Subscribers are principals that may subscribe to a topic.
type Subscribers struct {
	// ARNs are those of IAM users or roles of other accounts.
	ARNs []string
	// Connection, where it is not nil, adds the SNS user of that account of
	// Snowflake, which is looked up at deployment.
	Connection *snowflake.Connection
	// Removals: they are notified of removed objects too, as external tables need.
	Removals bool
}

// Output is a topic.
type Output struct {
	Topic awssns.Topic
	// Policy is nil until AllowPublish.
	Policy awssns.TopicPolicy
	// Ready is what must exist before Snowflake subscribes and lists the files.
	Ready []core.IDependable
	// SnowflakeUser is the SNS user of the connection's account, empty without one.
	SnowflakeUser string

	scope  core.Construct
	config Config
	// bucket is nil where rules of EventBridge publish.
	bucket    awss3.Bucket
	announces bool
	reference awssns.ITopic
}

// NewForBucket makes a topic to which a bucket may publish; the statement that
// allows it is called <name>Publishes.
func NewForBucket(scope core.Construct, b *bucket.Output, name string, c Config) *Output {
	t := New(scope, c)
	t.bucket = b.Bucket
	// SnsDestination would allow the bucket by its ARN alone, which names no
	// account: whoever takes the name of a deleted bucket could publish. So the
	// destination is a reference to the topic, whose policy it does not change, and
	// the notification waits for the policy made here.
	t.AllowPublish(name+"Publishes", "s3.amazonaws.com", map[string]any{
		"ArnEquals":    map[string]any{"aws:SourceArn": b.ARN},
		"StringEquals": map[string]any{"aws:SourceAccount": c.Account()},
	})
	t.reference = awssns.Topic_FromTopicArn(scope, jsii.String("TopicReference"), t.Topic.TopicArn())
	return t
}

// New makes a topic to which nobody may publish until [Output.AllowPublish].
// Without a key in the settings it is not encrypted at rest: S3 cannot publish
// through the key that AWS manages for SNS, and the messages have names of objects,
// not data.
func New(scope core.Construct, c Config) *Output {
	return &Output{
		scope: scope, config: c,
		Topic: awssns.NewTopic(scope, jsii.String("Topic"), &awssns.TopicProps{MasterKey: c.Key}),
	}
}

// AllowPublish makes the topic's policy: a service of AWS may publish, under
// conditions if there are any, and the subscribers may subscribe.
func (t *Output) AllowPublish(sid, service string, conditions map[string]any) {
	resources := &[]*string{t.Topic.TopicArn()}
	publish := &awsiam.PolicyStatementProps{
		Sid:        &sid,
		Principals: &[]awsiam.IPrincipal{t.config.ServicePrincipal(service)},
		Actions:    jsii.Strings("sns:Publish"),
		Resources:  resources,
	}
	if conditions != nil {
		publish.Conditions = &conditions
	}
	statements := []awsiam.PolicyStatement{awsiam.NewPolicyStatement(publish)}
	principals := t.config.ARNs
	if c := t.config.Connection; c != nil {
		t.SnowflakeUser = snowflakeobjects.LookUpSubscriber(t.scope, t.config.Settings, *c, t.Topic)
		principals = append(principals[:len(principals):len(principals)], t.SnowflakeUser)
	}
	for _, arn := range principals {
		statements = append(statements, awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Principals: &[]awsiam.IPrincipal{awsiam.NewArnPrincipal(jsii.String(arn))},
			Actions:    jsii.Strings("sns:Subscribe"),
			Resources:  resources,
		}))
	}
	t.Policy = awssns.NewTopicPolicy(t.scope, jsii.String("TopicPolicy"), &awssns.TopicPolicyProps{
		Topics:         &[]awssns.ITopic{t.Topic},
		EnforceSSL:     jsii.Bool(true),
		PolicyDocument: awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
	})
	t.Ready = []core.IDependable{t.Policy}
}

// Announce has the bucket publish one kind of event, once per filter. The
// notifications wait for the topic's policy and for what else is given.
func (t *Output) Announce(event awss3.EventType, filters [][]*awss3.NotificationKeyFilter, after ...core.IDependable) {
	for _, filter := range filters {
		t.bucket.AddEventNotification(event, awss3notifications.NewSnsDestination(t.reference), filter...)
	}
	notifications := t.bucket.Node().FindChild(jsii.String("Notifications"))
	if !t.announces {
		t.announces = true
		after = append(append(after, t.Policy), bucket.AllowNotifications(t.bucket, t.config.Settings)...)
	}
	if len(after) > 0 {
		notifications.Node().AddDependency(after...)
	}
	t.Ready = []core.IDependable{t.Policy, notifications}
}
