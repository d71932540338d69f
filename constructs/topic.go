package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3notifications"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// subscribers are who may subscribe to a topic from outside the account.
type subscribers struct {
	arns []string
	// connection, when given, adds the SNS user of that account of Snowflake,
	// which is looked up at deployment by a function made with settings.
	connection *SnowflakeConnection
	settings   settings
	// removals: they want to hear of removed objects too, as external tables do.
	removals bool
}

// topic announces the objects of one bucket.
type topic struct {
	sns awssns.Topic
	// ready is what must be there before Snowflake subscribes and looks for files.
	ready []core.IDependable

	scope       core.Construct
	subscribers subscribers
	// bucket is nil where rules of EventBridge tell of the objects.
	bucket    awss3.Bucket
	settings  settings
	policy    awssns.TopicPolicy
	announces bool
	// user is the SNS user of the connection's account, empty without one.
	user      string
	reference awssns.ITopic
}

// newTopic makes a topic to which bucket, called name in the policy, may publish.
func newTopic(this core.Construct, bucket awss3.Bucket, name string, s subscribers) *topic {
	t := newTopicOf(this, s)
	t.bucket = bucket
	// SnsDestination would allow the bucket by its ARN alone, which names no
	// account: a stranger who took the name of a deleted bucket could publish.
	// So the topic reaches it as a reference, whose policy it leaves alone, and
	// the notification waits for the policy made here.
	t.allow(name+"Publishes", "s3.amazonaws.com", map[string]any{
		"ArnEquals":    map[string]any{"aws:SourceArn": bucket.BucketArn()},
		"StringEquals": map[string]any{"aws:SourceAccount": s.settings.site.account()},
	})
	t.reference = awssns.Topic_FromTopicArn(this, jsii.String("TopicReference"), t.sns.TopicArn())
	return t
}

// newTopicOf makes a topic to which nobody may publish yet, see topic.allow.
// Without a key of the user's it is not encrypted at rest: S3 cannot publish
// through the key that AWS manages for SNS, and what passes is names, not data.
func newTopicOf(this core.Construct, s subscribers) *topic {
	return &topic{
		scope: this, subscribers: s, settings: s.settings,
		sns: awssns.NewTopic(this, jsii.String("Topic"), &awssns.TopicProps{MasterKey: s.settings.key}),
	}
}

// allow makes the topic's policy: a service of AWS may publish, under
// conditions, and the subscribers may subscribe.
func (t *topic) allow(sid, service string, conditions map[string]any) {
	resources := &[]*string{t.sns.TopicArn()}
	statements := []awsiam.PolicyStatement{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        &sid,
		Principals: &[]awsiam.IPrincipal{servicePrincipal(service)},
		Actions:    jsii.Strings("sns:Publish"),
		Resources:  resources,
		Conditions: &conditions,
	})}
	principals := t.subscribers.arns
	if c := t.subscribers.connection; c != nil {
		t.user = snowflakeSubscriber(t.scope, t.settings, *c, t.sns)
		principals = append(principals[:len(principals):len(principals)], t.user)
	}
	for _, arn := range principals {
		statements = append(statements, awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Principals: &[]awsiam.IPrincipal{awsiam.NewArnPrincipal(jsii.String(arn))},
			Actions:    jsii.Strings("sns:Subscribe"),
			Resources:  resources,
		}))
	}
	t.policy = awssns.NewTopicPolicy(t.scope, jsii.String("TopicPolicy"), &awssns.TopicPolicyProps{
		Topics:         &[]awssns.ITopic{t.sns},
		EnforceSSL:     jsii.Bool(true),
		PolicyDocument: awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
	})
	t.ready = []core.IDependable{t.policy}
}

// announce has the bucket tell the topic of one kind of event, once per filter.
// The notifications wait for the topic's policy and for what else is given.
func (t *topic) announce(event awss3.EventType, filters [][]*awss3.NotificationKeyFilter, after ...core.IDependable) {
	for _, filter := range filters {
		t.bucket.AddEventNotification(event, awss3notifications.NewSnsDestination(t.reference), filter...)
	}
	notifications := t.bucket.Node().FindChild(jsii.String("Notifications"))
	if !t.announces {
		t.announces = true
		after = append(append(after, t.policy), t.settings.site.allowNotifications(t.bucket, t.settings)...)
	}
	if len(after) > 0 {
		notifications.Node().AddDependency(after...)
	}
	t.ready = []core.IDependable{t.policy, notifications}
}
