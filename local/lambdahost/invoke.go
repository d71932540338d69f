package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"example.com/ingestion/internal/retry"
)

// Errors of Invoke and InvokeAsync; the HTTP API converts them to the status codes
// of Lambda.
var (
	// ErrThrottled is returned for a synchronous invocation that ThrottleNext throttled.
	ErrThrottled = errors.New("rate exceeded")
	// ErrTooLarge is returned for a payload above Lambda's limit.
	ErrTooLarge = errors.New("request payload too large")
)

// Invoke runs a function, by name or ARN, and waits for its result. A function
// that fails is not an error: see Result.FunctionError.
func (h *Host) Invoke(ctx context.Context, function string, payload []byte) (Result, error) {
	if len(payload) > maxSyncPayload {
		return Result{}, fmt.Errorf("%w: %d bytes, the limit is %d for a synchronous invocation", ErrTooLarge, len(payload), maxSyncPayload)
	}
	name := functionName(function)
	if h.faults.take(faultThrottle, name) {
		return Result{}, fmt.Errorf("function %s: %w", name, ErrThrottled)
	}
	defer h.inFlight.start(name)()
	return h.attempt(ctx, name, newRequestID(), payload)
}

// InvokeAsync queues an event for a function, by name or ARN, and returns its
// request ID at once.
func (h *Host) InvokeAsync(ctx context.Context, function string, payload []byte) (string, error) {
	if len(payload) > maxAsyncPayload {
		return "", fmt.Errorf("%w: %d bytes, the limit is %d for an asynchronous invocation", ErrTooLarge, len(payload), maxAsyncPayload)
	}
	c, err := h.connected()
	if err != nil {
		return "", err
	}
	name := functionName(function)
	if _, err := c.function(ctx, name); err != nil {
		return "", err
	}
	if h.base.Err() != nil {
		return "", errors.New("lambda host: closed")
	}
	e := event{id: newRequestID(), function: name, payload: payload, received: time.Now(), ahead: h.clockAhead()}
	end := h.inFlight.start(name)
	h.jobs.Go(func() {
		defer end()
		if err := h.deliver(h.base, c, e); err != nil && h.base.Err() == nil {
			h.log.printf("event %s for %s is lost: %v", e.id, name, err)
		}
	})
	return e.id, nil
}

// attempt runs a function once with its current configuration.
func (h *Host) attempt(ctx context.Context, name, requestID string, payload []byte) (Result, error) {
	c, err := h.connected()
	if err != nil {
		return Result{}, err
	}
	f, err := c.function(ctx, name)
	if err != nil {
		return Result{}, err
	}
	p, err := h.poolOf(name)
	if err != nil {
		return Result{}, err
	}
	return p.run(ctx, f, requestID, payload)
}

// event is an asynchronous invocation.
type event struct {
	id       string
	function string
	payload  []byte
	received time.Time
	ahead    time.Duration // Host.ahead when it was received
}

// minMaxAge is the shortest maximum age of events that Lambda allows.
const minMaxAge = time.Minute

// deliver invokes the function of an event as Lambda does: it retries a failure
// with a delay, and sends an event that failed every time to the destination.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func (h *Host) deliver(ctx context.Context, c awsClient, e event) error {
	attempts := 0
	for {
		if err := h.waitWhilePaused(ctx); err != nil {
			return err
		}
		throttled := h.faults.take(faultThrottle, e.function)
		if h.age(e) > minMaxAge { // throttled and paused events age as well
			cfg, err := c.invokeConfig(ctx, e.function)
			if err != nil {
				return err
			}
			if h.age(e) > cfg.maxAge {
				return h.sendFailure(ctx, c, cfg, e, Result{}, "EventAgeExceeded", attempts)
			}
		}
		if throttled {
			if err := retry.Wait(ctx, h.options.RetryDelay); err != nil {
				return err
			}
			continue
		}
		res, err := h.attempt(ctx, e.function, e.id, e.payload)
		if err != nil {
			return err
		}
		attempts++
		if res.FunctionError == "" {
			return nil
		}
		cfg, err := c.invokeConfig(ctx, e.function)
		if err != nil {
			return err
		}
		delay := h.options.RetryDelay << (attempts - 1)
		switch {
		case attempts > cfg.retries:
			return h.sendFailure(ctx, c, cfg, e, res, "RetriesExhausted", attempts)
		case h.age(e)+delay > cfg.maxAge:
			return h.sendFailure(ctx, c, cfg, e, res, "EventAgeExceeded", attempts)
		}
		if err := retry.Wait(ctx, delay); err != nil {
			return err
		}
	}
}

// failureRecord is the record that a destination receives.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
type failureRecord struct {
	Version         string          `json:"version"`
	Timestamp       string          `json:"timestamp"`
	RequestContext  requestContext  `json:"requestContext"`
	RequestPayload  json.RawMessage `json:"requestPayload"`
	ResponseContext responseContext `json:"responseContext"`
	ResponsePayload json.RawMessage `json:"responsePayload"`
}

type requestContext struct {
	RequestID              string `json:"requestId"`
	FunctionARN            string `json:"functionArn"`
	Condition              string `json:"condition"`
	ApproximateInvokeCount int    `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError"`
}

// timestampFormat is the format of times in Lambda's records, in UTC.
const timestampFormat = "2006-01-02T15:04:05.000Z"

func (h *Host) sendFailure(ctx context.Context, c awsClient, cfg invokeConfig, e event, res Result, condition string, attempts int) error {
	if cfg.onFailure == "" {
		return fmt.Errorf("%s after %d attempts, and %s has no on-failure destination: %s", condition, attempts, e.function, res.Payload)
	}
	f, err := c.function(ctx, e.function)
	if err != nil {
		return err
	}
	r := failureRecord{
		Version:   "1.0",
		Timestamp: time.Now().UTC().Format(timestampFormat),
		RequestContext: requestContext{
			RequestID: e.id, FunctionARN: f.ARN + ":$LATEST", Condition: condition, ApproximateInvokeCount: attempts,
		},
		RequestPayload:  rawJSON(e.payload),
		ResponseContext: responseContext{StatusCode: 200, ExecutedVersion: "$LATEST", FunctionError: res.FunctionError},
		ResponsePayload: rawJSON(res.Payload),
	}
	record, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("record for %s: %w", cfg.onFailure, err)
	}
	destination, err := arn.Parse(cfg.onFailure)
	if err != nil {
		return fmt.Errorf("on-failure destination %q: %w", cfg.onFailure, err)
	}
	if destination.Service == "lambda" {
		_, err = h.InvokeAsync(ctx, cfg.onFailure, record)
	} else {
		err = c.sendToDestination(onBehalfOf(ctx, e.function), destination, record)
	}
	if err != nil {
		return fmt.Errorf("on-failure destination %s: %w", cfg.onFailure, err)
	}
	return nil
}

// rawJSON is b if it is JSON, else b as a JSON string.
func rawJSON(b []byte) json.RawMessage {
	if json.Valid(b) {
		return b
	}
	s, err := json.Marshal(string(b))
	if err != nil {
		panic(err) // a string
	}
	return s
}

// functionName is the name in the name, ARN or partial ARN of a function, without qualifier.
func functionName(s string) string {
	if _, after, ok := strings.Cut(s, ":function:"); ok {
		s = after
	}
	name, _, _ := strings.Cut(s, ":")
	return name
}
