package constructs

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	core "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"example.com/ingestion/feed"
)

// newDashboard makes the dashboard of a store. It finds the feeds by searching
// for their metrics, so that the store's stack knows of none: one that is
// deployed later is there with its first file.
func (s *Store) newDashboard(this core.Construct) {
	stack := awscdk.Stack_Of(this)
	table := *s.Table.TableName()
	d := dashboard{region: *stack.Region()}
	d.text("# Ingestion\nThe feeds that end in table `" + table + "`. Errors and quarantine show for feeds with alarms or `Metrics`, the flow for feeds with `Metrics`. One feed from close by: `bin/ingest status <feed>`.")
	for _, own := range []struct{ title, metric, statistic string }{
		{"Failed invocations", feed.MetricErrors, "Sum"},
		{"Quarantined records", feed.MetricQuarantined, "Sum"},
		{"Uploads", feed.MetricUploads, "Sum"},
		{"Records found", feed.MetricRecords, "Sum"},
		{"Records stored", feed.MetricStored, "Sum"},
		{"Bytes in", feed.MetricBytesIn, "Sum"},
		{"Seconds to unpack an upload, 90th percentile", feed.MetricSeconds, "p90"},
	} {
		d.search(own.title, fmt.Sprintf(`{%s,%s,%s} %s="%s" MetricName="%s"`,
			feed.MetricNamespace, feed.MetricFeed, feed.MetricStore, feed.MetricStore, table, own.metric), own.statistic)
	}
	dynamodb := func(metric, name string) []any { return []any{"AWS/DynamoDB", metric, name, table} }
	d.metrics("Table: write units", dynamodb("ConsumedWriteCapacityUnits", "TableName"))
	d.metrics("Table: throttled writes", dynamodb("WriteThrottleEvents", "TableName"))

	body := stack.ToJsonString(map[string]any{"widgets": d.widgets}, nil)
	awscloudwatch.NewCfnDashboard(this, jsii.String("Dashboard"), &awscloudwatch.CfnDashboardProps{
		DashboardBody: body,
	})
}

// dashboard is the body of one: two widgets a row, in the order they are added.
// It is written as JSON because the level-2 widgets cost a call of jsii each.
type dashboard struct {
	region  string
	widgets []any
	y       int
}

const dashboardWidth = 24

func (d *dashboard) text(markdown string) {
	d.widgets = append(d.widgets, map[string]any{
		"type": "text", "x": 0, "y": 0, "width": dashboardWidth, "height": 3, "properties": map[string]any{"markdown": markdown},
	})
	d.y = 3
}

// search draws a line for each metric that the expression finds, named by its feed.
func (d *dashboard) search(title, expression, statistic string) {
	d.metrics(title, []any{map[string]any{
		"expression": fmt.Sprintf("SEARCH('%s', '%s', 300)", expression, statistic),
		"label":      "${PROP('Dim." + feed.MetricFeed + "')}",
		"id":         fmt.Sprintf("e%d", len(d.widgets)),
	}})
}

func (d *dashboard) metrics(title string, metric []any) {
	const width, height = dashboardWidth / 2, 6
	n := len(d.widgets) - 1 // without the text
	d.widgets = append(d.widgets, map[string]any{
		"type": "metric", "x": n % 2 * width, "y": d.y + n/2*height, "width": width, "height": height,
		"properties": map[string]any{
			"title": title, "region": d.region, "metrics": []any{metric}, "stat": "Sum", "period": 300, "view": "timeSeries",
		},
	})
}
