// Package handon hands a payload on to a function: by an asynchronous
// invocation, or through the queue in front of it.
package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/ingestion/internal/aws/call"
)

// Sender hands one payload on, at most 256 KB of JSON. When it returns nil, the
// payload is kept until it is dealt with: a function's queue of events holds it
// for six hours, SQS for fourteen days. It may arrive more than once.
type Sender func(ctx context.Context, payload []byte) error

// Function hands on by invoking a function asynchronously; name may be an ARN.
func Function(cfg aws.Config, name string) Sender {
	return func(ctx context.Context, payload []byte) error {
		if err := invoke(ctx, cfg, name, payload); err != nil {
			return fmt.Errorf("invoke function %s: %w", name, err)
		}
		return nil
	}
}

func invoke(ctx context.Context, cfg aws.Config, name string, payload []byte) error {
	endpoint, err := call.Endpoint(ctx, cfg, "Lambda", "lambda")
	if err != nil {
		return err
	}
	_, err = call.Do(ctx, cfg, call.Request{
		Service: "lambda", URL: endpoint + "/2015-03-31/functions/" + url.QueryEscape(name) + "/invocations", Body: payload, Fault: lambdaFault,
		Header: map[string]string{"Content-Type": "application/octet-stream", "X-Amz-Invocation-Type": "Event"},
	})
	return err
}

// lambdaFault reads an error of the REST protocol: its code is in the header.
func lambdaFault(header http.Header, body []byte) (code, message string) {
	if code = header.Get("X-Amzn-Errortype"); code == "" {
		code = "UnknownError"
	}
	var f struct{ Message string }
	if err := json.Unmarshal(body, &f); err != nil || f.Message == "" {
		return code, fmt.Sprintf("%.200q", body)
	}
	return code, f.Message
}

// Queue hands on by a message in the queue of a URL.
func Queue(cfg aws.Config, queueURL string) Sender {
	return func(ctx context.Context, payload []byte) error {
		if err := send(ctx, cfg, queueURL, payload); err != nil {
			return fmt.Errorf("send to queue %s: %w", queueURL, err)
		}
		return nil
	}
}

func send(ctx context.Context, cfg aws.Config, queueURL string, payload []byte) error {
	// The body names the queue; its URL is no address, as with the SDK's client.
	endpoint, err := call.Endpoint(ctx, cfg, "SQS", "sqs")
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"QueueUrl": queueURL, "MessageBody": string(payload)})
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	_, err = call.Do(ctx, cfg, call.Request{
		Service: "sqs", URL: endpoint + "/", Body: body, Fault: fault,
		Header: map[string]string{"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"},
	})
	return err
}

// fault reads an error of the JSON protocol.
func fault(_ http.Header, body []byte) (code, message string) {
	var f struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &f); err != nil || f.Type == "" {
		return "UnknownError", fmt.Sprintf("%.200q", body)
	}
	return f.Type, f.Message
}

// JSON hands on what v is as JSON.
func JSON[T any](send Sender) func(context.Context, T) error {
	return func(ctx context.Context, v T) error {
		payload, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode payload: %w", err)
		}
		return send(ctx, payload)
	}
}
