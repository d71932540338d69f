package e2e

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"example.com/ingestion/local/feedtest"
)

// Feeds of the environment "staging": Heavy, with and without metrics and
// alarms; Files, whose files in another team's bucket Snowflake reads itself; and
// Parts, of which Snowflake reads the parts.
const (
	plainHeavy    = `{Stack: "Heavy", IngestionPipelineProps: constructs.IngestionPipelineProps{Feed: "heavy", Format: constructs.NDJSON(), Source: constructs.NewBucket()}},` + "\n"
	measuredHeavy = `{Stack: "Heavy", IngestionPipelineProps: constructs.IngestionPipelineProps{Feed: "heavy", Format: constructs.NDJSON(), Source: constructs.NewBucket(),
		Metrics: true, Alarms: &constructs.AlarmProps{NothingFor: 2*3600e9}}},` + "\n"
	twoSources = `{Stack: "Heavy", IngestionPipelineProps: constructs.IngestionPipelineProps{Feed: "heavy", Format: constructs.NDJSON(),
		Source: constructs.Sources(constructs.ExistingBucket("team-files", constructs.WithPrefix("second/")), constructs.NewBucket())}},` + "\n"
	fileFeed = `{Stack: "Files", IngestionPipelineProps: constructs.IngestionPipelineProps{Feed: "files", Format: constructs.NDJSON(), Source: constructs.ExistingBucket("team-files", constructs.WithPrefix("in/")),
		Snowflake: &constructs.SnowflakeProps{Table: "FILES", From: constructs.FromFiles()}}},` + "\n"
	partFeed = `{Stack: "Parts", IngestionPipelineProps: constructs.IngestionPipelineProps{Feed: "parts", Format: constructs.NDJSON(), Source: constructs.NewBucket(),
		Snowflake: &constructs.SnowflakeProps{Table: "PARTS"}}},` + "\n"
)

var stagingStacks = []string{"staging-Store", "staging-Heavy", "staging-Files", "staging-Parts"}

// modes is an environment that is deployed with one change after another, and the
// files that were put into it.
type modes struct {
	*fixture
	context             map[string]string
	heavy, files, parts *feedtest.Feed
	sent                map[*feedtest.Feed][]feedtest.File
	broken              map[*feedtest.Feed]int64 // records, among those sent
}

// TestModes turns on and off, in a deployed environment, what its user can, and then
// deletes it with its data.
func TestModes(t *testing.T) {
	if testing.Short() {
		t.Skip("deploys to a local AWS")
	}
	m := &modes{context: map[string]string{"environment": "staging"}, sent: map[*feedtest.Feed][]feedtest.File{}, broken: map[*feedtest.Feed]int64{}}
	m.fixture = startWith(t, m.context)
	m.makeBucket(t)
	m.deployOf(t, plainHeavy+fileFeed+partFeed, stagingStacks...)
	m.heavy, m.files, m.parts = m.feed(t, "staging-Heavy"), m.feed(t, "staging-Files"), m.feed(t, "staging-Parts")
	for _, step := range []struct {
		name string
		run  func(*testing.T, *modes)
	}{
		{"everything is turned on", everythingOn},
		{"alarms, tags and metrics", alarmsTagsAndMetrics},
		{"a pipe that stops", pipeThatStops},
		{"many small files", manySmallFiles},
		{"a second source", secondSource},
		{"records by key", recordsByKey},
		{"deletion", deletion},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.run(t, m) }) {
			t.FailNow() // the next step builds on this one
		}
	}
}

// putFiles puts n files of a feed into a bucket under a prefix.
func (m *modes) putFiles(t *testing.T, f *feedtest.Feed, bucket, prefix string, n int) {
	t.Helper()
	for range n {
		i := int64(len(m.sent[f]))
		file := feedtest.File{Key: prefix + f.Name + string(rune('A'+i)) + ".ndjson", Records: 1 + i}
		if _, err := f.S3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &file.Key, Body: bytes.NewReader(lines(file.Key, file.Records))}); err != nil {
			t.Fatal(err)
		}
		m.sent[f] = append(m.sent[f], file)
	}
}

// checkCounts waits until the feeds have loaded everything, and compares all counts.
func (m *modes) checkCounts(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), flowTime)
	defer cancel()
	for _, f := range []*feedtest.Feed{m.heavy, m.files, m.parts} {
		uploads, err := f.Wait(ctx, len(m.sent[f]), nil)
		if err != nil {
			t.Fatal(err)
		}
		report, err := f.Check(ctx, m.sent[f], uploads)
		if err != nil {
			t.Fatal(err)
		}
		if f.Warehouse != nil {
			if err := f.WaitRows(ctx, m.db, report.Expected-m.broken[f]); err != nil {
				t.Fatal(err)
			}
		}
		if err := report.Err(); err != nil || report.InTable+report.Quarantined != report.Expected || report.Quarantined != m.broken[f] {
			t.Errorf("feed %s: %+v: %v", f.Name, report, err)
		}
	}
}

// everythingOn adds alarms, dashboard and key to a deployment with data. No
// resource with data is replaced, cdk diff reports nothing afterwards, and everything
// works.
func everythingOn(t *testing.T, m *modes) {
	m.putFiles(t, m.heavy, m.heavy.SourceBucket, "", 2)
	m.putFiles(t, m.files, "team-files", "in/", 2)
	m.putFiles(t, m.parts, m.parts.SourceBucket, "", 2)
	m.checkCounts(t)
	before := m.physical(t)
	maps.Copy(m.context, map[string]string{"alarmEmail": "data@example.com", "dashboard": "true", "key": "new"})
	m.deployOf(t, measuredHeavy+fileFeed+partFeed, stagingStacks...)
	after := m.physical(t)
	for id, name := range before {
		if after[id] != name {
			t.Errorf("%s was %s and is %q", id, name, after[id])
		}
	}
	var out bytes.Buffer
	if err := m.env.CDK(t.Context(), &out, append([]string{"diff", "--fail", "--method=template", "--app", m.appOf(t, measuredHeavy+fileFeed+partFeed)}, stagingStacks...)...); err != nil {
		t.Errorf("cdk diff after the deployment: %v\n%s", err, out.String())
	}
	m.putFiles(t, m.heavy, m.heavy.SourceBucket, "", 3)
	m.putFiles(t, m.files, "team-files", "in/", 3)
	m.putFiles(t, m.parts, m.parts.SourceBucket, "", 3)
	m.checkCounts(t)
}

// alarmsTagsAndMetrics checks the alarms, tags and metrics of the deployment.
func alarmsTagsAndMetrics(t *testing.T, m *modes) {
	topic := m.output(t, "staging-Heavy", "HeavyAlarmTopic")
	want := map[string]int{"staging-Store": 2, "staging-Heavy": 5, "staging-Files": 4, "staging-Parts": 4}
	for stack, n := range want {
		names := m.resources(t, stack, "AWS::CloudWatch::Alarm")
		if len(names) != n {
			t.Errorf("%s has %d alarms, want %d: %v", stack, len(names), n, names)
		}
		for id, name := range names {
			var alarm struct {
				Actions     []string `xml:"DescribeAlarmsResult>MetricAlarms>member>AlarmActions>member"`
				Description string   `xml:"DescribeAlarmsResult>MetricAlarms>member>AlarmDescription"`
			}
			m.cloudwatch(t, &alarm, "DescribeAlarms", "AlarmNames.member.1", name)
			if !slices.Equal(alarm.Actions, []string{topic}) || !strings.Contains(alarm.Description, "bin/ingest ") {
				t.Errorf("alarm %s: %+v", id, alarm)
			}
		}
	}
	if boards := m.resources(t, "staging-Store", "AWS::CloudWatch::Dashboard"); len(boards) != 1 {
		t.Errorf("dashboards: %v", boards)
	}
	m.checkTags(t)
	m.checkMetrics(t)
}

// pipeThatStops runs the scheduled check of a feed's pipe before the pipe is paused,
// while it is, and when it runs again. The topic is notified of the two changes.
func pipeThatStops(t *testing.T, m *modes) {
	queues := sqs.NewFromConfig(m.cfg)
	queue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("on-call"), Attributes: map[string]string{
		"Policy": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}}`,
	}})
	if err != nil {
		t.Fatal(err)
	}
	attributes, err := queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: queue.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sns.NewFromConfig(m.cfg).Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: aws.String(m.output(t, "staging-Parts", "PartsAlarmTopic")), Protocol: aws.String("sqs"), Endpoint: aws.String(attributes.Attributes["QueueArn"]),
	}); err != nil {
		t.Fatal(err)
	}
	pipe := m.parts.Warehouse.Pipe
	for _, look := range []struct{ statement, change string }{
		{"", ""},
		{pipe.Pause(), "does not work"},
		{"", ""}, // the topic is notified once
		{pipe.Resume(), "works again"},
	} {
		if look.statement != "" {
			if _, err := m.db.ExecContext(t.Context(), look.statement); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.env.FireSchedules(t.Context(), "staging-Parts"); err != nil {
			t.Fatal(err)
		}
		m.idle(t)
		out, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		var bodies []string
		for _, message := range out.Messages {
			bodies = append(bodies, *message.Body)
			if _, err := queues.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: queue.QueueUrl, ReceiptHandle: message.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
		}
		if look.change == "" && len(bodies) > 0 || look.change != "" && (len(bodies) != 1 || !strings.Contains(bodies[0], "Snowpipe of feed parts "+look.change)) {
			t.Errorf("after %q the topic was notified of %q, want %q", look.statement, bodies, look.change)
		}
	}
}

// secondSource adds a source before the existing one, and removes it again.
func secondSource(t *testing.T, m *modes) {
	m.deployOf(t, twoSources+fileFeed+partFeed, "staging-Heavy")
	m.putFiles(t, m.heavy, "team-files", "second/", 3)
	m.putFiles(t, m.heavy, m.heavy.SourceBucket, "", 2)
	m.checkCounts(t)
	m.deployOf(t, plainHeavy+fileFeed+partFeed, "staging-Heavy")
	m.putFiles(t, m.heavy, m.heavy.SourceBucket, "", 2)
	m.checkCounts(t)
}

// deletion destroys feeds with one of the two settings that delete data, and then
// everything with both.
func deletion(t *testing.T, m *modes) {
	app := plainHeavy + fileFeed + partFeed
	for _, only := range []struct {
		key, stack string
		feed       *feedtest.Feed
	}{{"disposable", "staging-Parts", m.parts}, {"deleteData", "staging-Heavy", m.heavy}} {
		m.context[only.key] = "true"
		m.deployOf(t, app, only.stack)
		m.destroyOf(t, app, only.stack)
		delete(m.context, only.key)
		if _, err := only.feed.S3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &only.feed.SourceBucket}); err != nil {
			t.Errorf("with %s alone the bucket is gone: %v", only.key, err)
		}
	}
	maps.Copy(m.context, map[string]string{"disposable": "true", "deleteData": "true"})
	m.deployOf(t, app, "staging-Store", "staging-Heavy", "staging-Files")
	m.heavy = m.feed(t, "staging-Heavy")
	if _, err := m.heavy.Put(t.Context(), feedtest.File{Key: "x.ndjson", Body: lines("x", 3)}); err != nil {
		t.Fatal(err)
	}
	m.idle(t)
	m.destroyOf(t, app, "staging-Heavy", "staging-Files", "staging-Store")
	for _, bucket := range []string{m.heavy.SourceBucket, m.heavy.LandingBucket} {
		if _, err := m.heavy.S3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &bucket}); err == nil {
			t.Errorf("bucket %s is still there", bucket)
		}
	}
	if _, err := m.heavy.DB.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &m.heavy.Table}); err == nil {
		t.Error("the table is still there")
	}
	if _, err := m.heavy.S3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("team-files"), Key: &m.sent[m.files][0].Key}); err != nil {
		t.Errorf("the other team's file: %v", err)
	}
}

// destroyOf destroys stacks of an app with these feeds.
func (m *modes) destroyOf(t *testing.T, feeds string, stacks ...string) {
	t.Helper()
	var out bytes.Buffer
	if err := m.env.CDK(t.Context(), &out, append([]string{"destroy", "--force", "--app", m.appOf(t, feeds)}, stacks...)...); err != nil {
		t.Fatal(errors.Join(err, errors.New(out.String())))
	}
}
