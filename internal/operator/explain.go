package operator

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// explain adds the remedy to an error of a CloudFormation request.
func explain(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "AccessDenied", "AccessDeniedException":
			return fmt.Errorf("%w: allow these credentials cloudformation:DescribeStacks and cloudformation:GetTemplate", err)
		}
	}
	return err
}

// Explain returns the message of err without the details of the SDK, such as
// request IDs and the number of attempts, and with the remedy for credentials that
// expired or are unknown and for an endpoint that cannot be reached.
func Explain(err error) string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // not an error that it wraps
		var lines []string
		for _, e := range joined.Unwrap() {
			lines = append(lines, Explain(e))
		}
		return strings.Join(lines, "\n")
	}
	text := err.Error()
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		text = strings.Replace(text, operation.Error(), fmt.Sprintf("%s %s: %s", operation.Service(), operation.Operation(), cause(operation.Err)), 1)
	}
	remedy := remedy(err)
	if strings.Contains(text, "allow these credentials") {
		remedy = ""
	}
	return text + remedy
}

// cause is the error of the service, or of the connection to it.
func cause(err error) string {
	var api smithy.APIError
	var connection *url.Error
	var response *awshttp.ResponseError
	switch {
	case errors.As(err, &connection):
		return fmt.Sprintf("cannot reach %s: %v", origin(connection.URL), innermost(connection.Err))
	case errors.As(err, &api):
		return api.ErrorCode() + ": " + api.ErrorMessage()
	case errors.As(err, &response):
		return fmt.Sprintf("HTTP status %d: %v", response.HTTPStatusCode(), response.Err)
	}
	return err.Error()
}

// origin is scheme and host of a URL.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	return u.Scheme + "://" + u.Host
}

// innermost is the error that a network error wraps.
func innermost(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func remedy(err error) string {
	var connection *url.Error
	if errors.As(err, &connection) {
		return ": check AWS_ENDPOINT_URL, the region and the network; a local cloud is started by `make local`"
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
			return ": the credentials have expired: sign in again, such as with `aws sso login`"
		case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch":
			return ": AWS does not know these credentials: is it the right --profile?"
		case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "Forbidden":
			return ": allow these credentials " + permission(err) + " (docs/operations.md, Permissions, lists what each command needs)"
		case "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "SlowDown":
			return ": AWS limits the rate of requests: run the command again"
		case "NoSuchBucket", "ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist":
			return ": it was deleted, or the stack was deployed to another account or region: `ingest doctor <feed>` checks all resources"
		}
	}
	return ""
}

// permission is the IAM action of the operation that failed, for those whose names
// differ as well.
func permission(err error) string {
	var operation *smithy.OperationError
	if !errors.As(err, &operation) {
		return "what the message names"
	}
	switch operation.Operation() {
	case "ListObjectsV2":
		return "s3:ListBucket"
	case "ListObjectVersions":
		return "s3:ListBucketVersions"
	case "HeadObject":
		return "s3:GetObject"
	case "Invoke":
		return "lambda:InvokeFunction"
	}
	service := map[string]string{"CloudWatch Logs": "logs", "Secrets Manager": "secretsmanager"}[operation.Service()]
	if service == "" {
		service = strings.ToLower(operation.Service())
	}
	return service + ":" + operation.Operation()
}
