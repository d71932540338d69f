package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"example.com/ingestion/internal/aws/dispatch"
)

func config(endpoint string) aws.Config {
	return aws.Config{Region: "eu-west-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "token")}
}

// What the hand-made request looks like to the service is what the SDK's own
// client sends, but for what is not signed.
func TestQueueSendsWhatTheSDKSends(t *testing.T) {
	type request struct{ path, target, kind, token, scope, body string }
	var got []request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(body, &fields); err != nil {
			t.Error(err)
		}
		_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		scope, _, _ = strings.Cut(scope, ",")
		got = append(got, request{
			r.URL.Path, r.Header.Get("X-Amz-Target"), r.Header.Get("Content-Type"), r.Header.Get("X-Amz-Security-Token"), scope, fmt.Sprint(fields),
		})
		fmt.Fprint(w, `{}`)
	}))
	t.Cleanup(server.Close)
	const queue, payload = "https://sqs.eu-west-1.amazonaws.com/123456789012/q", `{"a":"é\"<>"}`
	if err := dispatch.Queue(config(server.URL), queue)(t.Context(), []byte(payload)); err != nil {
		t.Fatal(err)
	}
	_, err := sqs.NewFromConfig(config(server.URL), func(o *sqs.Options) { o.DisableMessageChecksumValidation = true }).
		SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(queue), MessageBody: aws.String(payload)})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0] != got[1] {
		t.Errorf("sent  %+v\nSDK's %+v", got[0], got[len(got)-1])
	}
}

func TestQueueErrors(t *testing.T) {
	tries := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if tries++; tries < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}`)
	}))
	t.Cleanup(server.Close)
	err := dispatch.Queue(config(server.URL), server.URL+"/1/q")(t.Context(), []byte(`{}`))
	var api smithy.APIError
	if !errors.As(err, &api) || !strings.Contains(err.Error(), "send to queue "+server.URL+"/1/q") || !strings.Contains(err.Error(), "no such queue") {
		t.Errorf("error %v", err)
	}
	if tries != 3 {
		t.Errorf("%d tries, want two for 503 and one that says why", tries)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := dispatch.Queue(config(server.URL), server.URL)(canceled, []byte(`{}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestFunctionSendsWhatTheSDKSends(t *testing.T) {
	type request struct{ uri, invocation, kind, scope, body string }
	var got []request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		scope, _, _ = strings.Cut(scope, ",")
		got = append(got, request{r.RequestURI, r.Header.Get("X-Amz-Invocation-Type"), r.Header.Get("Content-Type"), scope, string(body)})
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	for _, name := range []string{"Stack-Unpack-x", "arn:aws:lambda:eu-west-1:123456789012:function:f:live"} {
		got = nil
		if err := dispatch.JSON[map[string]int](dispatch.Function(config(server.URL), name))(t.Context(), map[string]int{"a": 1}); err != nil {
			t.Fatal(err)
		}
		_, err := lambda.NewFromConfig(config(server.URL)).Invoke(t.Context(), &lambda.InvokeInput{
			FunctionName: &name, InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"a":1}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || got[0] != got[1] {
			t.Errorf("sent  %+v\nSDK's %+v", got[0], got[len(got)-1])
		}
	}
}

func TestFunctionErrors(t *testing.T) {
	tries := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if tries++; tries == 1 {
			w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException:http://x")
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, `{"Reason":"CallerRateLimitExceeded"}`)
			return
		}
		w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"Type":"User","Message":"Function not found"}`)
	}))
	t.Cleanup(server.Close)
	err := dispatch.Function(config(server.URL), "f")(t.Context(), []byte(`{}`))
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ResourceNotFoundException" || !strings.Contains(err.Error(), "invoke function f: ") || tries != 2 {
		t.Errorf("error %v after %d tries", err, tries)
	}
}
