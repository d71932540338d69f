package eventsource

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/nag"
	"example.com/ingestion/constructs/internal/source"
	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/constructs/internal/topic"
)

const (
	// deliveryAge is for how long EventBridge tries to deliver an event, and
	// deliveryRetries how often: the most that it does. After that the event goes to
	// the failure queue.
	deliveryAge     = 24 * time.Hour
	deliveryRetries = 185
)

// connectExisting makes a rule of EventBridge for the bucket's objects. Other
// rules, whoever makes them, are independent of it, and the bucket is not changed.
func (e *eventSource) connectExisting(s source.Source) {
	e.allowReading(s)
	id := s.ID()
	if e.Subscribers == nil {
		e.addRule(id, s, source.Created, e.unpackTarget(), "notifies unpack")
		return
	}
	// A topic of the feed's own notifies Snowflake of the same objects (its
	// documentation: "Setting up Amazon EventBridge to automate Snowpipe").
	e.Topic = topic.New(core.NewConstruct(e.scope, jsii.String("SourceTopic")), topic.Config{Settings: e.Settings, Subscribers: *e.Subscribers})
	target, removals := e.target("Snowflake", e.Topic.Topic.TopicArn()), id+"Removals"
	// EventBridge publishes only by a statement without a condition.
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
	e.Topic.AllowPublish("RulesPublish", "events.amazonaws.com", nil)
	ready := []core.IDependable{e.Topic.Policy, e.addRule(id, s, source.Created, append(e.unpackTarget(), target...), "notifies unpack and Snowflake")}
	if e.Subscribers.Removals {
		ready = append(ready, e.addRule(removals, s, source.Deleted, target, "notifies Snowflake"))
	}
	e.Topic.Ready = ready
}

// ruleName is known before the rule is made, so that all policies that let it send
// are made first: EventBridge does not retry where it was denied. It has at most
// 40 + 17 of 64 characters.
func (e *eventSource) ruleName(id string) string {
	return fmt.Sprintf("%.40s-%s", e.Feed, stackscope.Digest(e.Identity+"\x00"+id, 8))
}

// addRule makes a rule, and what lets it send, before it.
func (e *eventSource) addRule(id string, s source.Source, detailType string, targets []any, does string) core.IDependable {
	name := e.ruleName(id)
	arn := e.RuleARN(name)
	rule := awsevents.NewCfnRule(e.scope, jsii.String(id), &awsevents.CfnRuleProps{
		Name:         &name,
		Description:  jsii.String(fmt.Sprintf("Feed %s: %s of %s objects in s3://%s/%.200s", e.Feed, does, map[string]string{source.Created: "new", source.Deleted: "deleted"}[detailType], s.Bucket, s.Prefix)),
		EventPattern: s.EventPattern(detailType),
		Targets:      targets,
	})
	e.Rules, e.ruleARNs = append(e.Rules, rule), append(e.ruleARNs, arn)
	after := []core.IDependable{nag.ResourceOf(e.Failures.Queue.Node().FindChild(jsii.String("Policy")))}
	if e.Topic != nil {
		after = append(after, e.Topic.Policy)
	}
	if detailType == source.Created {
		after = append(after, awslambda.NewCfnPermission(e.scope, jsii.String(id+"Permission"), &awslambda.CfnPermissionProps{
			Action: jsii.String("lambda:InvokeFunction"), FunctionName: jsii.String(e.Unpack.Name()),
			Principal: jsii.String("events.amazonaws.com"), SourceArn: &arn,
		}))
	}
	rule.Node().AddDependency(after...)
	return rule
}

// unpackTarget is the target of the events for unpack.
func (e *eventSource) unpackTarget() []any {
	return e.target("Unpack", jsii.String(e.Unpack.ARN()))
}

func (e *eventSource) target(id string, arn *string) []any {
	return []any{&awsevents.CfnRule_TargetProperty{
		Id: &id, Arn: arn,
		RetryPolicy: &awsevents.CfnRule_RetryPolicyProperty{
			MaximumEventAgeInSeconds: jsii.Number(deliveryAge.Seconds()), MaximumRetryAttempts: jsii.Number(deliveryRetries),
		},
		DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: &e.Failures.ARN},
	}}
}

// allowRules lets the feed's rules send what they could not deliver to its failure
// queue.
func (e *eventSource) allowRules() {
	if len(e.ruleARNs) == 0 {
		return
	}
	rules := map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": oneOrMany(e.ruleARNs)}}
	e.Failures.Queue.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("UndeliveredEvents"),
		Principals: &[]awsiam.IPrincipal{e.ServicePrincipal("events.amazonaws.com")},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{&e.Failures.ARN},
		Conditions: &rules,
	}))
}

// oneOrMany is all, or its only element.
func oneOrMany(all []string) any {
	if len(all) == 1 {
		return all[0]
	}
	return all
}
