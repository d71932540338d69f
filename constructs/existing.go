package constructs

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// What EventBridge calls the two kinds of event.
const (
	created = "Object Created"
	removed = "Object Deleted"
)

// eventAge is for how long EventBridge tries to deliver an event: the longest it
// can. What it gives up on goes to the failure queue.
const eventAge = 24 * time.Hour

// connectExisting has a rule of EventBridge tell of the bucket's objects. Rules
// add up, whoever makes them; the bucket itself is left alone.
func (in *inlet) connectExisting(s source) {
	in.allowReading(in.unpack, s)
	id := s.id()
	if in.others == nil {
		in.addRule(id, s, created, in.target(), "tells unpack of")
		return
	}
	// Snowflake hears of the same objects by a topic of the feed's own (its
	// documentation: "Setting up Amazon EventBridge to automate Snowpipe").
	in.topic = newTopicOf(core.NewConstruct(in.Construct, jsii.String("SourceTopic")), *in.others)
	target := in.topicTarget()
	rules := []*string{in.addRule(id, s, created, append(in.target(), target...), "tells unpack and Snowflake of")}
	if in.others.removals {
		rules = append(rules, in.addRule(id+"Removals", s, removed, target, "tells Snowflake of"))
	}
	in.topic.allow("RulesPublish", "events.amazonaws.com", map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": oneOrMany(rules)}})
}

// addRule makes a rule, and returns its ARN.
func (in *inlet) addRule(id string, s source, detailType string, targets []any, does string) *string {
	rule := awsevents.NewCfnRule(in.Construct, jsii.String(id), &awsevents.CfnRuleProps{
		Description:  jsii.String(fmt.Sprintf("Feed %s: %s what is %s in s3://%s/%.200s", in.Spec.Feed, does, map[string]string{created: "new", removed: "deleted"}[detailType], s.Bucket, s.Prefix)),
		EventPattern: s.eventPattern(detailType),
		Targets:      targets,
	})
	arn := rule.AttrArn()
	in.rules = append(in.rules, arn)
	if in.buffer != nil {
		rule.AddDependency(in.buffer.drain)
	} else if detailType == created {
		awslambda.NewCfnPermission(in.Construct, jsii.String(id+"Permission"), &awslambda.CfnPermissionProps{
			Action: jsii.String("lambda:InvokeFunction"), FunctionName: in.unpack.FunctionName(),
			Principal: jsii.String("events.amazonaws.com"), SourceArn: arn,
		})
	}
	return arn
}

// target is what takes the events of the feed's objects.
func (in *inlet) target() []any {
	arn := in.unpack.FunctionArn()
	if in.buffer != nil {
		arn = in.buffer.unpack.AttrArn()
	}
	return in.targetOf("Unpack", arn)
}

func (in *inlet) topicTarget() []any { return in.targetOf("Snowflake", in.topic.sns.TopicArn()) }

func (in *inlet) targetOf(id string, arn *string) []any {
	return []any{&awsevents.CfnRule_TargetProperty{
		Id: &id, Arn: arn,
		RetryPolicy: &awsevents.CfnRule_RetryPolicyProperty{
			MaximumEventAgeInSeconds: jsii.Number(eventAge.Seconds()), MaximumRetryAttempts: jsii.Number(185), // both the most
		},
		DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: in.FailureQueue.QueueArn()},
	}}
}

// allowRules lets the feed's rules send to its queues: what they could not
// deliver to the failure queue, and what they tell to that of unpack.
func (in *inlet) allowRules() {
	if len(in.rules) == 0 {
		return
	}
	of := map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": oneOrMany(in.rules)}}
	in.FailureQueue.(awssqs.Queue).AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("RulesGiveUp"),
		Principals: &[]awsiam.IPrincipal{servicePrincipal("events.amazonaws.com")},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{in.FailureQueue.QueueArn()},
		Conditions: &of,
	}))
	if in.buffer != nil {
		in.buffer.accept("events.amazonaws.com", of)
	}
}

// oneOrMany is all, or the one that there is.
func oneOrMany(all []*string) any {
	if len(all) == 1 {
		return all[0]
	}
	return all
}

// id begins the names of the source's own constructs. It says which source it
// is, not the how many-th: one more before it must not replace its rule.
func (s source) id() string {
	return "Source" + digest(strings.Join([]string{string(s.Kind), s.Bucket, s.Prefix, strings.Join(s.Suffixes, "\x00")}, "\x00"), 4)
}

// pattern is the pattern of the source's rule, as EventBridge counts it.
func (s source) pattern(detailType string) string { return text(s.eventPattern(detailType)) }

func (s source) eventPattern(detailType string) map[string]any {
	detail := map[string]any{"bucket": map[string]any{"name": []any{s.Bucket}}}
	if keys := s.keys(); keys != nil {
		detail["object"] = map[string]any{"key": keys}
	}
	return map[string]any{"source": []any{"aws.s3"}, "detail-type": []any{detailType}, "detail": detail}
}

// keys are what a key may look like: of several, one must fit. A key is to have
// both the prefix and a suffix, so the two are put into one wildcard.
func (s source) keys() []any {
	if len(s.Suffixes) == 0 {
		if s.Prefix == "" {
			return nil
		}
		return []any{map[string]any{"prefix": s.Prefix}}
	}
	var keys []any
	for _, suffix := range s.Suffixes {
		if s.Prefix == "" {
			keys = append(keys, map[string]any{"suffix": suffix})
			continue
		}
		keys = append(keys, map[string]any{"wildcard": unwild(s.Prefix) + "*" + unwild(suffix)})
		// A key in which the two overlap, such as "a.csv" of "a." and ".csv", does
		// not fit the wildcard.
		for n := 1; n <= min(len(s.Prefix), len(suffix)); n++ {
			if strings.HasSuffix(s.Prefix, suffix[:n]) {
				keys = append(keys, s.Prefix+suffix[n:])
			}
		}
	}
	return keys
}

// unwild is text as a wildcard of EventBridge takes it for itself.
func unwild(text string) string { return strings.NewReplacer(`\`, `\\`, `*`, `\*`).Replace(text) }
