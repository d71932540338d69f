package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"example.com/ingestion/local/feedtest"
)

const keyedHeavy = `{Stack: "Heavy", IngestionPipelineProps: constructs.IngestionPipelineProps{Feed: "heavy", Format: constructs.NDJSON(), Source: constructs.NewBucket(),
		RecordKey: constructs.KeyedBy("customer.id"), ExpireAfterDays: 30, Announce: true}},` + "\n"

// recordsByKey gives a deployed feed a key, an expiry and announcements, which replaces
// nothing, and then finds the versions of a customer with the command and with boto3, as README.md describes
// it. They stay the same when their files are delivered again, and end with the expiry.
func recordsByKey(t *testing.T, m *modes) {
	before := m.physical(t)
	m.deployOf(t, keyedHeavy+fileFeed+partFeed, stagingStacks...)
	for id, name := range m.physical(t) {
		if before[id] != name {
			t.Errorf("%s was %s and is %q", id, before[id], name)
		}
	}
	events := m.eventQueue(t)
	for _, file := range []struct {
		key, body string
		records   int64
	}{
		{"january.ndjson", `{"customer":{"id":4711},"city":"Ulm"}` + "\n" + `{"customer":{"id":4712}}` + "\n" + `{"customer":{}}` + "\n", 3},
		{"february.ndjson", `{"customer":{"id":"4711"},"city":"Bonn"}` + "\n" + `{"customer":{"id":4.711e3},"city":"Köln"}` + "\n", 2},
	} {
		m.putBody(t, m.heavy, file.key, file.body, file.records)
		// S3 has the time of an object in whole seconds.
		time.Sleep(1100 * time.Millisecond)
	}
	m.putBody(t, m.heavy, "rejected.ndjson", "{tru\n", 1)
	m.broken[m.heavy] += 2
	m.checkCounts(t)
	m.idle(t)
	want := []string{"Upload Loaded february.ndjson 2 2 0", "Upload Partly Loaded january.ndjson 3 2 1", "Upload Rejected rejected.ndjson 1 0 1"}
	if got := m.announced(t, events); !slices.Equal(got, want) {
		t.Errorf("announced %q, want %q", got, want)
	}

	all := m.versions(t)
	if want := []string{"Köln", "Bonn", "Ulm"}; !slices.Equal(all, want) {
		t.Errorf("versions %q, want %q", all, want)
	}
	var newest []struct {
		Data struct{ City string }
	}
	text := m.boto3(t, "The versions of a record", map[string]string{`"<Table>"`: fmt.Sprintf("%q", m.heavy.Table), "customers/customer.id#4711": "heavy/customer.id#4711"}, "newest")
	if err := json.Unmarshal(text, &newest); err != nil || len(newest) != 1 || newest[0].Data.City != "Köln" {
		t.Errorf("boto3 found %s, %v", text, err)
	}
	if out := m.run(t, "ingest records staging-Heavy --file february.ndjson"); strings.Count(out.out, "\n") != 2 || !strings.Contains(out.out, "Bonn") {
		t.Errorf("records of a file: %s", out.out)
	}
	var found []struct{ Data struct{ City string } }
	text = m.boto3(t, "The records of a file", map[string]string{`"<Table>"`: fmt.Sprintf("%q", m.heavy.Table), "orders#": "heavy#", "2026/03/orders.json": "february.ndjson"}, "found")
	if err := json.Unmarshal(text, &found); err != nil || len(found) != 2 || found[0].Data.City != "Bonn" {
		t.Errorf("boto3 found %s, %v", text, err)
	}
	m.run(t, "ingest quarantine staging-Heavy").line(t, "key_missing")

	uploads, err := m.heavy.Uploads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range uploads {
		m.invoke(t, m.output(t, "staging-Heavy", "HeavyUnpackFunction"), s3Event(u.Upload))
	}
	m.idle(t)
	if again := m.versions(t); !slices.Equal(again, all) {
		t.Errorf("delivered again: %q, want %q", again, all)
	}
	if again := m.announced(t, events); len(again) != 0 {
		t.Errorf("announced again: %q", again)
	}
	for _, days := range []int{29, 31} {
		deleted, err := m.env.ExpireDynamoDB(t.Context(), time.Now().AddDate(0, 0, days))
		if want := map[int]int{29: 0, 31: 4}[days]; err != nil || deleted != want {
			t.Errorf("after %d days %d items are deleted, %v, want %d", days, deleted, err, want)
		}
	}
	if left := m.versions(t); len(left) != 0 {
		t.Errorf("after the expiry: %q", left)
	}
	m.deployOf(t, plainHeavy+fileFeed+partFeed, "staging-Heavy")
}

// eventQueue returns the URL of a queue that a rule sends the announcements to.
func (m *modes) eventQueue(t *testing.T) string {
	t.Helper()
	queues, rules := sqs.NewFromConfig(m.cfg), eventbridge.NewFromConfig(m.cfg)
	queue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("announced"), Attributes: map[string]string{
		"Policy": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}}`,
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
	if _, err := rules.PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: aws.String("announced"), EventPattern: aws.String(`{"source":["ingestion"],"detail":{"feed":["heavy"]}}`),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := rules.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("announced"), Targets: []eventbridgetypes.Target{
		{Id: aws.String("queue"), Arn: aws.String(attributes.Attributes["QueueArn"])},
	}}); err != nil {
		t.Fatal(err)
	}
	return *queue.QueueUrl
}

// announced receives the announcements: type, key, and the numbers of records, of those
// stored and of those in quarantine. They are sorted, and each is removed.
func (m *modes) announced(t *testing.T, queue string) []string {
	t.Helper()
	queues := sqs.NewFromConfig(m.cfg)
	var all []string
	for {
		out, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			slices.Sort(all)
			return all
		}
		for _, message := range out.Messages {
			var e struct {
				Type   string `json:"detail-type"`
				Detail struct {
					Key                          string
					Records, Stored, Quarantined int64
				}
			}
			if err := json.Unmarshal([]byte(*message.Body), &e); err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprintf("%s %s %d %d %d", e.Type, e.Detail.Key, e.Detail.Records, e.Detail.Stored, e.Detail.Quarantined))
			if _, err := queues.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: message.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// putBody puts a file with these records into the bucket of a feed, and waits until it is
// in the ledger.
func (m *modes) putBody(t *testing.T, f *feedtest.Feed, key, body string, n int64) {
	t.Helper()
	if _, err := f.S3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &f.SourceBucket, Key: &key, Body: strings.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
	m.sent[f] = append(m.sent[f], feedtest.File{Key: key, Records: n})
}

// versions returns the cities of a customer, as the command prints them.
func (m *modes) versions(t *testing.T) []string {
	t.Helper()
	out := m.run(t, "ingest records staging-Heavy --key 4711")
	var cities []string
	for line := range strings.Lines(out.out) {
		var r struct{ Data struct{ City string } }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		cities = append(cities, r.Data.City)
	}
	return cities
}

// boto3 runs the Python of a section of README.md with other names, and returns the value
// of a variable as JSON.
func (w *fixture) boto3(t *testing.T, heading string, names map[string]string, variable string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.repo, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "### "+heading+"\n")
	_, section, _ = strings.Cut(section, "```python\n")
	code, _, found := strings.Cut(section, "```")
	if !found {
		t.Fatalf("README.md has no Python under %q", heading)
	}
	for old, name := range names {
		if !strings.Contains(code, old) {
			t.Fatalf("README.md, %q: no %s in\n%s", heading, old, code)
		}
		code = strings.ReplaceAll(code, old, name)
	}
	code += "\nimport json\nprint(json.dumps(" + variable + ", default=str))\n"
	cmd := exec.CommandContext(t.Context(), w.env.Python(), "-c", code)
	cmd.Env = w.env.Environ()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, code, stderr.String())
	}
	return out
}
