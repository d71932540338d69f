package overview_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
)

// queues is an SQS client with the numbers of visible and received messages by URL.
type queues struct {
	visible, inFlight map[string]string
	err               error
}

func (q queues) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
		"ApproximateNumberOfMessages":           or(q.visible[*in.QueueUrl], "0"),
		"ApproximateNumberOfMessagesNotVisible": or(q.inFlight[*in.QueueUrl], "0"),
	}}, q.err
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// fixture is a feed with queues and an empty ledger.
type fixture struct {
	t      *testing.T
	ledger *ledger.Ledger
	db     *fake.DynamoDB
	feeds  []operator.Feed
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	api := &fake.CloudFormation{Stacks: []fake.Stack{{Name: "Orders", Outputs: map[string]string{
		"OFeed": "orders", "OLandingPrefix": "landing/orders/", "OTable": "t", "OFailureQueueUrl": "failures", "OUnpackQueueUrl": "unpack", "OLoadQueueUrl": "load",
	}}}}
	feeds, err := operator.Feeds(t.Context(), api)
	if err != nil {
		t.Fatal(err)
	}
	db := fake.NewDynamoDB(t)
	return fixture{t, ledger.New(db.Client(), "t"), db, feeds}
}

func (w fixture) begin(key string) ledger.Upload {
	w.t.Helper()
	u, err := w.ledger.Begin(w.t.Context(), ledger.Upload{Upload: ids.New(ids.Upload{Feed: "orders", Bucket: "b", Key: key, ETag: "e", Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})})
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

func (w fixture) read(q queues, now time.Time) overview.Feed {
	w.t.Helper()
	l := overview.Collector{Ledgers: w.db.Client(), Queues: q, Now: func() time.Time { return now }}
	all, err := l.All(w.t.Context(), w.feeds)
	if err != nil || len(all) != 1 {
		w.t.Fatalf("%+v, %v", all, err)
	}
	return all[0]
}

func TestState(t *testing.T) {
	later := time.Now().Add(time.Hour)
	w := newFixture(t)
	if f := w.read(queues{}, later); f.State != overview.Idle || f.Last != nil {
		t.Errorf("a new feed: %+v", f)
	}
	u := w.begin("k")
	if f := w.read(queues{}, time.Now()); f.State != overview.Working || f.Waiting != 1 || f.Last == nil || f.Last.Key != "k" {
		t.Errorf("just started: %+v", f)
	}
	if f := w.read(queues{}, later); f.State != overview.Waiting {
		t.Errorf("started an hour ago: %+v", f)
	}
	ref := ids.PartRef{Feed: "orders", Upload: u.ID, Part: ids.PartName(0, 0), Time: u.Time}
	if _, err := w.ledger.PutWork(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if f := w.read(queues{}, later); f.State != overview.Waiting || f.Queued != 1 {
		t.Errorf("a part waits: %+v", f)
	}
	work, _, _, err := w.ledger.ClaimWork(t.Context(), "orders", ledger.Lease{Owner: "loader", Until: later})
	if err != nil || work == nil {
		t.Fatal(work, err)
	}
	if f := w.read(queues{}, later); f.State != overview.Working || f.Queued != 1 {
		t.Errorf("load is processing a part: %+v", f)
	}
	if err := w.ledger.SetAside(t.Context(), work, errors.New("boom")); err != nil {
		t.Fatal(err)
	}
	_, setAside, err := w.ledger.ListWork(t.Context(), "orders", 10)
	if f := w.read(queues{}, later); f.State != overview.Failing || f.Failed != 1 || f.Queued != 0 || len(setAside) != 1 || err != nil {
		t.Errorf("a part was set aside: %+v, %+v, %v", f, setAside, err)
	}
	if err := w.ledger.ForgetSetAside(t.Context(), setAside[0]); err != nil {
		t.Fatal(err)
	}
	if f := w.read(queues{visible: map[string]string{"failures": "2"}, inFlight: map[string]string{"failures": "1"}}, later); f.State != overview.Failing || f.Failed != 3 {
		t.Errorf("failed events: %+v", f)
	}
	part := ledger.Part{Feed: "orders", Upload: u.ID, Name: ids.PartName(0, 0), Records: 3}
	if _, err := w.ledger.PutPart(t.Context(), part); err != nil {
		t.Fatal(err)
	}
	if err := w.ledger.Unpacked(t.Context(), u, ledger.Counts{Records: 3, Parts: 1}, nil, ""); err != nil {
		t.Fatal(err)
	}
	part.Stored = 2
	part.Rejected = 1
	if err := w.ledger.PartLoaded(t.Context(), part); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ledger.Settle(t.Context(), "orders", u.ID); err != nil {
		t.Fatal(err)
	}
	if f := w.read(queues{}, later); f.State != overview.Idle || f.Records != 3 || f.Stored != 2 || f.Quarantined != 1 || f.Waiting != 0 || f.Uploads != 1 {
		t.Errorf("loaded: %+v", f)
	}
}

// Of a feed with very many uploads the newest are counted.
func TestNewestUploads(t *testing.T) {
	w := newFixture(t)
	for i := range 5 {
		w.begin(strconv.Itoa(i))
	}
	for newest, want := range map[int]overview.Feed{
		4: {Uploads: 4, MoreUploads: true, Waiting: 4}, 5: {Uploads: 5, Waiting: 5}, 0: {Uploads: 5, Waiting: 5},
	} {
		visited := int64(0)
		c := overview.Collector{
			Ledgers: w.db.Client(), Queues: queues{}, Now: time.Now, Newest: newest,
			Visit: func(operator.Feed, ledger.Upload) { visited++ },
		}
		f, err := c.Feed(t.Context(), w.feeds[0])
		if err != nil || f.Uploads != want.Uploads || f.MoreUploads != want.MoreUploads || f.Waiting != want.Waiting || visited != want.Uploads {
			t.Errorf("newest %d: %+v, visited %d, %v", newest, f, visited, err)
		}
	}
}

// An upload that started long ago is working while its parts are written.
func TestPartIsProgress(t *testing.T) {
	w := newFixture(t)
	u := w.begin("k")
	w.rewrite(u, "started_at", "2026-01-01T00:00:00.000Z")
	if f := w.read(queues{}, time.Now()); f.State != overview.Waiting {
		t.Errorf("%+v", f)
	}
	if _, err := w.ledger.PutPart(t.Context(), ledger.Part{Feed: "orders", Upload: u.ID, Name: ids.PartName(0, 0)}); err != nil {
		t.Fatal(err)
	}
	if f := w.read(queues{}, time.Now()); f.State != overview.Working {
		t.Errorf("%+v", f)
	}
}

func TestAllReportsUnreadableFeeds(t *testing.T) {
	w := newFixture(t)
	denied := errors.New("denied")
	l := overview.Collector{Ledgers: w.db.Client(), Queues: queues{err: denied}, Now: time.Now}
	all, err := l.All(t.Context(), w.feeds)
	if !errors.Is(err, denied) || all[0].State != overview.Unknown || !strings.Contains(all[0].Error, `feed "orders": attributes of queue failures: denied`) {
		t.Errorf("%+v, %v", all, err)
	}
	l.Queues = queues{visible: map[string]string{"failures": "many"}}
	if _, err := l.All(t.Context(), w.feeds); err == nil || !strings.Contains(err.Error(), `ApproximateNumberOfMessages is "many"`) {
		t.Errorf("error %v", err)
	}
}

func TestUploads(t *testing.T) {
	w := newFixture(t)
	for _, key := range []string{"a", "b", "c"} {
		w.begin(key)
	}
	for name, test := range map[string]struct {
		filter overview.Filter
		want   int
	}{
		"all":   {overview.Filter{}, 3},
		"limit": {overview.Filter{Limit: 2}, 2},
		"state": {overview.Filter{State: overview.Loaded}, 0},
		"since": {overview.Filter{Since: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}, 0},
		"then":  {overview.Filter{Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, 3},
	} {
		got, err := overview.Uploads(t.Context(), w.ledger, "orders", test.filter)
		if err != nil || got == nil || len(got) != test.want {
			t.Errorf("%s: %d, %v", name, len(got), err)
		}
	}
	w.db.Before = func(string, []byte) (int, string) { return 400, "AccessDeniedException" }
	if _, err := overview.FindUpload(t.Context(), w.ledger, "orders", "a"); err == nil || errors.Is(err, overview.ErrNoUpload) {
		t.Errorf("error %v", err)
	}
}

// rewrite sets one attribute of an upload's item.
func (w fixture) rewrite(u ledger.Upload, name, value string) {
	w.t.Helper()
	_, err := w.db.Client().UpdateItem(w.t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String("t"), UpdateExpression: aws.String("SET #n = :v"), ExpressionAttributeNames: map[string]string{"#n": name},
		ExpressionAttributeValues: map[string]types.AttributeValue{":v": &types.AttributeValueMemberS{Value: value}},
		Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: ids.LedgerKey(u.Feed, u.ID)}, "sk": &types.AttributeValueMemberS{Value: "upload"},
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
