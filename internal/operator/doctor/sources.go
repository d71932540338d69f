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

	"example.com/ingestion/feed"
)

// sources checks the notifications of each source.
func sources(ctx context.Context, d *doctor) {
	for _, s := range d.Feed.Sources {
		if s.Bucket == "" {
			continue // the missing output is reported already
		}
		name := string(s.Kind) + " bucket"
		if len(d.Feed.Sources) > 1 && s.Kind != feed.OwnBucket {
			name += " " + s.Bucket + "/" + s.Prefix
		}
		switch s.Kind {
		case feed.OwnBucket:
			d.ownBucket(ctx, name, s)
		case feed.ExistingBucket:
			d.existingBucket(ctx, name, s)
		case feed.ExternalBucket:
			d.externalBucket(ctx, name, s)
		}
	}
}

// receiver is what receives the notifications of a source first.
type receiver struct {
	name, arn string
	// function is the name of a function whose policy must allow the invocation; empty
	// for a topic.
	function string
}

// unpackReceiver returns the function unpack.
func (d *doctor) unpackReceiver() receiver {
	return receiver{name: "function " + d.Feed.UnpackFunction, arn: d.functionARN(d.Feed.UnpackFunction), function: d.Feed.UnpackFunction}
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

func (d *doctor) bucketNotifications(ctx context.Context, bucket string) (all []notification, eventBridge bool, err error) {
	out, err := d.s3.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: &bucket})
	if err != nil {
		return nil, false, err
	}
	add := func(arn *string, events []types.Event, filter *types.NotificationConfigurationFilter) {
		n := notification{arn: aws.ToString(arn), events: events}
		if filter != nil && filter.Key != nil {
			for _, rule := range filter.Key.FilterRules {
				// S3 returns the names in either case.
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

const notificationPermission = "s3:GetBucketNotification on the bucket"

func (d *doctor) ownBucket(ctx context.Context, name string, s feed.Source) {
	target := d.unpackReceiver()
	to, service := target, "s3.amazonaws.com"
	source := "arn:" + d.partition() + ":s3:::" + s.Bucket
	if topic := d.Feed.Output("SourceTopic"); topic != "" {
		to, service, source = receiver{name: "topic " + topic, arn: topic}, "sns.amazonaws.com", topic
		d.subscribed(ctx, name, topic, target)
	}
	all, eventBridge, err := d.bucketNotifications(ctx, s.Bucket)
	switch {
	case missing(err):
		d.fail(name, "create a bucket with that name, or destroy the feed and deploy it again", "bucket %s does not exist", s.Bucket)
		return
	case err != nil:
		d.unknown(name, err, notificationPermission)
		return
	}
	if to.arn == "" {
		d.add(Unknown, name, "", "the function was not found, so the notifications of the bucket cannot be compared")
		return
	}
	suffixes := s.Suffixes
	if len(suffixes) == 0 {
		suffixes = []string{""}
	}
	var uncovered []string
	for _, suffix := range suffixes {
		found := slices.ContainsFunc(all, func(n notification) bool {
			return n.arn == to.arn && n.created() && n.prefix == s.Prefix && n.suffix == suffix
		})
		if !found {
			uncovered = append(uncovered, s.Prefix+"*"+suffix)
		}
	}
	if len(uncovered) > 0 {
		remedy := "the notifications were changed by hand, which a deployment does not detect: "
		if eventBridge || slices.ContainsFunc(all, func(n notification) bool { return n.arn != to.arn }) {
			remedy += "this replaces all notifications of the bucket, so include those that `aws s3api get-bucket-notification-configuration --bucket " + s.Bucket + "` prints: "
		}
		d.fail(name, remedy+putNotifications(s, to.arn, suffixes)+"; then process the objects that were put in the meantime: ingest backfill "+d.Feed.Name,
			"s3://%s does not notify %s of new objects %s", s.Bucket, to.name, strings.Join(uncovered, ", "))
		return
	}
	d.pass(name, "s3://%s/%s notifies %s of new objects", s.Bucket, s.Prefix, to.name)
	if target.function != "" {
		d.invocation(ctx, name, target.function, service, source)
	}
}

// putNotifications is the command that restores the notifications of the bucket.
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
		if len(rules) > 0 { // S3 rejects an empty filter
			one["Filter"] = map[string]any{"Key": map[string]any{"FilterRules": rules}}
		}
		all = append(all, one)
	}
	text, err := json.Marshal(map[string]any{kind: all})
	if err != nil {
		panic(err) // strings can be encoded
	}
	return "aws s3api put-bucket-notification-configuration --bucket " + s.Bucket + " --notification-configuration '" + string(text) + "'"
}

// invocation checks whether the policy of a function allows a service to invoke it.
func (d *doctor) invocation(ctx context.Context, name, function, service, source string) {
	name += ": permission"
	ok, err := d.mayInvoke(ctx, function, service, source)
	switch {
	case err != nil:
		d.unknown(name, err, "lambda:GetPolicy")
	case !ok:
		d.fail(name, d.revert(), "function %s does not allow %s to invoke it for %s", function, service, source)
	default:
		d.pass(name, "%s may invoke %s", service, function)
	}
}

// subscribed checks whether the receiver is subscribed to a topic.
func (d *doctor) subscribed(ctx context.Context, name, topic string, to receiver) {
	name += ": subscription"
	all, err := d.subscriptions(ctx, topic)
	switch {
	case err != nil:
		d.unknown(name, err, "sns:ListSubscriptionsByTopic")
	case to.arn == "":
		d.add(Unknown, name, "", "the function was not found")
	case !slices.ContainsFunc(all, func(s subscription) bool { return s.endpoint == to.arn }):
		d.fail(name, d.revert(), "%s is not subscribed to %s", to.name, topic)
	default:
		d.pass(name, "%s is subscribed to %s", to.name, topic)
	}
}

type subscription struct {
	endpoint, protocol string
	confirmed          bool
}

func (d *doctor) subscriptions(ctx context.Context, topic string) ([]subscription, error) {
	var all []subscription
	pages := sns.NewListSubscriptionsByTopicPaginator(d.sns, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
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

func (d *doctor) existingBucket(ctx context.Context, name string, s feed.Source) {
	_, on, err := d.bucketNotifications(ctx, s.Bucket)
	switch {
	case missing(err):
		d.fail(name, "name the right bucket in the feed's Source, and deploy it", "bucket %s does not exist", s.Bucket)
		return
	case err != nil:
		d.unknown(name, err, notificationPermission)
	case !on:
		d.fail(name, "turn on Amazon EventBridge in the properties of bucket "+s.Bucket+" (its other notifications are kept), then `ingest backfill "+d.Feed.Name+"`",
			"bucket %s sends no events to EventBridge", s.Bucket)
	default:
		d.pass(name, "%s sends its events to EventBridge", s.Bucket)
	}
	target := d.unpackReceiver()
	d.rule(ctx, name, target, func(r *eventbridge.DescribeRuleOutput) bool {
		return strings.Contains(aws.ToString(r.EventPattern), fmt.Sprintf("%q", s.Bucket))
	})
}

// rule checks the rule of the stack that matches: whether it is enabled and has the
// receiver as a target.
func (d *doctor) rule(ctx context.Context, name string, to receiver, matches func(*eventbridge.DescribeRuleOutput) bool) {
	name += ": rule"
	revert := d.revert()
	for _, id := range d.resources["AWS::Events::Rule"] {
		rule := id[strings.LastIndexAny(id, "|/")+1:] // on another bus than the default it is <bus>|<rule>
		r, err := d.events.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &rule})
		if missing(err) {
			d.fail(name, revert, "rule %s of the stack does not exist", rule)
			return
		}
		if err != nil {
			d.unknown(name, err, "events:DescribeRule")
			return
		}
		if !matches(r) {
			continue
		}
		if r.State == eventtypes.RuleStateDisabled {
			d.fail(name, "aws events enable-rule --name "+rule, "rule %s is disabled", rule)
			return
		}
		targets, err := d.events.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: &rule})
		switch {
		case err != nil:
			d.unknown(name, err, "events:ListTargetsByRule")
		case !slices.ContainsFunc(targets.Targets, func(t eventtypes.Target) bool { return aws.ToString(t.Arn) == to.arn }):
			d.fail(name, revert, "rule %s does not have the target %s", rule, to.name)
		default:
			d.pass(name, "rule %s is enabled and has the target %s", rule, to.name)
			if to.function != "" {
				d.invocation(ctx, name, to.function, "events.amazonaws.com", aws.ToString(r.Arn))
			}
		}
		return
	}
	if d.resources == nil {
		d.add(Unknown, name, "allow these credentials cloudformation:ListStackResources", "the permission to list the stack's rules is missing")
		return
	}
	d.fail(name, revert, "the stack has no rule for the bucket")
}
