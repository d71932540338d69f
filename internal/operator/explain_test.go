package operator_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"example.com/ingestion/internal/operator"
)

// account is an account at an endpoint, without retries.
func account(endpoint string) operator.Account {
	return operator.NewAccount(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &endpoint, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
}

func TestExplainUnreachableEndpoint(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = operator.Feeds(t.Context(), account(endpoint).Stacks)
	want := "list the stacks: CloudFormation DescribeStacks: cannot reach " + endpoint +
		": connect: connection refused: check AWS_ENDPOINT_URL, the region and the network; a local cloud is started by `make local`"
	if got := operator.Explain(err); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestExplainErrorsOfAWS(t *testing.T) {
	for code, want := range map[string]string{
		"ExpiredToken":         "list the stacks: CloudFormation DescribeStacks: ExpiredToken: the reason: the credentials have expired: sign in again, such as with `aws sso login`",
		"InvalidClientTokenId": "list the stacks: CloudFormation DescribeStacks: InvalidClientTokenId: the reason: AWS does not know these credentials: is it the right --profile?",
		"AccessDenied":         "list the stacks: CloudFormation DescribeStacks: AccessDenied: the reason: allow these credentials cloudformation:DescribeStacks and cloudformation:GetTemplate",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>the reason</Message></Error><RequestId>r</RequestId></ErrorResponse>", code)
		}))
		_, err := operator.Feeds(t.Context(), account(server.URL).Stacks)
		server.Close()
		if got := operator.Explain(err); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := operator.Explain(errors.Join(errors.New("another"), err)); got != "another\n"+want {
			t.Errorf("joined: %s", got)
		}
	}
	if got := operator.Explain(errors.New("plain")); got != "plain" || strings.Contains(got, ":") {
		t.Errorf("%q", got)
	}
}

func TestExplainNamesThePermission(t *testing.T) {
	for want, operation := range map[string]smithy.OperationError{
		"dynamodb:Query": {ServiceID: "DynamoDB", OperationName: "Query"}, "s3:ListBucket": {ServiceID: "S3", OperationName: "ListObjectsV2"},
		"logs:FilterLogEvents": {ServiceID: "CloudWatch Logs", OperationName: "FilterLogEvents"}, "lambda:InvokeFunction": {ServiceID: "Lambda", OperationName: "Invoke"},
		"s3:GetObject": {ServiceID: "S3", OperationName: "HeadObject"}, "s3:ListBucketVersions": {ServiceID: "S3", OperationName: "ListObjectVersions"},
	} {
		operation.Err = &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}
		if got := operator.Explain(fmt.Errorf("read: %w", &operation)); !strings.HasSuffix(got, "AccessDeniedException: no: allow these credentials "+want+" (docs/operations.md, Permissions, lists what each command needs)") {
			t.Errorf("%s", got)
		}
	}
	for code, want := range map[string]string{"ThrottlingException": "run the command again", "NoSuchBucket": "`ingest doctor <feed>`"} {
		err := &smithy.OperationError{ServiceID: "S3", OperationName: "GetObject", Err: &smithy.GenericAPIError{Code: code}}
		if got := operator.Explain(err); !strings.Contains(got, want) {
			t.Errorf("%s: %s", code, got)
		}
	}
}
