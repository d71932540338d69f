package drain_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"example.com/ingestion/internal/functions/drain"
)

// fixture has queues whose message counts are a function of the time that has passed.
type fixture struct {
	h        *drain.Handler
	start    time.Time
	now      time.Time
	messages func(url string, passed time.Duration) (visible, inFlight int)
	// bodies can be received; moved were sent and deleted.
	bodies, moved []string
	err           error
	sendErr       error
	mu            sync.Mutex
	checks        int
	// invocation is how long an invocation may take.
	invocation time.Duration
	responses  []*cfn.Response
	continued  []drain.Request
}

func (w *fixture) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	w.checks++
	if w.err != nil {
		return nil, w.err
	}
	visible, inFlight := w.messages(*in.QueueUrl, w.now.Sub(w.start))
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(inFlight),
		"ApproximateNumberOfMessagesDelayed":    "0",
	}}, nil
}

func (w *fixture) ReceiveMessage(_ context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	n := min(len(w.bodies), int(in.MaxNumberOfMessages))
	var out sqs.ReceiveMessageOutput
	for _, body := range w.bodies[:n] {
		out.Messages = append(out.Messages, types.Message{Body: &body, ReceiptHandle: &body})
	}
	w.bodies = w.bodies[n:]
	return &out, nil
}

func (w *fixture) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	if *in.QueueUrl != "failures" {
		return nil, errors.New("sent to " + *in.QueueUrl)
	}
	return &sqs.SendMessageOutput{}, w.sendErr
}

func (w *fixture) DeleteMessage(_ context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moved = append(w.moved, *in.ReceiptHandle)
	return &sqs.DeleteMessageOutput{}, nil
}

func newFixture(messages func(string, time.Duration) (int, int)) *fixture {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	w := &fixture{start: start, now: start, messages: messages, invocation: 14 * time.Minute}
	w.h = &drain.Handler{
		Interval: drain.Interval,
		SQS:      w, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
		Continue: func(_ context.Context, r drain.Request) error { w.continued = append(w.continued, r); return nil },
		Respond: func(_ context.Context, r *cfn.Response, _ string) error {
			w.responses = append(w.responses, r)
			return nil
		},
		Wait: func(_ context.Context, d time.Duration) error { w.now = w.now.Add(d); return nil },
		NearDeadline: func(context.Context) func() bool {
			end := w.now.Add(w.invocation)
			return func() bool { return w.now.After(end) }
		},
	}
	return w
}

func request(kind cfn.RequestType, urls ...any) drain.Request {
	return drain.Request{Event: cfn.Event{
		RequestType: kind, RequestID: "r", StackID: "s", LogicalResourceID: "l", PhysicalResourceID: "p",
		ResourceProperties: map[string]any{"QueueUrls": append([]any{}, urls...), "FailureQueueUrl": "failures"},
	}}
}

// run invokes the function and its continuations until it responds, once, and
// returns the response and the number of invocations.
func (w *fixture) run(t *testing.T, r drain.Request) (*cfn.Response, int) {
	t.Helper()
	w.continued = []drain.Request{r}
	invocations := 0
	for len(w.continued) > 0 {
		// The payload of the next invocation.
		payload, err := json.Marshal(w.continued[0])
		if err != nil {
			t.Fatal(err)
		}
		var next drain.Request
		if err := json.Unmarshal(payload, &next); err != nil || !reflect.DeepEqual(next, w.continued[0]) {
			t.Fatalf("%+v became %+v, %v", w.continued[0], next, err)
		}
		w.continued = nil
		invocations++
		if err := w.h.Handle(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if len(w.responses)+len(w.continued) != 1 {
			t.Fatalf("%d responses, %d continuations", len(w.responses), len(w.continued))
		}
	}
	return w.responses[0], invocations
}

func TestDeleteWaits(t *testing.T) {
	tests := map[string]struct {
		messages    func(url string, passed time.Duration) (int, int)
		at          time.Duration
		invocations int
		reason      string // of a failure
	}{
		"empty queues": {
			messages: func(string, time.Duration) (int, int) { return 0, 0 },
			at:       90 * time.Second, invocations: 1,
		},
		"one of two": {
			messages: func(url string, passed time.Duration) (int, int) {
				if url == "load" && passed < 5*time.Minute {
					return 0, 1
				}
				return 0, 0
			},
			at: 6*time.Minute + 30*time.Second, invocations: 1,
		},
		"approximate counts": {
			messages: func(_ string, passed time.Duration) (int, int) {
				if passed == 75*time.Second {
					return 1, 0
				}
				return 0, 0
			},
			at: 3 * time.Minute, invocations: 1,
		},
		"longer than an invocation": {
			messages: func(_ string, passed time.Duration) (int, int) {
				if passed < 40*time.Minute {
					return 3, 1
				}
				return 0, 0
			},
			at: 41*time.Minute + 30*time.Second, invocations: 3,
		},
		"never empty": {
			messages: func(string, time.Duration) (int, int) { return 2, 1 },
			at:       55 * time.Minute, invocations: 4,
			reason: "after 55 minutes there are still messages: 3 in unpack, 1 of them in flight; 3 in load, 1 of them in flight. CloudFormation retries the deletion",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newFixture(test.messages)
			response, invocations := w.run(t, request(cfn.RequestDelete, "unpack", "load"))
			if passed := w.now.Sub(w.start); passed != test.at || invocations != test.invocations {
				t.Errorf("responded after %v and %d invocations, want %v and %d", passed, invocations, test.at, test.invocations)
			}
			if (response.Status == cfn.StatusFailed) != (test.reason != "") || !strings.HasPrefix(response.Reason, test.reason) {
				t.Errorf("response %s, %q", response.Status, response.Reason)
			}
			if response.PhysicalResourceID != "p" || response.RequestID != "r" || response.StackID != "s" || response.LogicalResourceID != "l" {
				t.Errorf("response %+v", response)
			}
		})
	}
}

// Messages that are not processed in time are moved, and then the queues are empty.
func TestDeleteMoves(t *testing.T) {
	const n = 25
	var w *fixture
	w = newFixture(func(url string, _ time.Duration) (int, int) {
		if url == "load" {
			return 0, 0
		}
		return n - len(w.moved), 0
	})
	for i := range n {
		w.bodies = append(w.bodies, strconv.Itoa(i))
	}
	response, _ := w.run(t, request(cfn.RequestDelete, "unpack", "load"))
	if passed := w.now.Sub(w.start); response.Status != cfn.StatusSuccess || passed < 45*time.Minute || passed > 48*time.Minute || len(w.moved) != n {
		t.Errorf("response %+v after %v, moved %v", response, passed, w.moved)
	}

	w = newFixture(func(string, time.Duration) (int, int) { return 1, 0 })
	w.bodies, w.sendErr = []string{"a"}, errors.New("broken")
	if response, _ := w.run(t, request(cfn.RequestDelete, "unpack")); response.Status != cfn.StatusFailed || !strings.HasSuffix(response.Reason, "of queue unpack to queue failures: broken") || len(w.moved) != 0 {
		t.Errorf("response %+v, deleted %v", response, w.moved)
	}
}

// Only a deletion drains. Other queues make another resource: CloudFormation then
// deletes the old one.
func TestCreateAndUpdateDoNotDrain(t *testing.T) {
	w := newFixture(nil)
	ids := map[string]string{}
	for _, r := range []struct {
		kind cfn.RequestType
		url  string
	}{{cfn.RequestCreate, "a"}, {cfn.RequestUpdate, "a"}, {cfn.RequestUpdate, "b"}} {
		w.responses = nil
		req := request(r.kind, r.url)
		if r.kind == cfn.RequestCreate {
			req.PhysicalResourceID = ""
		}
		response, _ := w.run(t, req)
		if response.Status != cfn.StatusSuccess || response.PhysicalResourceID == "" || w.checks > 0 {
			t.Errorf("%+v: response %+v after %d checks", r, response, w.checks)
		}
		if known := ids[r.url]; known != "" && known != response.PhysicalResourceID {
			t.Errorf("%+v: ID %s, was %s", r, response.PhysicalResourceID, known)
		}
		ids[r.url] = response.PhysicalResourceID
	}
	if ids["a"] == ids["b"] {
		t.Errorf("IDs %v", ids)
	}
}

func TestFailures(t *testing.T) {
	w := newFixture(nil)
	w.err = errors.New("broken")
	if response, _ := w.run(t, request(cfn.RequestDelete, "q")); response.Status != cfn.StatusFailed || response.Reason != "count messages of queue q: broken" {
		t.Errorf("response %+v", response)
	}
	w.responses, w.err = nil, &types.QueueDoesNotExist{}
	if response, _ := w.run(t, request(cfn.RequestDelete, "q")); response.Status != cfn.StatusSuccess {
		t.Errorf("of a queue that was deleted: %+v", response)
	}
	w.responses = nil
	if response, _ := w.run(t, request(cfn.RequestDelete)); response.Status != cfn.StatusFailed || !strings.Contains(response.Reason, "QueueUrls or FailureQueueUrl is empty") {
		t.Errorf("without queues: %+v", response)
	}
	w.responses, w.err = nil, nil
	w.messages = func(string, time.Duration) (int, int) { return 1, 0 }
	w.h.Continue = func(context.Context, drain.Request) error { return errors.New("throttled") }
	if err := w.h.Handle(t.Context(), request(cfn.RequestDelete, "q")); err != nil {
		t.Fatal(err)
	}
	if response := w.responses[0]; response.Status != cfn.StatusFailed || response.Reason != "dispatch the continuation: throttled" {
		t.Errorf("response %+v", response)
	}
	w.h.Respond = func(context.Context, *cfn.Response, string) error { return errors.New("no connection") }
	if err := w.h.Handle(t.Context(), request(cfn.RequestCreate, "q")); err == nil || !strings.Contains(err.Error(), "respond to CloudFormation: no connection") {
		t.Errorf("error %v", err)
	}
}

func TestRespond(t *testing.T) {
	status, got := http.StatusOK, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = r.Method + " " + r.Header.Get("Content-Type") + " " + string(body)
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	r := cfn.NewResponse(&cfn.Event{RequestID: "r", StackID: "s", LogicalResourceID: "l"})
	r.Status, r.PhysicalResourceID = cfn.StatusSuccess, "p"
	if err := drain.Respond(t.Context(), r, server.URL); err != nil {
		t.Fatal(err)
	}
	const want = `PUT  {"Status":"SUCCESS","RequestId":"r","LogicalResourceId":"l","StackId":"s","PhysicalResourceId":"p"}`
	if got != want {
		t.Errorf("sent %s", got)
	}
	status = http.StatusForbidden
	if err := drain.Respond(t.Context(), r, server.URL); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("error %v", err)
	}
}
