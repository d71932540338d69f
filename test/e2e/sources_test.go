package e2e

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go/middleware"

	"example.com/ingestion/local/feedtest"
)

// Feeds with an own bucket, with a prefix of another team's bucket, with another prefix
// of it, and with external buckets.
const (
	ownFeed      = `{Stack: "Own", IngestionPipelineProps: constructs.IngestionPipelineProps{Feed: "own", Format: constructs.NDJSON(), Source: constructs.NewBucket()}},` + "\n"
	existingFeed = `{Stack: "Existing", IngestionPipelineProps: constructs.IngestionPipelineProps{Feed: "existing", Format: constructs.NDJSON(), Source: constructs.ExistingBucket("team-files", constructs.WithPrefix("in/"))}},` + "\n"
	lateFeed     = `{Stack: "Late", IngestionPipelineProps: constructs.IngestionPipelineProps{Feed: "late", Format: constructs.NDJSON(), Source: constructs.ExistingBucket("team-files", constructs.WithPrefix("late/"))}},` + "\n"
	externalFeed = `{Stack: "External", IngestionPipelineProps: constructs.IngestionPipelineProps{Feed: "external", Format: constructs.NDJSON(), Source: constructs.Sources(
		constructs.ExternalBucket("role-files", 60e9, constructs.WithSuffixes(".ndjson"), constructs.AssumeRole("arn:aws:iam::999988887777:role/reader", "our-secret")),
		constructs.ExternalBucket("paid-files", 60e9, constructs.WithPrefix("shared/"), constructs.RequesterPays()))}},` + "\n"
)

// TestSources runs own, existing and external sources on a shared table. While data flows, a fourth feed is deployed, and one
// is destroyed.
func TestSources(t *testing.T) {
	if testing.Short() {
		t.Skip("deploys to a local AWS")
	}
	w := startEmpty(t)
	w.makeExternalBuckets(t)
	before := w.makeBucket(t)
	w.deployOf(t, ownFeed+existingFeed+externalFeed, "Store", "Own", "Existing", "External")
	own, existing, external := w.feed(t, "Own"), w.feed(t, "Existing"), w.feed(t, "External")
	theirs := s3.NewFromConfig(w.env.AWSConfigOf(otherAccount))
	s := newWriter(t)
	s.add("own", target{"own", own.S3, own.SourceBucket, ""})
	s.add("existing", target{"existing", own.S3, "team-files", "in/"})
	s.add("by role", target{"external", theirs, "role-files", ""})
	s.add("paid", target{"external", theirs, "paid-files", "shared/"})

	w.deployOf(t, ownFeed+existingFeed+externalFeed+lateFeed, "Late")
	late := w.feed(t, "Late")
	s.add("late", target{"late", own.S3, "team-files", "late/"})

	s.remove("existing")
	w.compareCounts(t, s, existing)
	if err := w.env.Destroy(t.Context(), &bytes.Buffer{}, "Existing"); err != nil {
		t.Fatal(err)
	}
	s.wait(t, "own", 5)
	s.stop(t)

	for _, f := range []*feedtest.Feed{own, existing, external, late} {
		w.compareCounts(t, s, f)
	}
	w.changedObjects(t, s, external, theirs)
	// The notifications of the other team's bucket are unchanged.
	if after := w.notifications(t, own.S3, "team-files"); !reflect.DeepEqual(before, after) {
		t.Errorf("notifications were\n%+v\nand are\n%+v", before, after)
	}
}

// makeBucket creates a bucket of another team in the account. It has a notification
// already, and sends its events to EventBridge.
func (w *fixture) makeBucket(t *testing.T) *s3.GetBucketNotificationConfigurationOutput {
	t.Helper()
	client := s3.NewFromConfig(w.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("team-files")}); err != nil {
		t.Fatal(err)
	}
	queues := sqs.NewFromConfig(w.cfg)
	queue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("team-queue"), Attributes: map[string]string{
		"Policy": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}}`,
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
	if _, err := client.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String("team-files"),
		NotificationConfiguration: &types.NotificationConfiguration{
			EventBridgeConfiguration: &types.EventBridgeConfiguration{},
			QueueConfigurations: []types.QueueConfiguration{{
				Id: aws.String("theirs"), QueueArn: aws.String(attributes.Attributes["QueueArn"]), Events: []types.Event{types.EventS3ObjectRemoved},
			}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	return w.notifications(t, client, "team-files")
}

func (w *fixture) notifications(t *testing.T, client *s3.Client, bucket string) *s3.GetBucketNotificationConfigurationOutput {
	t.Helper()
	out, err := client.GetBucketNotificationConfiguration(t.Context(), &s3.GetBucketNotificationConfigurationInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	out.ResultMetadata = middleware.Metadata{} // of the request, not of the bucket
	return out
}

// deployOf deploys stacks of an app with these feeds.
func (w *fixture) deployOf(t *testing.T, feeds string, stacks ...string) {
	t.Helper()
	if err := w.deployEdited(t, w.appOf(t, feeds), stacks...); err != nil {
		t.Fatal(err)
	}
}

// compareCounts waits until a feed has loaded everything that the writer has put, and
// compares files, ledger and table.
func (w *fixture) compareCounts(t *testing.T, s *writer, f *feedtest.Feed) {
	t.Helper()
	files := s.files(f.Name)
	ctx, cancel := context.WithTimeout(t.Context(), flowTime)
	defer cancel()
	uploads, err := f.Wait(ctx, len(files), nil)
	if err != nil {
		t.Fatal(err)
	}
	report, err := f.Check(t.Context(), files, uploads)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	if len(files) == 0 || report.InTable != report.Expected || report.Quarantined != 0 {
		t.Errorf("%d files of %d records: %+v", len(files), report.Expected, report)
	}
	t.Logf("feed %s: %d files, %d records in files = in ledger = in table", f.Name, len(files), report.InTable)
}

// changedObjects overwrites an object of a listed bucket, and puts one that
// sorts before all others and one that the feed does not take.
func (w *fixture) changedObjects(t *testing.T, s *writer, f *feedtest.Feed, theirs *s3.Client) {
	t.Helper()
	n := len(s.files(f.Name))
	want := map[string]int64{s.filesOf("by role")[0].Key: 3, "0 + ü\n.ndjson": 4, "readme.txt": 0}
	for key, records := range want {
		if _, err := theirs.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("role-files"), Key: &key, Body: bytes.NewReader(lines(key, records))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.env.FireSchedules(t.Context(), f.Stack); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), flowTime)
	defer cancel()
	uploads, err := f.Wait(ctx, n+2, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(uploads) != n+2 {
		t.Errorf("%d uploads are in the ledger, not %d", len(uploads), n+2)
	}
	for key, records := range want {
		found := false
		for _, u := range uploads {
			found = found || u.Key == key && u.Stored == records
		}
		if found != (records > 0) {
			t.Errorf("%q with %d records is in the ledger: %v", key, records, found)
		}
	}
}

// lines returns n records with the key of their file.
func lines(key string, n int64) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "{\"file\": %q, \"n\": %d}\n", key, i)
	}
	return b.Bytes()
}

// writer puts files into buckets, one after another into each, until it is stopped.
type writer struct {
	end  chan struct{}
	done sync.WaitGroup

	mu      sync.Mutex
	targets map[string]target
	put     map[string][]feedtest.File // by target
	feeds   map[string]string          // of targets, removed ones included
	err     error
}

// target is a prefix of a bucket from which a feed takes its files.
type target struct {
	feed           string
	client         *s3.Client
	bucket, prefix string
}

func newWriter(t *testing.T) *writer {
	t.Helper()
	s := &writer{end: make(chan struct{}), targets: map[string]target{}, put: map[string][]feedtest.File{}, feeds: map[string]string{}}
	s.done.Go(func() {
		tick := time.NewTicker(400 * time.Millisecond)
		defer tick.Stop()
		for i := int64(0); ; i++ {
			select {
			case <-s.end:
				return
			case <-t.Context().Done():
				return
			case <-tick.C:
				s.round(t.Context(), i)
			}
		}
	})
	return s
}

// round puts a file into each bucket.
func (s *writer) round(ctx context.Context, i int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, to := range s.targets {
		n := 1 + i%50
		key := fmt.Sprintf("%s%d/%s %d.ndjson", to.prefix, i%7, name, i)
		if _, err := to.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &to.bucket, Key: &key, Body: bytes.NewReader(lines(key, n))}); err != nil {
			s.err = err
			continue
		}
		s.put[name] = append(s.put[name], feedtest.File{Key: key, Records: n})
	}
}

func (s *writer) add(name string, to target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.targets[name], s.feeds[name] = to, to.feed
}

func (s *writer) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.targets, name)
}

// filesOf are those that were put to a target.
func (s *writer) filesOf(name string) []feedtest.File {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put[name]
}

// files are those of a feed.
func (s *writer) files(feed string) []feedtest.File {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []feedtest.File
	for name, files := range s.put {
		if s.feeds[name] == feed {
			all = append(all, files...)
		}
	}
	return all
}

// wait waits until n more files were put to a target.
func (s *writer) wait(t *testing.T, name string, n int) {
	t.Helper()
	for n += len(s.filesOf(name)); len(s.filesOf(name)) < n; {
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *writer) stop(t *testing.T) {
	t.Helper()
	close(s.end)
	s.done.Wait()
	if s.err != nil {
		t.Fatal(s.err)
	}
}
