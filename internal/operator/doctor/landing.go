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

// landing looks whether the parts are announced to the topic that Snowflake
// hears from. Nobody else needs it: load hears of parts from unpack.
func landing(ctx context.Context, x *exam) {
	const name = "announced"
	topic := x.Live.Output("SnowflakeTopic")
	if topic == "" || !x.snowflake() {
		return
	}
	spec := x.Live.Snowflake.WithDefaults()
	bucket := x.Live.Output("SnowflakeBucket")
	if spec.From == snowflake.FromFiles {
		// That of the source is looked at with it.
		x.topicPolicy(ctx, topic, bucket)
		return
	}
	all, _, err := x.notifications(ctx, bucket)
	switch {
	case missing(err):
		x.fail(name, "without it the feed has lost its parts: restore the bucket, or deploy the store anew", "bucket %s does not exist", bucket)
		return
	case err != nil:
		x.failed(name, err, notificationRight)
		return
	}
	tells := func(n notification) bool {
		return n.arn == topic && n.created() && strings.HasPrefix(spec.Prefix, n.prefix) && n.suffix == ""
	}
	if !slices.ContainsFunc(all, tells) {
		x.fail(name, "add an event notification to the bucket's properties: all object create events, prefix "+spec.Prefix+", to that topic; then have Snowflake look for what it was not told of, of the last seven days: ALTER PIPE or EXTERNAL TABLE … REFRESH",
			"bucket %s does not tell topic %s of new objects under %s", bucket, topic, spec.Prefix)
	} else {
		x.pass(name, "bucket %s tells topic %s of %s", bucket, lastPart(topic), spec.Prefix)
	}
	x.topicPolicy(ctx, topic, bucket)
}

// topicPolicy looks whether S3 may publish, and keeps who may subscribe.
func (x *exam) topicPolicy(ctx context.Context, topic, bucket string) {
	const name = "topic"
	out, err := x.sns.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &topic})
	switch {
	case missing(err):
		x.fail(name, "bring it back to the template: npx cdk deploy --revert-drift <the stack of the store>", "topic %s does not exist", topic)
		return
	case err != nil:
		x.failed(name, err, "sns:GetTopicAttributes")
		return
	}
	p, err := parsePolicy(out.Attributes["Policy"])
	switch {
	case err != nil:
		x.failed(name, err, "sns:GetTopicAttributes")
	case !p.allows("s3.amazonaws.com", "sns:Publish", "arn:"+x.partition()+":s3:::"+bucket):
		x.fail(name, "bring it back to the template: npx cdk deploy --revert-drift <the stack of the store>", "its policy does not let bucket %s publish", bucket)
	default:
		x.pass(name, "bucket %s may publish to it", bucket)
	}
}

// table looks at the table of records and ledger.
func table(ctx context.Context, x *exam) {
	const name = "table"
	t, ok := x.describeTable(ctx, name)
	if !ok {
		return
	}
	if t.TableStatus != types.TableStatusActive && t.TableStatus != types.TableStatusUpdating {
		x.fail(name, "see the table in the console; while it is not ACTIVE nothing is loaded, and nothing is lost: the events wait", "%s is %s", x.Live.Table, t.TableStatus)
		return
	}
	index := slices.IndexFunc(t.GlobalSecondaryIndexes, func(i types.GlobalSecondaryIndexDescription) bool {
		return aws.ToString(i.IndexName) == feed.LedgerIndex
	})
	switch {
	case index < 0:
		x.fail(name, "bring it back to the template: npx cdk deploy --revert-drift <the stack of the store>", "%s has no index %s, by which uploads are listed", x.Live.Table, feed.LedgerIndex)
	case t.GlobalSecondaryIndexes[index].IndexStatus != types.IndexStatusActive:
		x.warn(name, "wait until it is ACTIVE: until then lists of uploads are not complete", "index %s is %s", feed.LedgerIndex, t.GlobalSecondaryIndexes[index].IndexStatus)
	default:
		x.pass(name, "%s is %s", x.Live.Table, t.TableStatus)
	}
}

func (x *exam) describeTable(ctx context.Context, name string) (*types.TableDescription, bool) {
	if x.Live.Table == "" {
		return nil, false
	}
	out, err := x.dynamo.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &x.Live.Table})
	switch {
	case missing(err):
		x.fail(name, "restore it from its point-in-time recovery, under the same name", "table %s does not exist", x.Live.Table)
		return nil, false
	case err != nil:
		x.failed(name, err, "dynamodb:DescribeTable")
		return nil, false
	}
	return out.Table, true
}

// changes looks at the stream of the table and at what reads it.
func changes(ctx context.Context, x *exam) {
	const name = "changes"
	t, ok := x.describeTable(ctx, name)
	if !ok {
		return
	}
	if t.StreamSpecification == nil || !aws.ToBool(t.StreamSpecification.StreamEnabled) || aws.ToString(t.LatestStreamArn) == "" {
		x.fail(name, "set Changes of the store, and deploy its stack", "table %s has no stream, so that its changes are not exported to Snowflake", x.Live.Table)
		return
	}
	x.mapping(ctx, name, "", *t.LatestStreamArn)
}

// alarms looks at the alarms of the stack, and who hears of them.
func alarms(ctx context.Context, x *exam) {
	names := x.resources["AWS::CloudWatch::Alarm"]
	if len(names) == 0 {
		return
	}
	out, err := x.watch.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: names})
	if err != nil {
		x.failed("alarms", err, "cloudwatch:DescribeAlarms")
		return
	}
	quiet := 0
	for _, a := range out.MetricAlarms {
		name := aws.ToString(a.AlarmName)
		switch {
		case a.StateValue == watchtypes.StateValueAlarm:
			x.fail(name, "what its description says: "+aws.ToString(a.AlarmDescription), "in ALARM: %s", aws.ToString(a.StateReason))
		case !aws.ToBool(a.ActionsEnabled) || len(a.AlarmActions) == 0:
			x.warn(name, "aws cloudwatch enable-alarm-actions --alarm-names "+name, "it would tell nobody: it has no actions, or they are off")
		default:
			quiet++
		}
	}
	if missing := len(names) - len(out.MetricAlarms); missing > 0 {
		x.fail("alarms", x.revert(), "%d of the stack's %d alarms do not exist", missing, len(names))
	}
	if quiet > 0 {
		x.pass("alarms", "%d of %d are quiet", quiet, len(names))
	}
	if topic := x.Live.Output("AlarmTopic"); topic != "" {
		x.heard(ctx, topic)
	}
}

// heard looks who hears of alarms.
func (x *exam) heard(ctx context.Context, topic string) {
	const name = "alarms: heard by"
	all, err := x.subscriptions(ctx, topic)
	if err != nil {
		x.failed(name, err, "sns:ListSubscriptionsByTopic")
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
		x.warn(name, "follow the link in the mail that AWS has sent to them", "not confirmed yet: %s", strings.Join(pending, ", "))
	case len(confirmed) == 0:
		x.warn(name, "give the store's Alarms an e-mail address, or subscribe to the topic", "nobody is subscribed to %s", topic)
	default:
		x.pass(name, "%s", strings.Join(confirmed, ", "))
	}
}
