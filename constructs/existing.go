package constructs

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
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
	target, removals := in.topicTarget(), id+"Removals"
	publishers := []string{in.site.ruleARN(in.ruleName(id))}
	if in.others.removals {
		publishers = append(publishers, in.site.ruleARN(in.ruleName(removals)))
	}
	in.topic.allow("RulesPublish", "events.amazonaws.com", map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": oneOrMany(publishers)}})
	ready := []core.IDependable{in.topic.policy, in.addRule(id, s, created, append(in.target(), target...), "tells unpack and Snowflake of")}
	if in.others.removals {
		ready = append(ready, in.addRule(removals, s, removed, target, "tells Snowflake of"))
	}
	in.topic.ready = ready
}

// ruleName is known before the rule is made, so that everything that must let it
// send comes first: EventBridge does not try again where it was refused. At most
// 40 + 17 of 64 characters.
func (in *inlet) ruleName(id string) string {
	return fmt.Sprintf("%.40s-%s", in.Spec.Feed, digest(in.identity()+"\x00"+id, 8))
}

// addRule makes a rule.
func (in *inlet) addRule(id string, s source, detailType string, targets []any, does string) core.IDependable {
	name := in.ruleName(id)
	arn := in.site.ruleARN(name)
	rule := awsevents.NewCfnRule(in.Construct, jsii.String(id), &awsevents.CfnRuleProps{
		Name:         &name,
		Description:  jsii.String(fmt.Sprintf("Feed %s: %s what is %s in s3://%s/%.200s", in.Spec.Feed, does, map[string]string{created: "new", removed: "deleted"}[detailType], s.Bucket, s.Prefix)),
		EventPattern: s.eventPattern(detailType),
		Targets:      targets,
	})
	in.rules = append(in.rules, arn)
	after := []core.IDependable{resourceOf(in.failures.Node().FindChild(jsii.String("Policy")))}
	if in.topic != nil {
		after = append(after, in.topic.policy)
	}
	if in.buffer != nil {
		after = append(after, in.buffer.drain)
	} else if detailType == created {
		after = append(after, awslambda.NewCfnPermission(in.Construct, jsii.String(id+"Permission"), &awslambda.CfnPermissionProps{
			Action: jsii.String("lambda:InvokeFunction"), FunctionName: jsii.String(in.unpack.name()),
			Principal: jsii.String("events.amazonaws.com"), SourceArn: &arn,
		}))
	}
	rule.Node().AddDependency(after...)
	return rule
}

// target is what takes the events of the feed's objects.
func (in *inlet) target() []any {
	arn := in.unpack.arn()
	if in.buffer != nil {
		arn = *in.buffer.unpack.AttrArn()
	}
	return in.targetOf("Unpack", &arn)
}

func (in *inlet) topicTarget() []any { return in.targetOf("Snowflake", in.topic.sns.TopicArn()) }

func (in *inlet) targetOf(id string, arn *string) []any {
	return []any{&awsevents.CfnRule_TargetProperty{
		Id: &id, Arn: arn,
		RetryPolicy: &awsevents.CfnRule_RetryPolicyProperty{
			MaximumEventAgeInSeconds: jsii.Number(eventAge.Seconds()), MaximumRetryAttempts: jsii.Number(185), // both the most
		},
		DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: &in.failures.arn},
	}}
}

// allowRules lets the feed's rules send to its queues: what they could not
// deliver to the failure queue, and what they tell to that of unpack.
func (in *inlet) allowRules() {
	if len(in.rules) == 0 {
		return
	}
	of := map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": oneOrMany(in.rules)}}
	if in.buffer != nil {
		in.buffer.accept("events.amazonaws.com", of)
	}
	in.failures.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("RulesGiveUp"),
		Principals: &[]awsiam.IPrincipal{servicePrincipal("events.amazonaws.com")},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{&in.failures.arn},
		Conditions: &of,
	}))
}

// oneOrMany is all, or the one that there is.
func oneOrMany(all []string) any {
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
