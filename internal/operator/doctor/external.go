package doctor

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	watchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/store/scancursor"
)

// externalBucket checks the schedule, the last runs of discover, and whether the caller
// can list the bucket. The permissions of the function can differ.
func (d *doctor) externalBucket(ctx context.Context, name string, s feed.Source) {
	target := receiver{name: "function " + d.Feed.DiscoverFunction, arn: d.functionARN(d.Feed.DiscoverFunction), function: d.Feed.DiscoverFunction}
	d.rule(ctx, name, target, func(r *eventbridge.DescribeRuleOutput) bool {
		return aws.ToString(r.ScheduleExpression) != ""
	})
	d.discovered(ctx, name, s)
	d.listing(ctx, name, s)

	name += ": readable"
	in := &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: &s.Prefix, MaxKeys: aws.Int32(1)}
	if s.RequesterPays {
		in.RequestPayer = types.RequestPayerRequester
	}
	as := "these credentials"
	if s.RoleARN != "" {
		as = "role " + s.RoleARN
	}
	bucket, err := d.reader(ctx, s)
	if err == nil {
		_, err = bucket.ListObjectsV2(ctx, in)
	}
	switch {
	case missing(err):
		d.fail(name, "name the right bucket in the feed's Source, and deploy it", "bucket %s does not exist", s.Bucket)
	case denied(err):
		d.add(Unknown, name, "allow these credentials the permissions of function discover (sts:AssumeRole, s3:ListBucket), or read its logs", "%s may not list it; only its runs show whether function discover may", as)
	case err != nil:
		d.unknown(name, err, "s3:ListBucket")
	default:
		d.pass(name, "%s can list it", as)
	}
}

// discovered checks the metrics of the last runs of discover.
func (d *doctor) discovered(ctx context.Context, name string, s feed.Source) {
	name += ": last run"
	every := time.Duration(max(s.EveryMinutes, 1)) * time.Minute
	window := max(3*every, 15*time.Minute)
	runs, err := d.sum(ctx, "AWS/Lambda", "Invocations", "FunctionName", d.Feed.DiscoverFunction, window)
	if err != nil {
		d.unknown(name, err, "cloudwatch:GetMetricStatistics")
		return
	}
	failed, err := d.sum(ctx, "AWS/Lambda", "Errors", "FunctionName", d.Feed.DiscoverFunction, window)
	switch {
	case err != nil:
		d.unknown(name, err, "cloudwatch:GetMetricStatistics")
	case runs == 0:
		d.warn(name, "check whether the rule is enabled; the first run after a deployment is after "+every.String(), "function discover did not run in the last %s", window)
	case failed > 0:
		d.fail(name, d.logs(d.Feed.DiscoverFunction), "%.0f of %.0f runs of the last %s failed", failed, runs, window)
	default:
		d.pass(name, "%.0f runs in the last %s, none failed", runs, window)
	}
}

// listing checks how far discover has listed the bucket. After an error, the next run
// continues there; new objects with smaller keys are found by the run after it.
func (d *doctor) listing(ctx context.Context, name string, s feed.Source) {
	name += ": listing"
	c, started, err := scancursor.Read(ctx, d.dynamo, d.Feed.Table, d.Feed.Name, s.Bucket, s.Prefix)
	switch {
	case err != nil:
		d.unknown(name, err, "dynamodb:GetItem on the table")
	case !started:
		d.warn(name, "see its last run", "the bucket was not listed yet")
	case c.LeasedUntil().After(time.Now()):
		d.pass(name, "running, after key %q", c.After)
	case c.After == "" && c.LeasedUntil().IsZero():
		d.pass(name, "the last listing is complete")
	default:
		d.warn(name, d.logs(d.Feed.DiscoverFunction), "the last listing stopped after key %q: the next run continues there", c.After)
	}
}

// sum returns the sum of a metric over a period before now.
func (d *doctor) sum(ctx context.Context, namespace, metric, dimension, value string, over time.Duration) (float64, error) {
	points, err := d.metric(ctx, namespace, metric, dimension, value, watchtypes.StatisticSum, over)
	total := 0.0
	for _, p := range points {
		total += aws.ToFloat64(p.Sum)
	}
	return total, err
}

func (d *doctor) metric(ctx context.Context, namespace, metric, dimension, value string, s watchtypes.Statistic, over time.Duration) ([]watchtypes.Datapoint, error) {
	now := time.Now()
	out, err := d.watch.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: &namespace, MetricName: &metric,
		Dimensions: []watchtypes.Dimension{{Name: &dimension, Value: &value}},
		StartTime:  aws.Time(now.Add(-over)), EndTime: &now, Period: aws.Int32(300),
		Statistics: []watchtypes.Statistic{s},
	})
	if err != nil {
		return nil, err
	}
	return out.Datapoints, nil
}
