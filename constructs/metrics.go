package constructs

import (
	"fmt"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
)

// metricMinutes is the period of each metric unless options name another.
const metricMinutes = 5

// MetricErrors is the number of invocations of unpack, and of attempts of load to load a
// part, that failed and are retried, without those that timed out or ran out of memory.
// The functions emit it for a feed with IngestionPipelineProps.Metrics or with alarms,
// and only above zero. Like the other methods it takes nil, or options that replace the statistic (Sum), the period (5 minutes) and
// so on.
func (p *IngestionPipeline) MetricErrors(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return p.metric(feed.MetricErrors, "Sum", options)
}

// MetricQuarantined is the number of records that could not be loaded. The
// functions emit it for a feed with alarms or with IngestionPipelineProps.Metrics,
// and only above zero.
func (p *IngestionPipeline) MetricQuarantined(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return p.metric(feed.MetricQuarantined, "Sum", options)
}

// MetricUploads is the number of source objects that were unpacked. It needs
// IngestionPipelineProps.Metrics.
func (p *IngestionPipeline) MetricUploads(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return p.metric(feed.MetricUploads, "Sum", options)
}

// MetricRecords is the number of records found in source objects. It needs
// IngestionPipelineProps.Metrics.
func (p *IngestionPipeline) MetricRecords(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return p.metric(feed.MetricRecords, "Sum", options)
}

// MetricStored is the number of records written to the table. It needs
// IngestionPipelineProps.Metrics.
func (p *IngestionPipeline) MetricStored(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return p.metric(feed.MetricStored, "Sum", options)
}

// MetricBytesIn is the size of source objects, in bytes. It needs
// IngestionPipelineProps.Metrics.
func (p *IngestionPipeline) MetricBytesIn(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return p.metric(feed.MetricBytesIn, "Sum", options)
}

// MetricUnpackSeconds is the time that a source object takes to be unpacked, in
// seconds (statistic: p90). It needs IngestionPipelineProps.Metrics.
func (p *IngestionPipeline) MetricUnpackSeconds(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return p.metric(feed.MetricSeconds, "p90", options)
}

// MetricFailures is the number of events in the failure queue (statistic:
// Maximum). SQS has it for every feed.
func (p *IngestionPipeline) MetricFailures(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return p.FailureQueue.MetricApproximateNumberOfMessagesVisible(&awscloudwatch.MetricOptions{Statistic: jsii.String("Maximum")}).With(orNone(options))
}

// metric is a metric that the functions emit. The construct has a warning where
// the props do not ask for it: an alarm on it would never have data.
func (p *IngestionPipeline) metric(name, statistic string, options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	if !slices.Contains(p.emitted, name) {
		stackscope.AddWarning(p.Construct, "ingestion:metric"+name, fmt.Sprintf("feed %q: its functions do not emit the metric %s: set Metrics", p.Spec.Feed, name))
	}
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String(feed.MetricNamespace),
		MetricName:    &name,
		DimensionsMap: &map[string]*string{feed.MetricStore: &p.Store.names.table, feed.MetricFeed: &p.Spec.Feed},
		Statistic:     &statistic,
		Period:        awscdk.Duration_Minutes(jsii.Number(metricMinutes)),
	}).With(orNone(options))
}

func orNone(options *awscloudwatch.MetricOptions) *awscloudwatch.MetricOptions {
	if options == nil {
		return &awscloudwatch.MetricOptions{}
	}
	return options
}
