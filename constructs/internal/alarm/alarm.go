// Package alarm makes the alarms of a feed and the topic that they notify.
package alarm

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// Config describes an alarm: it is raised when the statistic of the metric was
// above 0 in each of so many periods.
type Config struct {
	Namespace, Metric, Statistic string
	Dimensions                   []any
	// SumOf replaces Metric and Dimensions by the sum of several metrics of the same
	// statistic, each with its namespace, metric and dimensions.
	SumOf       []Config
	Description string
	// Period is 5 minutes unless given.
	Period  time.Duration
	Periods int
	// Below: it is raised below 1 instead of above 0, and when there is no data.
	Below bool
	// NotifyOK notifies the topic when the alarm is over too.
	NotifyOK bool
	TopicARN string
}

// Dimension is one dimension of a metric.
func Dimension(name string, value *string) []any {
	return []any{&awscloudwatch.CfnAlarm_DimensionProperty{Name: &name, Value: value}}
}

// New makes the alarm, as a level-1 resource, which takes fewer calls of the CDK.
func New(scope core.Construct, id string, c Config) awscloudwatch.CfnAlarm {
	period := c.Period
	if period == 0 {
		period = 5 * time.Minute
	}
	props := &awscloudwatch.CfnAlarmProps{
		AlarmDescription:   &c.Description,
		EvaluationPeriods:  jsii.Number(c.Periods),
		Threshold:          jsii.Number(0),
		ComparisonOperator: jsii.String("GreaterThanThreshold"),
		TreatMissingData:   jsii.String("notBreaching"),
		AlarmActions:       &[]any{c.TopicARN},
	}
	if len(c.SumOf) > 0 {
		props.Metrics = sum(c, period)
	} else {
		props.Namespace, props.MetricName, props.Dimensions = &c.Namespace, &c.Metric, c.Dimensions
		props.Statistic, props.Period = &c.Statistic, jsii.Number(period.Seconds())
	}
	if c.Below {
		props.Threshold, props.ComparisonOperator, props.TreatMissingData = jsii.Number(1), jsii.String("LessThanThreshold"), jsii.String("breaching")
	}
	if c.NotifyOK {
		props.OkActions = &[]any{c.TopicARN}
	}
	return awscloudwatch.NewCfnAlarm(scope, &id, props)
}

// sum is the sum of the metrics of c.SumOf. A metric without data counts as 0 while
// another has data.
func sum(c Config, period time.Duration) []any {
	metrics := []any{&awscloudwatch.CfnAlarm_MetricDataQueryProperty{
		Id: jsii.String("sum"), Expression: jsii.String("SUM(METRICS())"), Label: &c.Metric, ReturnData: jsii.Bool(true),
	}}
	for i, m := range c.SumOf {
		metrics = append(metrics, &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id: jsii.String(fmt.Sprintf("m%d", i)), ReturnData: jsii.Bool(false),
			MetricStat: &awscloudwatch.CfnAlarm_MetricStatProperty{
				Metric: &awscloudwatch.CfnAlarm_MetricProperty{Namespace: jsii.String(m.Namespace), MetricName: jsii.String(m.Metric), Dimensions: m.Dimensions},
				Stat:   &c.Statistic, Period: jsii.Number(period.Seconds()),
			},
		})
	}
	return metrics
}
