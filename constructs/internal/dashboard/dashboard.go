// Package dashboard makes the CloudWatch dashboard of a store.
package dashboard

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	core "github.com/aws/constructs-go/constructs/v10"

	"example.com/ingestion/constructs/internal/stackscope"
	"example.com/ingestion/feed"
)

// Config names the store's table.
type Config struct {
	*stackscope.Scope
	Table string
}

// New makes the dashboard. It finds the feeds by searching for their metrics, so
// that the store's template does not depend on them: a feed that is deployed later
// appears with its first file.
func New(scope core.Construct, id string, c Config) awscloudwatch.CfnDashboard {
	d := body{region: c.Region()}
	d.text("# Ingestion\nThe feeds of table `" + c.Table + "`. Errors and quarantined records are shown for feeds with alarms or `Metrics`, everything else for feeds with `Metrics`. Details of one feed: `bin/ingest status <feed>`.")
	for _, m := range []struct{ title, metric, statistic string }{
		{"Failed invocations", feed.MetricErrors, "Sum"},
		{"Quarantined records", feed.MetricQuarantined, "Sum"},
		{"Uploads", feed.MetricUploads, "Sum"},
		{"Records found", feed.MetricRecords, "Sum"},
		{"Records stored", feed.MetricStored, "Sum"},
		{"Bytes in", feed.MetricBytesIn, "Sum"},
		{"Seconds to unpack an upload, 90th percentile", feed.MetricSeconds, "p90"},
	} {
		d.search(m.title, fmt.Sprintf(`{%s,%s,%s} %s="%s" MetricName="%s"`,
			feed.MetricNamespace, feed.MetricFeed, feed.MetricStore, feed.MetricStore, c.Table, m.metric), m.statistic)
	}
	dynamodb := func(metric string) []any { return []any{"AWS/DynamoDB", metric, "TableName", c.Table} }
	d.metrics("Table: write units", dynamodb("ConsumedWriteCapacityUnits"))
	d.metrics("Table: throttled writes", dynamodb("WriteThrottleEvents"))

	json := c.Stack.ToJsonString(map[string]any{"widgets": d.widgets}, nil)
	return awscloudwatch.NewCfnDashboard(scope, &id, &awscloudwatch.CfnDashboardProps{DashboardBody: json})
}

// body is the body of a dashboard: two widgets a row, in the order they are added.
// It is written as JSON because the level-2 widgets cost a call of jsii each.
type body struct {
	region  string
	widgets []any
	y       int
}

const dashboardWidth = 24

func (d *body) text(markdown string) {
	d.widgets = append(d.widgets, map[string]any{
		"type": "text", "x": 0, "y": 0, "width": dashboardWidth, "height": 3, "properties": map[string]any{"markdown": markdown},
	})
	d.y = 3
}

// search draws a line for each metric that the expression finds, named by its feed.
func (d *body) search(title, expression, statistic string) {
	d.metrics(title, []any{map[string]any{
		"expression": fmt.Sprintf("SEARCH('%s', '%s', 300)", expression, statistic),
		"label":      "${PROP('Dim." + feed.MetricFeed + "')}",
		"id":         fmt.Sprintf("e%d", len(d.widgets)),
	}})
}

func (d *body) metrics(title string, metric []any) {
	const width, height = dashboardWidth / 2, 6
	n := len(d.widgets) - 1 // without the text
	d.widgets = append(d.widgets, map[string]any{
		"type": "metric", "x": n % 2 * width, "y": d.y + n/2*height, "width": width, "height": height,
		"properties": map[string]any{
			"title": title, "region": d.region, "metrics": []any{metric}, "stat": "Sum", "period": 300, "view": "timeSeries",
		},
	})
}
