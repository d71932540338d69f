package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/local/feedtest"
)

func TestEndToEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("deploys to a local AWS")
	}
	w := start(t)
	steps := []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"diff prints nothing after a deploy", diffIsEmpty},
		{"bad files", badFiles},
		{"everything twice", everythingTwice},
		{"failing functions", failingFunctions},
		{"real files", realFiles},
		{"rows in Snowflake", rowsInSnowflake},
		{"changes of the table", changesOfTheTable},
		{"an edit of one prop", editOneProp},
		{"changes of the Snowflake props", changedProps},
		{"what Snowflake refuses", refusedDeploys},
		{"a script by hand", scriptByHand},
		{"a part that takes several invocations", continuations},
		{"destroy one feed", destroyOneFeed},
		{"destroy one with rows in Snowflake", destroyMovies},
	}
	for _, step := range steps {
		if !t.Run(step.name, func(t *testing.T) { step.run(t, w) }) {
			t.FailNow() // the next step builds on this one
		}
	}
}

func diffIsEmpty(t *testing.T, w *fixture) {
	var out bytes.Buffer
	changed, err := w.env.Diff(t.Context(), &out, allStacks...)
	if err != nil || changed {
		t.Errorf("changed: %v, error %v\n%s", changed, err, out.String())
	}
}

func realFiles(t *testing.T, w *fixture) {
	samples, err := feedtest.Samples(w.repo)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*feedtest.Feed{w.quakes, w.airports, w.movies, w.flights} {
		files := samples[f.Stack]
		w.put(t, f, files...)
		var uploads []ledger.Upload
		for _, file := range files {
			uploads = append(uploads, w.ledgerOf(t, f, file.Key))
		}
		report, err := f.Check(t.Context(), files, uploads)
		if err != nil {
			t.Fatal(err)
		}
		if err := report.Err(); err != nil {
			t.Error(err)
		}
		if report.Quarantined != 0 || report.InTable != report.Expected {
			t.Errorf("report: %+v", report)
		}
	}
	// The items equal the records of the file.
	var document struct{ Features []json.RawMessage }
	if err := json.Unmarshal(samples["Earthquakes"][0].Body, &document); err != nil {
		t.Fatal(err)
	}
	u := w.ledgerOf(t, w.quakes, samples["Earthquakes"][0].Key)
	out, err := w.quakes.DB.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &w.quakes.Table, Key: map[string]types.AttributeValue{
		feed.PartitionKey: &types.AttributeValueMemberS{Value: ids.PartitionKey(u.Feed, u.ID, ids.Shard(5, u.Shards))},
		feed.SortKey:      &types.AttributeValueMemberS{Value: "0000000/000000000005"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var want any
	decoder := json.NewDecoder(bytes.NewReader(document.Features[5]))
	decoder.UseNumber()
	if err := decoder.Decode(&want); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(plain(out.Item["data"])); got != fmt.Sprint(want) {
		t.Errorf("item has\n%s, the file\n%s", got, want)
	}
}

func everythingTwice(t *testing.T, w *fixture) {
	w.idle(t)
	before := w.dump(t, w.quakes)
	for _, f := range []*feedtest.Feed{w.quakes, w.airports} {
		uploads, err := f.Uploads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range uploads {
			w.invoke(t, f.Unpack, s3Event(u.Upload))
			parts := 0
			if err := f.Ledger.PartsOf(t.Context(), u, func(p ledger.Part) bool {
				if err := f.LoadPart(t.Context(), p.Ref()); err != nil {
					t.Error(err)
				}
				parts++
				return true
			}); err != nil {
				t.Fatal(err)
			}
			if int64(parts) != u.Parts {
				t.Errorf("%s: the ledger has %d parts and counts %d", u.Key, parts, u.Parts)
			}
		}
	}
	w.idle(t)
	sameTable(t, before, w.dump(t, w.quakes))
}

// failingFunctions lets invocations fail. A failed one is retried. The event of one of
// unpack that keeps failing goes to the failure queue, from which it can be replayed. A
// part for which load keeps failing waits for the next file.
func failingFunctions(t *testing.T, w *fixture) {
	w.env.Host().FailNext(w.quakes.Load, 1)
	w.put(t, w.quakes, feedtest.File{Key: "fails once.json", Body: features(10, nil)})
	if u := w.ledgerOf(t, w.quakes, "fails once.json"); u.Stored != 10 {
		t.Errorf("ledger: %+v", u)
	}

	w.env.Host().FailNext(w.quakes.Unpack, 3)
	if _, err := w.quakes.Put(t.Context(), feedtest.File{Key: "fails thrice.json", Body: features(10, nil)}); err != nil {
		t.Fatal(err)
	}
	w.expected[w.quakes]++
	ctx, cancel := context.WithTimeout(t.Context(), flowTime)
	defer cancel()
	queue := sqs.NewFromConfig(w.cfg)
	var body string
	for body == "" {
		out, err := queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &w.quakes.FailureQueueURL, WaitTimeSeconds: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) > 0 {
			body = *out.Messages[0].Body
		}
	}
	var failed struct {
		RequestContext struct {
			Condition              string `json:"condition"`
			ApproximateInvokeCount int    `json:"approximateInvokeCount"`
		} `json:"requestContext"`
		RequestPayload json.RawMessage `json:"requestPayload"`
	}
	if err := json.Unmarshal([]byte(body), &failed); err != nil {
		t.Fatal(err)
	}
	if failed.RequestContext.Condition != "RetriesExhausted" || failed.RequestContext.ApproximateInvokeCount != 3 {
		t.Errorf("failure queue has %s", body)
	}
	w.invoke(t, w.quakes.Unpack, failed.RequestPayload)
	w.wait(t, w.quakes)
	if u := w.ledgerOf(t, w.quakes, "fails thrice.json"); u.Stored != 10 || !u.Balanced() {
		t.Errorf("ledger: %+v", u)
	}

	w.env.Host().FailNext(w.quakes.Load, 3)
	if _, err := w.quakes.Put(t.Context(), feedtest.File{Key: "waits.json", Body: features(10, nil)}); err != nil {
		t.Fatal(err)
	}
	w.expected[w.quakes]++
	w.idle(t)
	if u := w.ledgerOf(t, w.quakes, "waits.json"); u.State != ledger.Unpacked || u.PartsLoaded != 0 {
		t.Errorf("the ledger does not show what is missing: %+v", u)
	}
	if waiting, _, err := w.quakes.Ledger.ListWork(t.Context(), w.quakes.Name, 10); err != nil || len(waiting) != 1 {
		t.Errorf("parts that wait: %+v, %v", waiting, err)
	}
	w.put(t, w.quakes, feedtest.File{Key: "wakes load.json", Body: features(10, nil)})
	if u := w.ledgerOf(t, w.quakes, "waits.json"); u.Stored != 10 || !u.Balanced() {
		t.Errorf("ledger: %+v", u)
	}
}

func editOneProp(t *testing.T, w *fixture) {
	w.context["landingExpirationDays"] = "30"
	var out bytes.Buffer
	// The CLI's exit code is 1 where there are differences.
	err := w.env.CDK(t.Context(), &out, append([]string{"diff", "--fail", "--method=template"}, allStacks...)...)
	if err == nil {
		t.Error("cdk diff sees no difference")
	}
	diff := out.String()
	for _, want := range []string{"LifecycleConfiguration", "90", "30"} {
		if !strings.Contains(diff, want) {
			t.Errorf("cdk diff does not tell %q:\n%s", want, diff)
		}
	}
	if n := strings.Count(diff, "[~]") + strings.Count(diff, "[+]") + strings.Count(diff, "[-]"); n > 7 || strings.Contains(diff, "Lambda") || strings.Contains(diff, "IAM") {
		t.Errorf("cdk diff reports more than the one prop:\n%s", diff)
	}

	w.deploy(t, "Store", "Earthquakes")
	rules, err := w.quakes.S3.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: &w.quakes.LandingBucket})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, r := range rules.Rules {
		found = found || r.Expiration != nil && aws.ToInt32(r.Expiration.Days) == 30
	}
	if !found {
		t.Errorf("the bucket's rules are %+v", rules.Rules)
	}
	w.put(t, w.quakes, feedtest.File{Key: "after the update.json", Body: features(3, nil)})
}

// continuations gives load a timeout that is too short for the part.
func continuations(t *testing.T, w *fixture) {
	w.context["loadTimeoutSeconds"] = "3"
	w.deploy(t, "Store", "Earthquakes")
	before := w.env.Host().Stats()[w.quakes.Load].Invocations
	const n = 30_000
	w.put(t, w.quakes, feedtest.File{Key: "long.json", Body: features(n, nil)})
	u := w.ledgerOf(t, w.quakes, "long.json")
	if u.Stored != n || !u.Balanced() || u.Parts != 1 {
		t.Errorf("ledger %+v", u)
	}
	if hops := w.env.Host().Stats()[w.quakes.Load].Invocations - before; hops < 2 {
		t.Errorf("load took %d invocation: the test shows nothing", hops)
	}
}

// counts returns the number of items in the table by upload.
func counts(t *testing.T, f *feedtest.Feed) map[string]int64 {
	t.Helper()
	uploads, err := f.Uploads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int64{}
	for _, u := range uploads {
		if u.Records > 10_000 {
			continue // the local table takes a millisecond an item
		}
		if n[u.ID], err = f.CountItems(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// destroyOneFeed destroys Airports: its data are retained, and Earthquakes still works.
func destroyOneFeed(t *testing.T, w *fixture) {
	before, gone := counts(t, w.quakes), counts(t, w.airports)
	var out bytes.Buffer
	if err := w.env.Destroy(t.Context(), &out, "Airports"); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if _, err := w.env.Outputs(t.Context(), "Airports"); err == nil {
		t.Error("the stack is still there")
	}
	if !maps.Equal(before, counts(t, w.quakes)) || !maps.Equal(gone, counts(t, w.airports)) {
		t.Error("records went with the stack")
	}
	if _, err := w.airports.S3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &w.airports.SourceBucket, Key: aws.String("airports.csv")}); err != nil {
		t.Errorf("the source bucket was not retained: %v", err)
	}
	w.put(t, w.quakes, feedtest.File{Key: "after the destruction.json", Body: features(4, nil)})
	if u := w.ledgerOf(t, w.quakes, "after the destruction.json"); u.Stored != 4 {
		t.Errorf("ledger: %+v", u)
	}
}
