package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// newAlarmTopic makes the topic that is told of what goes wrong, or finds it.
// It returns nil without props.
func newAlarmTopic(this core.Construct, s settings, props *StoreAlarmProps) awssns.ITopic {
	if props == nil {
		return nil
	}
	if props.TopicARN != "" {
		return awssns.Topic_FromTopicArn(this, jsii.String("AlarmTopic"), &props.TopicARN)
	}
	topic := awssns.NewTopic(this, jsii.String("AlarmTopic"), &awssns.TopicProps{
		DisplayName: jsii.String("Ingestion"),
		MasterKey:   s.key,
	})
	awssns.NewTopicPolicy(this, jsii.String("AlarmTopicPolicy"), &awssns.TopicPolicyProps{
		Topics:     &[]awssns.ITopic{topic},
		EnforceSSL: jsii.Bool(true),
		PolicyDocument: awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid:        jsii.String("AlarmsPublish"),
				Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
				Actions:    jsii.Strings("sns:Publish"),
				Resources:  &[]*string{topic.TopicArn()},
				Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": awscdk.Stack_Of(this).Account()}},
			}),
		}}),
	})
	for _, address := range props.Emails {
		// By the address: of two that change places, neither has to confirm again.
		awssns.NewCfnSubscription(this, jsii.String("AlarmEmail"+digest(address, 4)), &awssns.CfnSubscriptionProps{
			TopicArn: topic.TopicArn(), Protocol: jsii.String("email"), Endpoint: &address,
		})
	}
	return topic
}

// exportAlarms exports the topic of the alarms, where the store has made it.
func (s *Store) exportAlarms(stack awscdk.Stack, props StoreProps) {
	if props.Alarms != nil && props.Alarms.TopicARN == "" {
		stack.ExportValue(s.AlarmTopic.TopicArn(), nil)
	}
}
