package alarm

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/stackscope"
)

// TopicConfig describes the topic of alarms.
type TopicConfig struct {
	stackscope.Settings
	// Emails are subscribed.
	Emails []string
	// TopicARN is an existing topic, empty to make one.
	TopicARN string
}

// NewTopic makes the topic that alarms notify, or refers to it.
func NewTopic(scope core.Construct, id string, c TopicConfig) awssns.ITopic {
	if c.TopicARN != "" {
		return awssns.Topic_FromTopicArn(scope, &id, &c.TopicARN)
	}
	topic := awssns.NewTopic(scope, &id, &awssns.TopicProps{
		DisplayName: jsii.String("Ingestion"),
		MasterKey:   c.Key,
	})
	awssns.NewTopicPolicy(scope, jsii.String(id+"Policy"), &awssns.TopicPolicyProps{
		Topics:     &[]awssns.ITopic{topic},
		EnforceSSL: jsii.Bool(true),
		PolicyDocument: awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid:        jsii.String("AlarmsPublish"),
				Principals: &[]awsiam.IPrincipal{c.ServicePrincipal("cloudwatch.amazonaws.com")},
				Actions:    jsii.Strings("sns:Publish"),
				Resources:  &[]*string{topic.TopicArn()},
				Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": c.Account()}},
			}),
		}}),
	})
	for _, address := range c.Emails {
		// The ID is made from the address: if two change places, neither has to
		// confirm again.
		awssns.NewCfnSubscription(scope, jsii.String("AlarmEmail"+stackscope.Digest(address, 4)), &awssns.CfnSubscriptionProps{
			TopicArn: topic.TopicArn(), Protocol: jsii.String("email"), Endpoint: &address,
		})
	}
	return topic
}
