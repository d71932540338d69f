package dispatch_test

import (

	//nolint:gosec // what SQS returns, for the SDK to compare

	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"example.com/ingestion/internal/aws/dispatch"
)

func config(endpoint string) aws.Config {
	return aws.Config{Region: "eu-west-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "token")}
}

func TestFunction(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, strings.Join([]string{r.URL.Path, r.Header.Get("X-Amz-Invocation-Type"), string(body)}, " "))
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	for _, name := range []string{"Stack-Unpack-x", "arn:aws:lambda:eu-west-1:123456789012:function:f:live"} {
		got = nil
		if err := dispatch.JSON[map[string]int](dispatch.Function(config(server.URL), name))(t.Context(), map[string]int{"a": 1}); err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0] != "/2015-03-31/functions/"+name+"/invocations Event {\"a\":1}" {
			t.Errorf("sent %q", got)
		}
	}
}

func TestFunctionErrors(t *testing.T) {
	attempts := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if attempts++; attempts == 1 {
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
	if !errors.As(err, &api) || api.ErrorCode() != "ResourceNotFoundException" || !strings.Contains(err.Error(), "invoke function f: ") || attempts != 2 {
		t.Errorf("error %v after %d attempts", err, attempts)
	}
}
