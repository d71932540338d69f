package doctor

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	watchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/functions/discover"
)

// assumed is a client of S3 in another's role, or in one's own for an empty ARN.
func assumed(cfg aws.Config, roleARN, externalID string) s3API {
	if roleARN != "" {
		cfg = cfg.Copy()
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), roleARN, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "ingest-doctor"
			if externalID != "" {
				o.ExternalID = &externalID
			}
		}))
	}
	return s3.NewFromConfig(cfg, s3source.ClientOptions)
}

// externalBucket looks at the schedule, at what discover did last, and whether
// the bucket can be listed as the caller. What the function may do can differ.
func (x *exam) externalBucket(ctx context.Context, name string, s feed.Source) {
	hears := listener{what: "function " + x.Live.DiscoverFunction, arn: x.functionARN(x.Live.DiscoverFunction), function: x.Live.DiscoverFunction}
	x.rule(ctx, name, hears, func(r *eventbridge.DescribeRuleOutput) bool {
		return aws.ToString(r.ScheduleExpression) != ""
	})
	x.discovered(ctx, name, s)
	x.walk(ctx, name, s)

	name += ": readable"
	in := &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: &s.Prefix, MaxKeys: aws.Int32(1)}
	if s.RequesterPays {
		in.RequestPayer = types.RequestPayerRequester
	}
	as := "these credentials"
	if s.RoleARN != "" {
		as = "role " + s.RoleARN
	}
	_, err := x.reader(s.RoleARN, s.ExternalID).ListObjectsV2(ctx, in)
	switch {
	case missing(err):
		x.fail(name, "name the right bucket in the feed's Source, and deploy it", "bucket %s does not exist", s.Bucket)
	case denied(err):
		x.add(Unknown, name, "allow these credentials what function discover may do (sts:AssumeRole, s3:ListBucket), or see what it logs", "%s may not list it; whether function discover may, only its runs tell", as)
	case err != nil:
		x.failed(name, err, "s3:ListBucket")
	default:
		x.pass(name, "%s can list it", as)
	}
}

// discovered looks at the function's own counts of its last runs.
func (x *exam) discovered(ctx context.Context, name string, s feed.Source) {
	name += ": last run"
	every := time.Duration(max(s.EveryMinutes, 1)) * time.Minute
	window := max(3*every, 15*time.Minute)
	runs, err := x.sum(ctx, "AWS/Lambda", "Invocations", "FunctionName", x.Live.DiscoverFunction, window)
	if err != nil {
		x.failed(name, err, "cloudwatch:GetMetricStatistics")
		return
	}
	failed, err := x.sum(ctx, "AWS/Lambda", "Errors", "FunctionName", x.Live.DiscoverFunction, window)
	switch {
	case err != nil:
		x.failed(name, err, "cloudwatch:GetMetricStatistics")
	case runs == 0:
		x.warn(name, "see whether the rule is on; a feed that was just deployed has its first run after "+every.String(), "function discover did not run in the last %s", window)
	case failed > 0:
		x.fail(name, x.logs(x.Live.DiscoverFunction), "%.0f of %.0f runs of the last %s failed", failed, runs, window)
	default:
		x.pass(name, "%.0f runs in the last %s, none failed", runs, window)
	}
}

// walk looks how far discover is in its list of the bucket. Stopped half-way it
// goes on there with its next run; what was put before that waits for the one after.
func (x *exam) walk(ctx context.Context, name string, s feed.Source) {
	name += ": walk"
	w, begun, err := discover.ReadWalk(ctx, x.dynamo, x.Live.Table, x.Live.Name, s.Bucket, s.Prefix)
	switch {
	case err != nil:
		x.failed(name, err, "dynamodb:GetItem on the table")
	case !begun:
		x.warn(name, "see its last run", "none was begun yet")
	case w.Until.After(time.Now()):
		x.pass(name, "under way, behind key %q", w.After)
	case w.After == "" && w.Until.IsZero():
		x.pass(name, "the last has come to its end")
	default:
		x.warn(name, x.logs(x.Live.DiscoverFunction), "the last stopped behind key %q: the next run goes on there", w.After)
	}
}

// sum adds up a metric over the last while.
func (x *exam) sum(ctx context.Context, namespace, metric, dimension, value string, over time.Duration) (float64, error) {
	points, err := x.metric(ctx, namespace, metric, dimension, value, watchtypes.StatisticSum, over)
	total := 0.0
	for _, p := range points {
		total += aws.ToFloat64(p.Sum)
	}
	return total, err
}

func (x *exam) metric(ctx context.Context, namespace, metric, dimension, value string, s watchtypes.Statistic, over time.Duration) ([]watchtypes.Datapoint, error) {
	now := time.Now()
	out, err := x.watch.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
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
