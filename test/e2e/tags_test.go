package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"example.com/ingestion/feed"
	"example.com/ingestion/local"
	"example.com/ingestion/local/feedtest"
)

// checkTags checks the tags of every resource that supports them.
func (m *modes) checkTags(t *testing.T) {
	t.Helper()
	arn := func(service, resource string) *string {
		return aws.String("arn:aws:" + service + ":" + local.Region + ":" + local.Account + ":" + resource)
	}
	tags := func(all map[string]string, key, value *string) { all[*key] = *value }
	readers := map[string]func(name string) (map[string]string, error){
		"AWS::S3::Bucket": func(name string) (map[string]string, error) {
			out, err := m.heavy.S3.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: &name})
			all := map[string]string{}
			for i := 0; err == nil && i < len(out.TagSet); i++ {
				tags(all, out.TagSet[i].Key, out.TagSet[i].Value)
			}
			return all, err
		},
		"AWS::SQS::Queue": func(name string) (map[string]string, error) {
			out, err := sqs.NewFromConfig(m.cfg).ListQueueTags(t.Context(), &sqs.ListQueueTagsInput{QueueUrl: &name})
			if err != nil {
				return nil, err
			}
			return out.Tags, nil
		},
		"AWS::Lambda::Function": func(name string) (map[string]string, error) {
			out, err := m.lambda.ListTags(t.Context(), &lambda.ListTagsInput{Resource: arn("lambda", "function:"+name)})
			if err != nil {
				return nil, err
			}
			return out.Tags, nil
		},
		"AWS::IAM::Role": func(name string) (map[string]string, error) {
			out, err := iam.NewFromConfig(m.cfg).ListRoleTags(t.Context(), &iam.ListRoleTagsInput{RoleName: &name})
			all := map[string]string{}
			for i := 0; err == nil && i < len(out.Tags); i++ {
				tags(all, out.Tags[i].Key, out.Tags[i].Value)
			}
			return all, err
		},
		"AWS::SNS::Topic": func(name string) (map[string]string, error) {
			out, err := sns.NewFromConfig(m.cfg).ListTagsForResource(t.Context(), &sns.ListTagsForResourceInput{ResourceArn: &name})
			all := map[string]string{}
			for i := 0; err == nil && i < len(out.Tags); i++ {
				tags(all, out.Tags[i].Key, out.Tags[i].Value)
			}
			return all, err
		},
		"AWS::DynamoDB::GlobalTable": func(name string) (map[string]string, error) {
			out, err := m.heavy.DB.ListTagsOfResource(t.Context(), &dynamodb.ListTagsOfResourceInput{ResourceArn: arn("dynamodb", "table/"+name)})
			all := map[string]string{}
			for i := 0; err == nil && i < len(out.Tags); i++ {
				tags(all, out.Tags[i].Key, out.Tags[i].Value)
			}
			return all, err
		},
		"AWS::CloudWatch::Alarm": func(name string) (map[string]string, error) {
			var answer struct {
				Tags []struct{ Key, Value string } `xml:"ListTagsForResourceResult>Tags>member"`
			}
			m.cloudwatch(t, &answer, "ListTagsForResource", "ResourceARN", *arn("cloudwatch", "alarm:"+name))
			all := map[string]string{}
			for _, tag := range answer.Tags {
				all[tag.Key] = tag.Value
			}
			return all, nil
		},
		"AWS::Events::Rule": func(name string) (map[string]string, error) {
			out, err := eventbridge.NewFromConfig(m.cfg).ListTagsForResource(t.Context(), &eventbridge.ListTagsForResourceInput{ResourceARN: arn("events", "rule/"+name)})
			all := map[string]string{}
			for i := 0; err == nil && i < len(out.Tags); i++ {
				tags(all, out.Tags[i].Key, out.Tags[i].Value)
			}
			return all, err
		},
	}
	of := map[string]string{"staging-Store": "", "staging-Heavy": "heavy", "staging-Files": "files", "staging-Parts": "parts"}
	seen := map[string]bool{}
	for kind, read := range readers {
		for stack, feedName := range of {
			for id, name := range m.resources(t, stack, kind) {
				seen[kind] = true
				got, err := read(name)
				if err != nil || got["app"] != "ingestion" || got["environment"] != "staging" || got["feed"] != feedName {
					t.Errorf("%s has tags %v, %v", id, got, err)
				}
			}
		}
		if !seen[kind] {
			t.Errorf("there is no %s", kind)
		}
	}
}

// checkMetrics compares the metrics in the functions' logs with the files, and checks
// that MetricQuarantined is emitted for quarantined records only.
func (m *modes) checkMetrics(t *testing.T) {
	t.Helper()
	// The first two files were loaded before the feed had metrics.
	var files, records float64
	for _, file := range m.sent[m.heavy][2:] {
		files, records = files+1, records+float64(file.Records)
	}
	unpack, load := m.emitted(t, m.heavy, m.heavy.Unpack), m.emitted(t, m.heavy, m.heavy.Load)
	if unpack[feed.MetricUploads] != files || unpack[feed.MetricRecords] != records || load[feed.MetricStored] != records || unpack[feed.MetricBytesIn] == 0 || unpack[feed.MetricSeconds] == 0 {
		t.Errorf("%v files of %v records: unpack emitted %v, load %v", files, records, unpack, load)
	}
	if none := m.emitted(t, m.parts, m.parts.Unpack); len(none) != 0 {
		t.Errorf("a feed without Metrics emitted %v", none)
	}
	broken := feedtest.File{Key: "broken.ndjson", Body: []byte(`{"a": 1}` + "\n{\n" + `{"a": 2}` + "\n"), Records: 3}
	if _, err := m.parts.Put(t.Context(), broken); err != nil {
		t.Fatal(err)
	}
	m.sent[m.parts], m.broken[m.parts] = append(m.sent[m.parts], broken), 1
	m.idle(t)
	if some := m.emitted(t, m.parts, m.parts.Unpack); len(some) != 1 || some[feed.MetricQuarantined] != 1 {
		t.Errorf("one broken record: unpack emitted %v", some)
	}
}

// emitted returns the sums of a function's metrics, as CloudWatch extracts them from its
// log.
func (m *modes) emitted(t *testing.T, f *feedtest.Feed, function string) map[string]float64 {
	t.Helper()
	log, err := os.Open(m.env.Host().LogFile(function))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	sums := map[string]float64{}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		_, line, _ := strings.Cut(lines.Text(), " ")
		if !strings.Contains(line, `"_aws"`) {
			continue
		}
		var values map[string]any
		var header struct {
			AWS struct {
				CloudWatchMetrics []struct {
					Namespace string
					Metrics   []struct{ Name string }
				}
			} `json:"_aws"`
		}
		if err := json.Unmarshal([]byte(line), &values); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if err := json.Unmarshal([]byte(line), &header); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		for _, d := range header.AWS.CloudWatchMetrics {
			if d.Namespace != feed.MetricNamespace || values[feed.MetricStore] != f.Table {
				t.Errorf("line %s", line)
			}
			if values[feed.MetricFeed] != f.Name {
				continue // load serves other feeds too
			}
			for _, metric := range d.Metrics {
				sums[metric.Name] += values[metric.Name].(float64)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return sums
}
