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

// world has queues whose messages are a function of the time that has passed.
type world struct {
	h        *drain.Handler
	start    time.Time
	now      time.Time
	messages func(url string, passed time.Duration) (waiting, underWay int)
	// bodies can be received; moved are those that were sent and deleted.
	bodies, moved []string
	err           error
	sendErr       error
	mu            sync.Mutex
	looks         int
	// invocation is how long one may last.
	invocation time.Duration
	answers    []*cfn.Response
	again      []drain.Request
}

func (w *world) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	w.looks++
	if w.err != nil {
		return nil, w.err
	}
	waiting, underWay := w.messages(*in.QueueUrl, w.now.Sub(w.start))
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(waiting),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(underWay),
		"ApproximateNumberOfMessagesDelayed":    "0",
	}}, nil
}

func (w *world) ReceiveMessage(_ context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	n := min(len(w.bodies), int(in.MaxNumberOfMessages))
	var out sqs.ReceiveMessageOutput
	for _, body := range w.bodies[:n] {
		out.Messages = append(out.Messages, types.Message{Body: &body, ReceiptHandle: &body})
	}
	w.bodies = w.bodies[n:]
	return &out, nil
}

func (w *world) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	if *in.QueueUrl != "failures" {
		return nil, errors.New("sent to " + *in.QueueUrl)
	}
	return &sqs.SendMessageOutput{}, w.sendErr
}

func (w *world) DeleteMessage(_ context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moved = append(w.moved, *in.ReceiptHandle)
	return &sqs.DeleteMessageOutput{}, nil
}

func newWorld(messages func(string, time.Duration) (int, int)) *world {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	w := &world{start: start, now: start, messages: messages, invocation: 14 * time.Minute}
	w.h = &drain.Handler{
		Every: drain.Every,
		SQS:   w, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
		Again:  func(_ context.Context, r drain.Request) error { w.again = append(w.again, r); return nil },
		Answer: func(_ context.Context, r *cfn.Response, _ string) error { w.answers = append(w.answers, r); return nil },
		Wait:   func(_ context.Context, d time.Duration) error { w.now = w.now.Add(d); return nil },
		TimeUp: func(context.Context) func() bool {
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

// run invokes the function until CloudFormation is answered, once, and returns
// the answer and how many invocations it took.
func (w *world) run(t *testing.T, r drain.Request) (*cfn.Response, int) {
	t.Helper()
	w.again = []drain.Request{r}
	invocations := 0
	for len(w.again) > 0 {
		// As it comes to the next invocation.
		payload, err := json.Marshal(w.again[0])
		if err != nil {
			t.Fatal(err)
		}
		var next drain.Request
		if err := json.Unmarshal(payload, &next); err != nil || !reflect.DeepEqual(next, w.again[0]) {
			t.Fatalf("%+v became %+v, %v", w.again[0], next, err)
		}
		w.again = nil
		invocations++
		if err := w.h.Handle(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if len(w.answers)+len(w.again) != 1 {
			t.Fatalf("%d answers, handed on %d times", len(w.answers), len(w.again))
		}
	}
	return w.answers[0], invocations
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
		"numbers that are approximate": {
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
		"for ever": {
			messages: func(string, time.Duration) (int, int) { return 2, 1 },
			at:       55 * time.Minute, invocations: 4,
			reason: "after 55 minutes there are still messages: 3 in unpack, 1 of them under way; 3 in load, 1 of them under way. CloudFormation tries this again",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(test.messages)
			answer, invocations := w.run(t, request(cfn.RequestDelete, "unpack", "load"))
			if passed := w.now.Sub(w.start); passed != test.at || invocations != test.invocations {
				t.Errorf("answered after %v and %d invocations, want %v and %d", passed, invocations, test.at, test.invocations)
			}
			if (answer.Status == cfn.StatusFailed) != (test.reason != "") || !strings.HasPrefix(answer.Reason, test.reason) {
				t.Errorf("answer %s, %q", answer.Status, answer.Reason)
			}
			if answer.PhysicalResourceID != "p" || answer.RequestID != "r" || answer.StackID != "s" || answer.LogicalResourceID != "l" {
				t.Errorf("answer %+v", answer)
			}
		})
	}
}

// What is not taken in time is moved, and then the queues are empty.
func TestDeleteMoves(t *testing.T) {
	const n = 25
	var w *world
	w = newWorld(func(url string, _ time.Duration) (int, int) {
		if url == "load" {
			return 0, 0
		}
		return n - len(w.moved), 0
	})
	for i := range n {
		w.bodies = append(w.bodies, strconv.Itoa(i))
	}
	answer, _ := w.run(t, request(cfn.RequestDelete, "unpack", "load"))
	if passed := w.now.Sub(w.start); answer.Status != cfn.StatusSuccess || passed < 45*time.Minute || passed > 48*time.Minute || len(w.moved) != n {
		t.Errorf("answer %+v after %v, moved %v", answer, passed, w.moved)
	}

	w = newWorld(func(string, time.Duration) (int, int) { return 1, 0 })
	w.bodies, w.sendErr = []string{"a"}, errors.New("broken")
	if answer, _ := w.run(t, request(cfn.RequestDelete, "unpack")); answer.Status != cfn.StatusFailed || !strings.HasSuffix(answer.Reason, "of queue unpack to queue failures: broken") || len(w.moved) != 0 {
		t.Errorf("answer %+v, deleted %v", answer, w.moved)
	}
}

// Other queues are another resource: the old ones are drained.
func TestOthersDoNotWait(t *testing.T) {
	w := newWorld(nil)
	ids := map[string]string{}
	for _, r := range []struct {
		kind cfn.RequestType
		url  string
	}{{cfn.RequestCreate, "a"}, {cfn.RequestUpdate, "a"}, {cfn.RequestUpdate, "b"}} {
		w.answers = nil
		req := request(r.kind, r.url)
		if r.kind == cfn.RequestCreate {
			req.PhysicalResourceID = ""
		}
		answer, _ := w.run(t, req)
		if answer.Status != cfn.StatusSuccess || answer.PhysicalResourceID == "" || w.looks > 0 {
			t.Errorf("%+v: answer %+v after %d looks", r, answer, w.looks)
		}
		if known := ids[r.url]; known != "" && known != answer.PhysicalResourceID {
			t.Errorf("%+v: ID %s, was %s", r, answer.PhysicalResourceID, known)
		}
		ids[r.url] = answer.PhysicalResourceID
	}
	if ids["a"] == ids["b"] {
		t.Errorf("IDs %v", ids)
	}
}

func TestFailures(t *testing.T) {
	w := newWorld(nil)
	w.err = errors.New("broken")
	if answer, _ := w.run(t, request(cfn.RequestDelete, "q")); answer.Status != cfn.StatusFailed || answer.Reason != "look at queue q: broken" {
		t.Errorf("answer %+v", answer)
	}
	w.answers, w.err = nil, &types.QueueDoesNotExist{}
	if answer, _ := w.run(t, request(cfn.RequestDelete, "q")); answer.Status != cfn.StatusSuccess {
		t.Errorf("of a queue that is gone: %+v", answer)
	}
	w.answers = nil
	if answer, _ := w.run(t, request(cfn.RequestDelete)); answer.Status != cfn.StatusFailed || !strings.Contains(answer.Reason, "QueueUrls or FailureQueueUrl is empty") {
		t.Errorf("without queues: %+v", answer)
	}
	w.answers, w.err = nil, nil
	w.messages = func(string, time.Duration) (int, int) { return 1, 0 }
	w.h.Again = func(context.Context, drain.Request) error { return errors.New("no way") }
	if err := w.h.Handle(t.Context(), request(cfn.RequestDelete, "q")); err != nil {
		t.Fatal(err)
	}
	if answer := w.answers[0]; answer.Status != cfn.StatusFailed || answer.Reason != "hand the waiting on: no way" {
		t.Errorf("answer %+v", answer)
	}
	w.h.Answer = func(context.Context, *cfn.Response, string) error { return errors.New("no line") }
	if err := w.h.Handle(t.Context(), request(cfn.RequestCreate, "q")); err == nil || !strings.Contains(err.Error(), "answer CloudFormation: no line") {
		t.Errorf("error %v", err)
	}
}

func TestSend(t *testing.T) {
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
	if err := drain.Send(t.Context(), r, server.URL); err != nil {
		t.Fatal(err)
	}
	const want = `PUT  {"Status":"SUCCESS","RequestId":"r","LogicalResourceId":"l","StackId":"s","PhysicalResourceId":"p"}`
	if got != want {
		t.Errorf("sent %s", got)
	}
	status = http.StatusForbidden
	if err := drain.Send(t.Context(), r, server.URL); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("error %v", err)
	}
}
