package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"example.com/ingestion/feed"
)

// sources looks at how the feed hears of objects, source by source.
func sources(ctx context.Context, x *exam) {
	for _, s := range x.Live.Sources {
		if s.Bucket == "" {
			continue // the output is missing, which is told already
		}
		name := string(s.Kind) + " bucket"
		if len(x.Live.Sources) > 1 && s.Kind != feed.OwnBucket {
			name += " " + s.Bucket + "/" + s.Prefix
		}
		switch s.Kind {
		case feed.OwnBucket:
			x.ownBucket(ctx, name, s)
		case feed.ExistingBucket:
			x.existingBucket(ctx, name, s)
		case feed.ExternalBucket:
			x.externalBucket(ctx, name, s)
		}
	}
}

// listener is what hears of the feed's objects first.
type listener struct {
	what, arn string
	// service is not empty where the function itself must let it in.
	function string
}

// unpackListener is the function unpack or, with queues, the queue before it.
func (x *exam) unpackListener(ctx context.Context) (listener, error) {
	if x.Live.UnpackQueueURL == "" {
		return listener{what: "function " + x.Live.UnpackFunction, arn: x.functionARN(x.Live.UnpackFunction), function: x.Live.UnpackFunction}, nil
	}
	out, err := x.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &x.Live.UnpackQueueURL, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return listener{}, err
	}
	return listener{what: "queue " + queueName(x.Live.UnpackQueueURL), arn: out.Attributes["QueueArn"]}, nil
}

// notification is one entry of a bucket's notification configuration.
type notification struct {
	arn            string
	events         []types.Event
	prefix, suffix string
}

func (n notification) created() bool {
	return slices.Contains(n.events, types.EventS3ObjectCreated)
}

func (x *exam) notifications(ctx context.Context, bucket string) (all []notification, eventBridge bool, err error) {
	out, err := x.s3.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: &bucket})
	if err != nil {
		return nil, false, err
	}
	add := func(arn *string, events []types.Event, filter *types.NotificationConfigurationFilter) {
		n := notification{arn: aws.ToString(arn), events: events}
		if filter != nil && filter.Key != nil {
			for _, rule := range filter.Key.FilterRules {
				// S3 writes the names with either case.
				if strings.EqualFold(string(rule.Name), string(types.FilterRuleNamePrefix)) {
					n.prefix = aws.ToString(rule.Value)
				} else {
					n.suffix = aws.ToString(rule.Value)
				}
			}
		}
		all = append(all, n)
	}
	for _, c := range out.LambdaFunctionConfigurations {
		add(c.LambdaFunctionArn, c.Events, c.Filter)
	}
	for _, c := range out.QueueConfigurations {
		add(c.QueueArn, c.Events, c.Filter)
	}
	for _, c := range out.TopicConfigurations {
		add(c.TopicArn, c.Events, c.Filter)
	}
	return all, out.EventBridgeConfiguration != nil, nil
}

const notificationRight = "s3:GetBucketNotification on the bucket"

func (x *exam) ownBucket(ctx context.Context, name string, s feed.Source) {
	hears, err := x.unpackListener(ctx)
	if err != nil {
		x.failed(name, err, "sqs:GetQueueAttributes")
		return
	}
	to, service := hears, "s3.amazonaws.com"
	source := "arn:" + x.partition() + ":s3:::" + s.Bucket
	if topic := x.Live.Output("SourceTopic"); topic != "" {
		to, service, source = listener{what: "topic " + topic, arn: topic}, "sns.amazonaws.com", topic
		x.subscribed(ctx, name, topic, hears)
	}
	all, eventBridge, err := x.notifications(ctx, s.Bucket)
	switch {
	case missing(err):
		x.fail(name, "make a bucket of that name again, or destroy the feed and deploy it anew", "bucket %s does not exist", s.Bucket)
		return
	case err != nil:
		x.failed(name, err, notificationRight)
		return
	}
	if to.arn == "" {
		x.add(Unknown, name, "", "the function was not found, so what the bucket tells it cannot be compared")
		return
	}
	suffixes := s.Suffixes
	if len(suffixes) == 0 {
		suffixes = []string{""}
	}
	var lacks []string
	for _, suffix := range suffixes {
		found := slices.ContainsFunc(all, func(n notification) bool {
			return n.arn == to.arn && n.created() && n.prefix == s.Prefix && n.suffix == suffix
		})
		if !found {
			lacks = append(lacks, s.Prefix+"*"+suffix)
		}
	}
	if len(lacks) > 0 {
		how := "the notifications were changed by hand, which a deployment does not notice: "
		if eventBridge || slices.ContainsFunc(all, func(n notification) bool { return n.arn != to.arn }) {
			how += "this replaces all that the bucket has, so take along what `aws s3api get-bucket-notification-configuration --bucket " + s.Bucket + "` shows: "
		}
		x.fail(name, how+putNotifications(s, to.arn, suffixes)+"; then `ingest backfill "+x.Live.Name+"` takes in what was not announced",
			"s3://%s does not tell %s of new objects %s", s.Bucket, to.what, strings.Join(lacks, ", "))
		return
	}
	x.pass(name, "s3://%s/%s tells %s of new objects", s.Bucket, s.Prefix, to.what)
	if hears.function != "" {
		x.invocation(ctx, name, hears.function, service, source)
	}
}

// putNotifications is the command that gives the feed's own bucket the
// notifications that it was made with.
func putNotifications(s feed.Source, arn string, suffixes []string) string {
	kind, target := "LambdaFunctionConfigurations", "LambdaFunctionArn"
	switch {
	case strings.Contains(arn, ":sns:"):
		kind, target = "TopicConfigurations", "TopicArn"
	case strings.Contains(arn, ":sqs:"):
		kind, target = "QueueConfigurations", "QueueArn"
	}
	type rule struct{ Name, Value string }
	var all []map[string]any
	for _, suffix := range suffixes {
		var rules []rule
		if s.Prefix != "" {
			rules = append(rules, rule{"prefix", s.Prefix})
		}
		if suffix != "" {
			rules = append(rules, rule{"suffix", suffix})
		}
		one := map[string]any{target: arn, "Events": []types.Event{types.EventS3ObjectCreated}}
		if len(rules) > 0 { // S3 takes no empty filter
			one["Filter"] = map[string]any{"Key": map[string]any{"FilterRules": rules}}
		}
		all = append(all, one)
	}
	text, err := json.Marshal(map[string]any{kind: all})
	if err != nil {
		panic(err) // of texts alone
	}
	return "aws s3api put-bucket-notification-configuration --bucket " + s.Bucket + " --notification-configuration '" + string(text) + "'"
}

// invocation looks whether a function lets a service invoke it.
func (x *exam) invocation(ctx context.Context, name, function, service, source string) {
	name += ": may invoke"
	ok, err := x.mayInvoke(ctx, function, service, source)
	switch {
	case err != nil:
		x.failed(name, err, "lambda:GetPolicy")
	case !ok:
		x.fail(name, x.revert(), "function %s does not let %s invoke it for %s", function, service, source)
	default:
		x.pass(name, "%s may invoke %s", service, function)
	}
}

// subscribed looks whether a topic tells the listener.
func (x *exam) subscribed(ctx context.Context, name, topic string, to listener) {
	name += ": subscription"
	all, err := x.subscriptions(ctx, topic)
	switch {
	case err != nil:
		x.failed(name, err, "sns:ListSubscriptionsByTopic")
	case to.arn == "":
		x.add(Unknown, name, "", "the function was not found")
	case !slices.ContainsFunc(all, func(s subscription) bool { return s.endpoint == to.arn }):
		x.fail(name, x.revert(), "%s is not subscribed to %s", to.what, topic)
	default:
		x.pass(name, "%s is subscribed to %s", to.what, topic)
	}
}

type subscription struct {
	endpoint, protocol string
	confirmed          bool
}

func (x *exam) subscriptions(ctx context.Context, topic string) ([]subscription, error) {
	var all []subscription
	pages := sns.NewListSubscriptionsByTopicPaginator(x.sns, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Subscriptions {
			all = append(all, subscription{
				endpoint: aws.ToString(s.Endpoint), protocol: aws.ToString(s.Protocol),
				confirmed: strings.HasPrefix(aws.ToString(s.SubscriptionArn), "arn:"),
			})
		}
	}
	return all, nil
}

func (x *exam) existingBucket(ctx context.Context, name string, s feed.Source) {
	_, on, err := x.notifications(ctx, s.Bucket)
	switch {
	case missing(err):
		x.fail(name, "name the right bucket in the feed's Source, and deploy it", "bucket %s does not exist", s.Bucket)
		return
	case err != nil:
		x.failed(name, err, notificationRight)
	case !on:
		x.fail(name, "turn on Amazon EventBridge in the properties of bucket "+s.Bucket+" (its other notifications stay), then `ingest backfill "+x.Live.Name+"`",
			"bucket %s sends no events to EventBridge", s.Bucket)
	default:
		x.pass(name, "%s sends its events to EventBridge", s.Bucket)
	}
	hears, err := x.unpackListener(ctx)
	if err != nil {
		x.failed(name+": rule", err, "sqs:GetQueueAttributes")
		return
	}
	x.rule(ctx, name, hears, func(r *eventbridge.DescribeRuleOutput) bool {
		return strings.Contains(aws.ToString(r.EventPattern), fmt.Sprintf("%q", s.Bucket))
	})
}

// rule looks for the rule of the stack that mine accepts, whether it is on and
// whether it reaches the listener.
func (x *exam) rule(ctx context.Context, name string, to listener, mine func(*eventbridge.DescribeRuleOutput) bool) {
	name += ": rule"
	deploy := x.revert()
	for _, id := range x.resources["AWS::Events::Rule"] {
		rule := id[strings.LastIndexAny(id, "|/")+1:] // on a bus of its own it is <bus>|<rule>
		r, err := x.events.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &rule})
		if missing(err) {
			x.fail(name, deploy, "rule %s of the stack does not exist", rule)
			return
		}
		if err != nil {
			x.failed(name, err, "events:DescribeRule")
			return
		}
		if !mine(r) {
			continue
		}
		if r.State == eventtypes.RuleStateDisabled {
			x.fail(name, "aws events enable-rule --name "+rule, "rule %s is disabled", rule)
			return
		}
		targets, err := x.events.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: &rule})
		switch {
		case err != nil:
			x.failed(name, err, "events:ListTargetsByRule")
		case !slices.ContainsFunc(targets.Targets, func(t eventtypes.Target) bool { return aws.ToString(t.Arn) == to.arn }):
			x.fail(name, deploy, "rule %s does not reach %s", rule, to.what)
		default:
			x.pass(name, "rule %s is on and reaches %s", rule, to.what)
			if to.function != "" {
				x.invocation(ctx, name, to.function, "events.amazonaws.com", aws.ToString(r.Arn))
			}
		}
		return
	}
	if x.resources == nil {
		x.add(Unknown, name, "allow these credentials cloudformation:ListStackResources", "not allowed to look for the stack's rules")
		return
	}
	x.fail(name, deploy, "the stack has no rule for it")
}
