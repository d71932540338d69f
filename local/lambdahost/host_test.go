package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func invoke(t *testing.T, h *Host, payload string) (Result, output) {
	t.Helper()
	res, err := h.Invoke(t.Context(), "f", []byte(payload))
	if err != nil {
		t.Fatalf("invoke %s: %v", payload, err)
	}
	var r output
	if res.FunctionError == "" {
		if err := json.Unmarshal(res.Payload, &r); err != nil {
			t.Fatalf("response %s: %v", res.Payload, err)
		}
	}
	return res, r
}

func idle(t *testing.T, h *Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := h.Idle(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestInvokeSetsEnvironmentAndContext(t *testing.T) {
	h, _ := newHost(t, Options{})
	for name, want := range map[string]string{
		"COLOUR":                          "green",
		"AWS_LAMBDA_FUNCTION_NAME":        "f",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/f",
		"_HANDLER":                        "bootstrap",
		"AWS_REGION":                      "us-east-1",
		"GOMEMLIMIT":                      "",
		"HOME":                            "",
	} {
		res, r := invoke(t, h, `{"do":"env","name":"`+name+`"}`)
		if r.Value != want {
			t.Errorf("%s = %q, want %q", name, r.Value, want)
		}
		if r.RequestID != res.RequestID || r.RequestID == "" {
			t.Errorf("request ID %q, want %q", r.RequestID, res.RequestID)
		}
		if want := "arn:aws:lambda:us-east-1:123456789012:function:f"; r.ARN != want {
			t.Errorf("ARN %q, want %q", r.ARN, want)
		}
		if r.LeftMS < 4000 || r.LeftMS > 5000 {
			t.Errorf("%d ms left, want nearly 5000", r.LeftMS)
		}
	}
}

func TestFailures(t *testing.T) {
	h, c := newHost(t, Options{})
	c.change(func(f *function) { f.Timeout = time.Second })
	for _, tc := range []struct{ payload, kind, message string }{
		{`{"do":"fail"}`, "errorString", "as requested"},
		{`{"do":"exit"}`, "Runtime.ExitError", "exit status 7"},
		{`{"do":"sleep","millis":5000}`, "Sandbox.Timedout", "Task timed out after 1.00 seconds"},
	} {
		res, _ := invoke(t, h, tc.payload)
		if res.FunctionError != "Unhandled" {
			t.Errorf("%s: function error %q, want Unhandled", tc.payload, res.FunctionError)
		}
		var e struct{ ErrorType, ErrorMessage string }
		if err := json.Unmarshal(res.Payload, &e); err != nil {
			t.Fatal(err)
		}
		if e.ErrorType != tc.kind || !strings.Contains(e.ErrorMessage, tc.message) {
			t.Errorf("%s: %s, want %s: %s", tc.payload, res.Payload, tc.kind, tc.message)
		}
		if _, r := invoke(t, h, `{"do":"echo"}`); r.PID == 0 {
			t.Errorf("%s: the next invocation does not run", tc.payload)
		}
	}
}

func TestFunctionThatCannotBeStarted(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*function)
		want string
	}{
		"architecture": {func(f *function) { f.Architecture = otherArchitecture() }, "this machine runs " + Architecture() + " only: deploy with `make local-deploy`"},
		"runtime":      {func(f *function) { f.Runtime = "python3.13" }, `does not support the runtime \"python3.13\"`},
		"hash":         {func(f *function) { f.CodeSHA256 = strings.Repeat("A", 43) + "=" }, "its package is not CodeSha256"},
		"start":        {func(f *function) { f.Environment[asFunction] = "crash" }, "exit status 3"},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := newHost(t, Options{})
			c.change(tc.edit)
			res, _ := invoke(t, h, `{}`)
			if res.FunctionError == "" || !strings.Contains(string(res.Payload), tc.want) {
				t.Errorf("%s, want %s", res.Payload, tc.want)
			}
		})
	}
}

func otherArchitecture() string {
	if Architecture() == "arm64" {
		return "x86_64"
	}
	return "arm64"
}

func TestConcurrencyIsLimited(t *testing.T) {
	h, _ := newHost(t, Options{Concurrency: 2})
	var (
		mu   sync.Mutex
		pids = map[int]int{}
		wg   sync.WaitGroup
	)
	for range 6 {
		wg.Go(func() {
			res, err := h.Invoke(t.Context(), "f", []byte(`{"do":"sleep","millis":100}`))
			var r output
			if err == nil {
				err = json.Unmarshal(res.Payload, &r)
			}
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			pids[r.PID]++
		})
	}
	wg.Wait()
	if len(pids) != 2 {
		t.Errorf("invocations by process %v, want two processes", pids)
	}
}

func TestAsyncRetriesThenSendsToDestination(t *testing.T) {
	const queue = "arn:aws:sqs:us-east-1:123456789012:failures"
	for _, tc := range []struct {
		failures, retries, invocations int
		sent                           bool
	}{
		{failures: 0, retries: 2, invocations: 1},
		{failures: 2, retries: 2, invocations: 3},
		{failures: 3, retries: 2, invocations: 3, sent: true},
		{failures: 1, retries: 0, invocations: 1, sent: true},
	} {
		h, c := newHost(t, Options{})
		c.config = invokeConfig{retries: tc.retries, maxAge: time.Hour, onFailure: queue}
		h.FailNext("f", tc.failures)
		id, err := h.InvokeAsync(t.Context(), "arn:aws:lambda:us-east-1:123456789012:function:f", []byte(`{"do":"echo"}`))
		if err != nil {
			t.Fatal(err)
		}
		idle(t, h)
		if got := h.Stats()["f"].Invocations; got != tc.invocations {
			t.Errorf("%+v: %d invocations", tc, got)
		}
		sent := c.deliveries()
		if !tc.sent {
			if len(sent) != 0 {
				t.Errorf("%+v: sent %v", tc, sent)
			}
			continue
		}
		if len(sent) != 1 {
			t.Fatalf("%+v: sent %v, want one record", tc, sent)
		}
		destination, record, _ := strings.Cut(sent[0], " ")
		var r failureRecord
		if err := json.Unmarshal([]byte(record), &r); err != nil {
			t.Fatal(err)
		}
		if destination != queue || r.RequestContext.RequestID != id || r.RequestContext.Condition != "RetriesExhausted" ||
			r.RequestContext.ApproximateInvokeCount != tc.invocations || string(r.RequestPayload) != `{"do":"echo"}` ||
			!strings.Contains(string(r.ResponsePayload), "Local.InjectedFault") {
			t.Errorf("%+v: sent %s", tc, sent[0])
		}
	}
}

// The function sees one request ID in all attempts of an event, which are its leases'.
func TestRetriesHaveTheRequestIDOfTheEvent(t *testing.T) {
	h, c := newHost(t, Options{})
	c.config = invokeConfig{retries: 2, maxAge: time.Hour}
	path := filepath.Join(t.TempDir(), "ids")
	id, err := h.InvokeAsync(t.Context(), "f", fmt.Appendf(nil, `{"do":"record","name":%q}`, path))
	if err != nil {
		t.Fatal(err)
	}
	idle(t, h)
	seen, err := os.ReadFile(path)
	if want := strings.Repeat(id+"\n", 3); err != nil || string(seen) != want {
		t.Errorf("the attempts had the request IDs %q, want %q, error %v", seen, want, err)
	}
}

func TestAsyncEventIsNotRetriedAfterMaximumAge(t *testing.T) {
	h, c := newHost(t, Options{RetryDelay: time.Minute})
	c.config = invokeConfig{retries: 2, maxAge: time.Second, onFailure: "arn:aws:sns:us-east-1:123456789012:failures"}
	if _, err := h.InvokeAsync(t.Context(), "f", []byte(`{"do":"fail"}`)); err != nil {
		t.Fatal(err)
	}
	idle(t, h)
	if sent := c.deliveries(); len(sent) != 1 || !strings.Contains(sent[0], "EventAgeExceeded") {
		t.Errorf("sent %v", sent)
	}
}

// TestWaitingEventExceedsItsMaximumAge has events wait for longer than the six hours
// that they may, by the clock of the host.
func TestWaitingEventExceedsItsMaximumAge(t *testing.T) {
	h, c := newHost(t, Options{})
	c.config = invokeConfig{retries: 2, maxAge: 6 * time.Hour, onFailure: "arn:aws:sns:us-east-1:123456789012:failures"}
	h.Pause()
	if _, err := h.InvokeAsync(t.Context(), "f", []byte(`{"do":"echo"}`)); err != nil {
		t.Fatal(err)
	}
	h.Advance(7 * time.Hour)
	if _, err := h.InvokeAsync(t.Context(), "f", []byte(`{"do":"echo"}`)); err != nil {
		t.Fatal(err)
	}
	h.Resume()
	idle(t, h)
	if sent := c.deliveries(); len(sent) != 1 || !strings.Contains(sent[0], "EventAgeExceeded") || !strings.Contains(sent[0], `"approximateInvokeCount":0`) {
		t.Errorf("sent %v, want the event that waited", sent)
	}
	if n := h.Stats()["f"].Invocations; n != 1 {
		t.Errorf("%d invocations, want that of the newer event", n)
	}
}

func TestLoseNextRetriesTheInvocation(t *testing.T) {
	h, _ := newHost(t, Options{})
	h.LoseNext("f", 1)
	if _, err := h.InvokeAsync(t.Context(), "f", []byte(`{"do":"echo"}`)); err != nil {
		t.Fatal(err)
	}
	idle(t, h)
	// The output of the function is read from a pipe, possibly after its response.
	var log []byte
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var err error
		if log, err = os.ReadFile(h.LogFile("f")); err != nil {
			t.Fatal(err)
		}
		n := strings.Count(string(log), "handling echo")
		if n == 2 {
			break
		}
		if n > 2 || time.Now().After(deadline) {
			t.Fatalf("the function ran %d times, want 2:\n%s", n, log)
		}
	}
	for _, want := range []string{"START RequestId: ", "END RequestId: ", "Billed Duration: ", "Memory Size: 256 MB", "Init Duration: "} {
		if !strings.Contains(string(log), want) {
			t.Errorf("log lacks %q:\n%s", want, log)
		}
	}
}

func TestPauseDelaysEvents(t *testing.T) {
	h, _ := newHost(t, Options{})
	h.Pause()
	h.Pause()
	if _, err := h.InvokeAsync(t.Context(), "f", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := h.Idle(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("idle while paused: %v, want a deadline exceeded", err)
	}
	if n := h.Stats()["f"].Invocations; n != 0 {
		t.Errorf("%d invocations while paused", n)
	}
	h.Resume()
	idle(t, h)
	if n := h.Stats()["f"].Invocations; n != 1 {
		t.Errorf("%d invocations after resume, want 1", n)
	}
}

func TestThrottling(t *testing.T) {
	h, c := newHost(t, Options{})
	c.config.retries = 0
	h.ThrottleNext("f", 1)
	if _, err := h.Invoke(t.Context(), "f", []byte(`{}`)); !errors.Is(err, ErrThrottled) {
		t.Errorf("synchronous: %v, want throttled", err)
	}
	h.ThrottleNext("f", 3)
	if _, err := h.InvokeAsync(t.Context(), "f", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	idle(t, h)
	if s := h.Stats()["f"]; s.Invocations != 1 || s.Errors != 0 {
		t.Errorf("asynchronous: %+v, want one successful invocation", s)
	}
}

func TestInvokeAPI(t *testing.T) {
	h, _ := newHost(t, Options{})
	for _, tc := range []struct {
		name, kind, body string
		status           int
		header, value    string
	}{
		{"f", "", `{"do":"echo"}`, 200, "X-Amz-Executed-Version", "$LATEST"},
		{"arn:aws:lambda:us-east-1:123456789012:function:f", "RequestResponse", `{"do":"fail"}`, 200, "X-Amz-Function-Error", "Unhandled"},
		{"f", "Event", ``, 202, "X-Amz-Function-Error", ""},
		{"f", "DryRun", `{}`, 204, "X-Amz-Function-Error", ""},
		{"none", "Event", `{}`, 404, "X-Amzn-Errortype", "ResourceNotFoundException"},
		{"none", "", `{}`, 404, "X-Amzn-Errortype", "ResourceNotFoundException"},
		{"f", "Event", `"` + strings.Repeat("x", maxAsyncPayload) + `"`, 413, "X-Amzn-Errortype", "RequestTooLargeException"},
		{"f", "", `"` + strings.Repeat("x", maxSyncPayload) + `"`, 413, "X-Amzn-Errortype", "RequestTooLargeException"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL()+"/2015-03-31/functions/"+tc.name+"/invocations", strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Amz-Invocation-Type", tc.kind)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != tc.status || resp.Header.Get(tc.header) != tc.value {
			t.Errorf("%s %s: %s, %s %q (%s), want %d, %q", tc.name, tc.kind, resp.Status, tc.header, resp.Header.Get(tc.header), body, tc.status, tc.value)
		}
	}
	idle(t, h)
}
