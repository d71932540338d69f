package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/constructs"
)

// An alarm on the metric of a method sees what the functions emit: it has the
// namespace and the dimensions that the construct's own alarms have.
func TestMetrics(t *testing.T) {
	app := newApp(t)
	props := minimal("orders")
	props.Metrics, props.Alarms = true, &constructs.AlarmProps{TopicARN: "arn:aws:sns:us-east-1:123456789012:alarms"}
	p := newFeed(t, app, props)
	metrics := map[string]func(*awscloudwatch.MetricOptions) awscloudwatch.Metric{
		"Errors": p.MetricErrors, "Quarantined": p.MetricQuarantined, "Uploads": p.MetricUploads, "Records": p.MetricRecords,
		"Stored": p.MetricStored, "BytesIn": p.MetricBytesIn, "Seconds": p.MetricUnpackSeconds, "Failures": p.MetricFailures,
	}
	stack := p.FailureQueue.Stack()
	for name, metric := range metrics {
		for id, options := range map[string]*awscloudwatch.MetricOptions{
			"Default": nil, "Changed": {Statistic: jsii.String("Minimum"), Period: awscdk.Duration_Hours(jsii.Number(1))},
		} {
			awscloudwatch.NewAlarm(stack, jsii.String(name+id), &awscloudwatch.AlarmProps{
				Metric: metric(options), Threshold: jsii.Number(1), EvaluationPeriods: jsii.Number(1),
			})
		}
	}
	tpl := synth(t, app)["Feed-orders"]
	for name := range metrics {
		_, byDefault := only(t, tpl, "AWS::CloudWatch::Alarm", name+"Default")
		_, changed := only(t, tpl, "AWS::CloudWatch::Alarm", name+"Changed")
		metric, namespace := name, "Ingestion"
		own := "Feed" + map[string]string{"Quarantined": "Quarantined", "Failures": "FailedEvents"}[name]
		if name == "Failures" {
			metric, namespace = "ApproximateNumberOfMessagesVisible", "AWS/SQS"
		} else if own == "Feed" {
			own = "FeedQuarantined"
		}
		_, alarm := only(t, tpl, "AWS::CloudWatch::Alarm", own)
		if byDefault.Properties["MetricName"] != metric || byDefault.Properties["Namespace"] != namespace {
			t.Errorf("%s: metric %v of %v", name, byDefault.Properties["MetricName"], byDefault.Properties["Namespace"])
		}
		if got, want := dimensionsOf(byDefault), dimensionsOf(alarm); text(got) != text(want) {
			t.Errorf("%s: dimensions %v, want %v", name, got, want)
		}
		if p := byDefault.Properties; p["Period"] != 300.0 {
			t.Errorf("%s: period %v", name, p["Period"])
		}
		if p := changed.Properties; p["Statistic"] != "Minimum" || p["Period"] != 3600.0 {
			t.Errorf("%s: with options, statistic %v, period %v", name, p["Statistic"], p["Period"])
		}
	}
}

// A metric that the functions do not emit would never have data.
func TestMetricsThatAreNotEmittedAreWarnedOf(t *testing.T) {
	p := newFeed(t, newApp(t), minimal("orders"))
	p.MetricFailures(nil)
	p.MetricStored(nil)
	var warnings []string
	for _, entry := range *p.Construct.Node().Metadata() {
		if *entry.Type == "aws:cdk:warning" {
			warnings = append(warnings, fmt.Sprint(entry.Data))
		}
	}
	want := `feed "orders": its functions do not emit the metric Stored: set Metrics`
	if len(warnings) != 1 || !strings.Contains(warnings[0], want) {
		t.Errorf("warnings %q, want %q", warnings, want)
	}
}

func dimensionsOf(alarm resource) map[string]string {
	dimensions := map[string]string{}
	for _, d := range alarm.Properties["Dimensions"].([]any) {
		dimension := d.(map[string]any)
		dimensions[dimension["Name"].(string)] = text(dimension["Value"])
	}
	return dimensions
}

// The fields of feed and store have their resources, so that an app can grant,
// monitor or override them.
func TestResourcesAreExposed(t *testing.T) {
	app := newApp(t)
	props := toSnowflake("orders", constructs.FromTable(), constructs.Continuous())
	props.Source = manySources()
	props.Store = newStoreOf(t, app, comprehensiveStore())
	p := newFeed(t, app, props)
	for name, missing := range map[string]bool{
		"SourceBucket": p.SourceBucket == nil, "Rules": len(p.Rules) != len(p.Spec.Sources)-1,
		"Unpack": p.Unpack == nil, "UnpackLogs": p.UnpackLogs == nil, "Load": p.Store.Load == nil, "LoadLogs": p.Store.LoadLogs == nil,
		"Discover": p.Discover == nil, "store's Alarms": len(p.Store.Alarms) == 0,
		"FailureQueue": p.FailureQueue == nil, "SnowflakeRole": p.SnowflakeRole == nil, "SnowflakeFunction": p.SnowflakeFunction == nil,
		"Alarms": len(p.Alarms) == 0, "LandingBucket": p.Store.LandingBucket == nil, "Table": p.Store.Table == nil, "Topic": p.Store.Topic == nil,
		"Export": p.Store.Export == nil, "ExportLogs": p.Store.ExportLogs == nil, "AlarmTopic": p.Store.AlarmTopic == nil,
		"Dashboard": p.Store.Dashboard == nil, "Key": p.Store.Key == nil,
	} {
		if missing {
			t.Errorf("%s is missing: %d rules, %d sources", name, len(p.Rules), len(p.Spec.Sources))
		}
	}
}
