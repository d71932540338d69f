package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/aws/s3event"
	"example.com/ingestion/internal/ids"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/internal/testing/fake"
)

// queue is a failure queue. Received messages are hidden until they are released.
type queue struct {
	bodies map[string]string // by message ID, which is also the receipt handle
	hidden map[string]bool
	log    []string
}

func (q *queue) ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	out := &sqs.ReceiveMessageOutput{}
	for id, body := range q.bodies {
		if len(out.Messages) == 2 || q.hidden[id] {
			continue
		}
		q.hidden[id] = true
		out.Messages = append(out.Messages, types.Message{
			MessageId: aws.String(id), ReceiptHandle: aws.String(id), Body: aws.String(body),
			Attributes: map[string]string{"SentTimestamp": strconv.FormatInt(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), 10)},
		})
	}
	return out, nil
}

func (q *queue) DeleteMessage(_ context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error) {
	q.log = append(q.log, "delete "+*in.ReceiptHandle)
	delete(q.bodies, *in.ReceiptHandle)
	return &sqs.DeleteMessageOutput{}, nil
}

func (q *queue) ChangeMessageVisibility(_ context.Context, in *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	delete(q.hidden, *in.ReceiptHandle)
	return &sqs.ChangeMessageVisibilityOutput{}, nil
}

func failed(function, payload string) string {
	return fmt.Sprintf(`{"version":"1.0","requestContext":{"functionArn":"arn:aws:lambda:eu-central-1:123456789012:function:%s:$LATEST","condition":"RetriesExhausted"},"requestPayload":%s,"responsePayload":{"errorMessage":"boom"}}`, function, payload)
}

// fixture is a feed with an empty ledger and failure queue.
type fixture struct {
	t          *testing.T
	q          *queue
	db         *fake.DynamoDB
	s3         *fake.S3
	ledger     *ledger.Ledger
	r          *Replay
	dispatched []string
	fail       error
}

func newFixture(t *testing.T) *fixture {
	w := &fixture{t: t, q: &queue{bodies: map[string]string{}, hidden: map[string]bool{}}, db: fake.NewDynamoDB(t), s3: &fake.S3{}}
	w.ledger = ledger.New(w.db.Client(), "table")
	to := func(name string) dispatch.Dispatcher {
		return func(_ context.Context, payload []byte) error {
			if w.fail != nil {
				return w.fail
			}
			w.dispatched = append(w.dispatched, name+" "+string(payload))
			w.q.log = append(w.q.log, "dispatch "+name)
			return nil
		}
	}
	w.r = &Replay{
		Feed: "orders", Ledger: w.ledger, Queue: w.q, FailureQueueURL: "q", UnpackFunction: "Orders-Unpack-1", LoadFunction: "Orders-Load-1",
		Unpack: to("unpack"), Function: to, Run: to("run"), Stuck: time.Hour,
		LoadPart: func(ctx context.Context, ref ids.PartRef) error {
			ref.Time = time.Time{}
			return dispatch.JSON[ids.PartRef](to("load"))(ctx, ref)
		},
		Wake:    dispatch.JSON[ids.Load](to("wake")),
		Landing: w.s3, LandingBucket: "landing",
	}
	return w
}

func (w *fixture) replay() Result {
	w.t.Helper()
	w.dispatched = nil
	result, err := w.r.Do(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(w.dispatched)
	return result
}

func TestEvents(t *testing.T) {
	w := newFixture(t)
	s3 := string(s3event.Notification(s3event.Object{Bucket: "src", Key: "a b", ETag: "e"}))
	part := `{"feed":"orders","upload":"u","part":"0000000-000001"}`
	bus := `{"detail-type":"Object Created","detail":{"bucket":{"name":"src"},"object":{"key":"x","etag":"e"}}}`
	w.q.bodies = map[string]string{
		"1": failed("Orders-Unpack-1", s3), "2": failed("Orders-Load-1", part), "3": s3, "4": part, "5": bus,
		"6": failed("Orders-Discover-1", `{"source":"aws.events"}`), "7": `{"resume":{"feed":"orders","upload":"u"}}`, "8": "what?",
	}
	result := w.replay()
	want := []string{
		`Orders-Discover-1 {"source":"aws.events"}`, "load " + part, "load " + part, "unpack " + s3, "unpack " + s3, "unpack " + bus,
		`unpack {"resume":{"feed":"orders","upload":"u"}}`,
	}
	slices.Sort(want)
	if !slices.Equal(w.dispatched, want) || len(w.q.bodies) != 1 || w.q.hidden["8"] || len(result.Events) != 8 {
		t.Errorf("dispatched %q, kept %q, hidden %v, result %+v", w.dispatched, w.q.bodies, w.q.hidden, result.Events)
	}
	for i, line := range w.q.log { // each is dispatched before it is deleted
		if dispatch := i%2 == 0; dispatch != strings.HasPrefix(line, "dispatch ") {
			t.Errorf("the order is %q", w.q.log)
			break
		}
	}
}

// Parts that load has set aside wait again, and a loader is woken for those that wait.
func TestPartsSetAside(t *testing.T) {
	w := newFixture(t)
	ctx := t.Context()
	ref := ids.PartRef{Feed: "orders", Upload: "u", Part: ids.PartName(0, 1), Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	if _, err := w.ledger.PutWork(ctx, ref); err != nil {
		t.Fatal(err)
	}
	claimed, _, _, err := w.ledger.ClaimWork(ctx, "orders", ledger.Lease{Owner: "loader", Until: time.Now().Add(time.Minute)})
	if err != nil || claimed == nil {
		t.Fatal(claimed, err)
	}
	if err := w.ledger.SetAside(ctx, claimed, errors.New("boom")); err != nil {
		t.Fatal(err)
	}
	ref.Part = ids.PartName(0, 2)
	if _, err := w.ledger.PutWork(ctx, ref); err != nil {
		t.Fatal(err)
	}
	w.r.DryRun = true
	if result := w.replay(); len(w.dispatched) != 0 || len(result.Events) != 1 || result.Events[0].Dispatched || result.Events[0].Error != "boom" || time.Since(result.Events[0].Time) > time.Minute {
		t.Errorf("a dry run dispatched %q, result %+v", w.dispatched, result.Events)
	}
	w.r.DryRun = false
	result := w.replay()
	want := []string{`load {"feed":"orders","upload":"u","part":"0000000-000001"}`, `wake {"feed":"orders"}`}
	if !slices.Equal(w.dispatched, want) || len(result.Events) != 1 || !result.Events[0].Dispatched {
		t.Errorf("dispatched %q, result %+v", w.dispatched, result.Events)
	}
	if _, setAside, err := w.ledger.ListWork(ctx, "orders", 10); err != nil || len(setAside) != 0 {
		t.Errorf("set aside %+v, %v", setAside, err)
	}
}

func TestEventsAreKeptUntilDispatched(t *testing.T) {
	w := newFixture(t)
	w.q.bodies["1"] = failed("Orders-Unpack-1", `{"resume":{"feed":"orders","upload":"u"}}`)
	w.fail = errors.New("throttled")
	if _, err := w.r.Do(t.Context()); !errors.Is(err, w.fail) || len(w.q.bodies) != 1 || w.q.hidden["1"] {
		t.Errorf("%v, kept %q", err, w.q.bodies)
	}
	w.fail = nil
	w.r.DryRun = true
	if result := w.replay(); len(w.dispatched) != 0 || len(w.q.bodies) != 1 || len(result.Events) != 1 || result.Events[0].Dispatched {
		t.Errorf("a dry run dispatched %q, result %+v", w.dispatched, result.Events)
	}
	w.r.DryRun, w.r.Since = false, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	if result := w.replay(); len(w.dispatched) != 0 || len(result.Events) != 0 {
		t.Errorf("an old event was dispatched: %q", w.dispatched)
	}
}

// An event of a function that a deployment has replaced is dispatched to the function
// that processes such payloads now. If there is none, it is kept, and the other events
// are dispatched.
func TestEventsOfDeletedFunctions(t *testing.T) {
	w := newFixture(t)
	old, other := failed("Orders-OldLoad-9", `{"feed":"orders","upload":"u","part":"0000000-000001"}`), failed("Orders-OldDiscover-9", `{"source":"aws.events"}`)
	w.q.bodies = map[string]string{"1": old, "2": other, "3": failed("Orders-Unpack-1", `{"resume":{"feed":"orders","upload":"u"}}`)}
	w.r.Function = func(name string) dispatch.Dispatcher {
		return func(context.Context, []byte) error {
			return fmt.Errorf("invoke %s: %w", name, &smithy.GenericAPIError{Code: "ResourceNotFoundException"})
		}
	}
	result := w.replay()
	want := []string{`load {"feed":"orders","upload":"u","part":"0000000-000001"}`, `unpack {"resume":{"feed":"orders","upload":"u"}}`}
	if !slices.Equal(w.dispatched, want) || len(w.q.bodies) != 1 || w.q.bodies["2"] != other || w.q.hidden["2"] {
		t.Errorf("dispatched %q, kept %q, hidden %v", w.dispatched, w.q.bodies, w.q.hidden)
	}
	for _, e := range result.Events {
		if e.Dispatched == (e.Target == "Orders-OldDiscover-9") || e.Dispatched == (e.Problem != "") {
			t.Errorf("%+v", e)
		}
	}
}

// begin creates an upload with two parts, the first of them loaded.
func (w *fixture) begin() ledger.Upload {
	w.t.Helper()
	ctx := w.t.Context()
	u, err := w.ledger.Begin(ctx, ledger.Upload{Upload: ids.New(ids.Upload{Feed: "orders", Bucket: "src", Key: "k", ETag: "e", Time: time.Now()}), Shards: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range 2 {
		p := ledger.Part{Feed: "orders", Upload: u.ID, Name: ids.PartName(0, i), Key: "part" + strconv.Itoa(i), Records: 5, Time: u.Time}
		w.s3.Set("landing", p.Key, nil)
		if _, err := w.ledger.PutPart(ctx, p); err != nil {
			w.t.Fatal(err)
		}
		if i == 0 {
			p.Stored, p.Rejected, p.Reasons = 4, 1, map[string]int64{"item_too_large": 1}
			if err := w.ledger.PartLoaded(ctx, p); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return u
}

func TestStuckUpload(t *testing.T) {
	w := newFixture(t)
	u := w.begin()
	if w.replay(); len(w.dispatched) != 1 || !strings.HasPrefix(w.dispatched[0], "run ") {
		t.Errorf("a new upload: %q", w.dispatched)
	}
	w.r.Stuck = 0
	resumed, landed := `unpack {"resume":{"feed":"orders","upload":"`+u.ID+`"}}`, `load {"feed":"orders","upload":"`+u.ID+`","part":"0000000-000001"}`
	if w.replay(); !slices.Contains(w.dispatched, resumed) || !slices.Contains(w.dispatched, landed) || len(w.dispatched) != 3 {
		t.Errorf("dispatched %q", w.dispatched)
	}
	w.r.Reason = "invalid_json"
	if result := w.replay(); len(w.dispatched) != 0 || len(result.Uploads) != 0 {
		t.Errorf("another reason: %q", w.dispatched)
	}
}

// An upload whose event is dispatched is not dispatched again.
func TestStuckUploadWithEvent(t *testing.T) {
	w := newFixture(t)
	u := w.begin()
	w.r.Upload = &u
	w.q.bodies["1"] = failed("Orders-Unpack-1", string(s3event.Notification(s3event.Object{Bucket: "src", Key: "k", ETag: "e"})))
	result := w.replay()
	var unpacks int
	for _, line := range w.dispatched {
		if strings.HasPrefix(line, "unpack ") {
			unpacks++
		}
	}
	if unpacks != 1 || len(result.Events) != 1 || !result.Uploads[0].Resumed || result.Uploads[0].State != overview.Unpacking {
		t.Errorf("dispatched %q, result %+v", w.dispatched, result)
	}
}

func TestReloadPart(t *testing.T) {
	w := newFixture(t)
	u := w.begin()
	if err := w.ledger.Unpacked(t.Context(), u, ledger.Counts{Records: 10, Parts: 2}, nil, ""); err != nil {
		t.Fatal(err)
	}
	w.r.Upload, w.r.Part = &u, ids.PartName(0, 0)
	for range 2 { // the second time it is not loaded
		result := w.replay()
		if len(w.dispatched) != 1 || w.dispatched[0] != `load {"feed":"orders","upload":"`+u.ID+`","part":"0000000-000000"}` || result.Uploads[0].Quarantined != 0 {
			t.Errorf("dispatched %q, result %+v", w.dispatched, result)
		}
		p, _, err := w.ledger.GetPart(t.Context(), "orders", u.ID, w.r.Part)
		now, _, err2 := w.ledger.GetUpload(t.Context(), "orders", u.ID)
		if err != nil || err2 != nil || p.State != ledger.Landed || p.Stored != 0 || now.Stored != 0 || now.RejectedByLoad != 0 || now.PartsLoaded != 0 || now.State != ledger.Unpacked {
			t.Errorf("part %+v, upload %+v, %v, %v", p, now, err, err2)
		}
	}
}

// A deleted part keeps its state: it could not be loaded again.
func TestReloadDeletedPart(t *testing.T) {
	w := newFixture(t)
	u := w.begin()
	w.s3.Delete("landing", "part0")
	w.r.Upload, w.r.Part = &u, ids.PartName(0, 0)
	result, err := w.r.Do(t.Context())
	p, _, getErr := w.ledger.GetPart(t.Context(), "orders", u.ID, w.r.Part)
	if err == nil || !strings.Contains(err.Error(), "was deleted from the landing bucket, so nothing was changed: s3://landing/part0") ||
		getErr != nil || p.State != ledger.Loaded || p.Stored != 4 || len(w.dispatched) != 0 || len(result.Uploads[0].Parts) != 0 {
		t.Errorf("%v, part %+v, %v, dispatched %q, result %+v", err, p, getErr, w.dispatched, result)
	}
}

// Unpack is invoked until nothing changes, for records that were in quarantine before
// the replay.
func TestQuarantineIsReplayedUntilNothingChanges(t *testing.T) {
	w := newFixture(t)
	u := w.begin()
	if err := w.ledger.Unpacked(t.Context(), u, ledger.Counts{Records: 10, Parts: 2}, nil, ""); err != nil {
		t.Fatal(err)
	}
	var requests []ids.Replay
	w.r.Run = func(ctx context.Context, payload []byte) error {
		var request ids.Replay
		if err := json.Unmarshal(payload, &request); err != nil {
			return err
		}
		if requests = append(requests, request); len(requests) > 2 {
			return nil
		}
		now, _, err := w.ledger.GetUpload(ctx, "orders", u.ID)
		if err != nil {
			return err
		}
		step := ledger.Replay{Feed: "orders", Upload: u.ID, Number: now.Replays + 1, Group: ids.PartName(0, 0), Taken: 1, Kept: 1}
		if len(requests) == 2 {
			step.Kept, step.Reasons = 0, map[string]int64{"item_too_large": -1}
		}
		return w.ledger.CommitReplay(ctx, now, step)
	}
	result := w.replay()
	if len(requests) != 3 || requests[0].Replay.Upload != u.ID || requests[0] != requests[2] || time.Since(requests[0].Replay.Before) > time.Minute {
		t.Errorf("requests %+v", requests)
	}
	if done := result.Uploads[0]; done.Tried != 1 || done.Recovered != 1 || done.Quarantined != 0 || len(done.Reasons) != 0 {
		t.Errorf("%+v", done)
	}
}
