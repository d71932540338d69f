package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	watchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"example.com/ingestion/feed"
	"example.com/ingestion/snowflake"
)

// landing checks whether the landing bucket sends notifications about parts to the topic
// that Snowflake is subscribed to. The function load does not need them: unpack
// dispatches parts to it.
func landing(ctx context.Context, d *doctor) {
	const name = "notifications"
	topic := d.Feed.Output("SnowflakeTopic")
	if topic == "" || !d.snowflake() {
		return
	}
	spec := d.Feed.Snowflake.WithDefaults()
	bucket := d.Feed.Output("SnowflakeBucket")
	if spec.From == snowflake.FromFiles {
		// The notifications are checked with the source.
		if slices.ContainsFunc(d.Feed.Sources, func(s feed.Source) bool { return s.Kind == feed.ExistingBucket && s.Bucket == bucket }) {
			d.topicPolicy(ctx, topic, "rules of EventBridge", func(p policy) bool { return p.allowsRules("sns:Publish") })
		} else {
			d.topicPolicyOfBucket(ctx, topic, bucket)
		}
		return
	}
	all, _, err := d.bucketNotifications(ctx, bucket)
	switch {
	case missing(err):
		d.fail(name, "the parts of the feed are lost: restore the bucket, or deploy the store again", "bucket %s does not exist", bucket)
		return
	case err != nil:
		d.unknown(name, err, notificationPermission)
		return
	}
	sends := func(n notification) bool {
		return n.arn == topic && n.created() && strings.HasPrefix(spec.Prefix, n.prefix) && n.suffix == ""
	}
	if !slices.ContainsFunc(all, sends) {
		d.fail(name, "add an event notification to the bucket's properties: all object create events, prefix "+spec.Prefix+", to that topic; then load the objects of the last seven days: ALTER PIPE or EXTERNAL TABLE … REFRESH",
			"bucket %s does not notify topic %s of new objects under %s", bucket, topic, spec.Prefix)
	} else {
		d.pass(name, "bucket %s notifies topic %s of %s", bucket, lastPart(topic), spec.Prefix)
	}
	d.topicPolicyOfBucket(ctx, topic, bucket)
}

// topicPolicyOfBucket checks whether S3 may publish to the topic for a bucket.
func (d *doctor) topicPolicyOfBucket(ctx context.Context, topic, bucket string) {
	d.topicPolicy(ctx, topic, "bucket "+bucket, func(p policy) bool {
		return p.allows("s3.amazonaws.com", "sns:Publish", "arn:"+d.partition()+":s3:::"+bucket)
	})
}

// topicPolicy checks whether a publisher may publish to the topic.
func (d *doctor) topicPolicy(ctx context.Context, topic, publisher string, allows func(policy) bool) {
	const name = "topic"
	out, err := d.sns.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &topic})
	switch {
	case missing(err):
		d.fail(name, revertDrift(storeStack), "topic %s does not exist", topic)
		return
	case err != nil:
		d.unknown(name, err, "sns:GetTopicAttributes")
		return
	}
	p, err := parsePolicy(out.Attributes["Policy"])
	switch {
	case err != nil:
		d.unknown(name, err, "sns:GetTopicAttributes")
	case !allows(p):
		d.fail(name, revertDrift(storeStack), "its policy does not allow %s to publish", publisher)
	default:
		d.pass(name, "%s may publish to it", publisher)
	}
}

// table checks the table of records and ledger.
func table(ctx context.Context, d *doctor) {
	const name = "table"
	t, ok := d.describeTable(ctx, name)
	if !ok {
		return
	}
	if t.TableStatus != types.TableStatusActive && t.TableStatus != types.TableStatusUpdating {
		d.fail(name, "see the table in the console; nothing is loaded until it is ACTIVE, and nothing is lost: the events are retried", "%s is %s", d.Feed.Table, t.TableStatus)
		return
	}
	active := d.index(name, t, feed.LedgerIndex, "lists the uploads")
	if d.Feed.Spec.RecordKey != nil {
		active = d.index(name, t, feed.KeyIndex, "finds the records by their key") && active
	}
	if active {
		d.pass(name, "%s is %s", d.Feed.Table, t.TableStatus)
	}
}

// index checks one index of the table, and reports whether it is active.
func (d *doctor) index(check string, t *types.TableDescription, name, purpose string) bool {
	index := slices.IndexFunc(t.GlobalSecondaryIndexes, func(i types.GlobalSecondaryIndexDescription) bool { return aws.ToString(i.IndexName) == name })
	switch {
	case index < 0:
		d.fail(check, "deploy its stack; a table of an earlier version gets its indexes in several deployments, which CHANGELOG.md lists", "%s has no index %s, which %s", d.Feed.Table, name, purpose)
	case t.GlobalSecondaryIndexes[index].IndexStatus != types.IndexStatusActive:
		d.warn(check, "wait until it is ACTIVE: until then, what it has is incomplete", "index %s, which %s, is %s", name, purpose, t.GlobalSecondaryIndexes[index].IndexStatus)
	default:
		return true
	}
	return false
}

func (d *doctor) describeTable(ctx context.Context, name string) (*types.TableDescription, bool) {
	if d.Feed.Table == "" {
		return nil, false
	}
	out, err := d.dynamo.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &d.Feed.Table})
	switch {
	case missing(err):
		d.fail(name, "restore it from its point-in-time recovery, under the same name", "table %s does not exist", d.Feed.Table)
		return nil, false
	case err != nil:
		d.unknown(name, err, "dynamodb:DescribeTable")
		return nil, false
	}
	return out.Table, true
}

// changes checks the stream of the table and its event source mapping.
func changes(ctx context.Context, d *doctor) {
	const name = "changes"
	t, ok := d.describeTable(ctx, name)
	if !ok {
		return
	}
	if t.StreamSpecification == nil || !aws.ToBool(t.StreamSpecification.StreamEnabled) || aws.ToString(t.LatestStreamArn) == "" {
		d.fail(name, "set Changes of the store, and deploy its stack", "table %s has no stream: its changes are not exported to Snowflake", d.Feed.Table)
		return
	}
	d.mapping(ctx, name, "", *t.LatestStreamArn)
}

// alarms checks the alarms of the stack and their subscribers.
func alarms(ctx context.Context, d *doctor) {
	names := d.resources["AWS::CloudWatch::Alarm"]
	if len(names) == 0 {
		return
	}
	out, err := d.watch.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: names})
	if err != nil {
		d.unknown("alarms", err, "cloudwatch:DescribeAlarms")
		return
	}
	ok := 0
	for _, a := range out.MetricAlarms {
		name := aws.ToString(a.AlarmName)
		switch {
		case a.StateValue == watchtypes.StateValueAlarm:
			d.fail(name, "see its description: "+aws.ToString(a.AlarmDescription), "in ALARM: %s", aws.ToString(a.StateReason))
		case !aws.ToBool(a.ActionsEnabled) || len(a.AlarmActions) == 0:
			d.warn(name, "aws cloudwatch enable-alarm-actions --alarm-names "+name, "it would notify nobody: it has no actions, or they are disabled")
		default:
			ok++
		}
	}
	if missing := len(names) - len(out.MetricAlarms); missing > 0 {
		d.fail("alarms", d.revert(), "%d of the stack's %d alarms do not exist", missing, len(names))
	}
	if ok > 0 {
		d.pass("alarms", "%d of %d are not in ALARM", ok, len(names))
	}
	if topic := d.Feed.Output("AlarmTopic"); topic != "" {
		d.subscribers(ctx, topic)
	}
}

// subscribers checks who is notified of alarms.
func (d *doctor) subscribers(ctx context.Context, topic string) {
	const name = "alarms: subscribers"
	all, err := d.subscriptions(ctx, topic)
	if err != nil {
		d.unknown(name, err, "sns:ListSubscriptionsByTopic")
		return
	}
	var confirmed, pending []string
	for _, s := range all {
		if s.confirmed {
			confirmed = append(confirmed, s.endpoint)
		} else {
			pending = append(pending, s.endpoint)
		}
	}
	switch {
	case len(pending) > 0:
		d.warn(name, "follow the link in the e-mail that AWS has sent to them", "not confirmed yet: %s", strings.Join(pending, ", "))
	case len(confirmed) == 0:
		d.warn(name, "give the store's Alarms an e-mail address, or subscribe to the topic", "nobody is subscribed to %s", topic)
	default:
		d.pass(name, "%s", strings.Join(confirmed, ", "))
	}
}
