package dynamo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// caller sends BatchWriteItem requests whose bodies are made elsewhere. All that
// a user may have configured (region, endpoint, FIPS and dual-stack endpoints,
// credentials, HTTP client) is the SDK client's, taken from its options.
type caller struct {
	endpoint string
	region   string
	creds    aws.CredentialsProvider
	client   interface {
		Do(*http.Request) (*http.Response, error)
	}
	signer *v4.Signer
}

func newCaller(ctx context.Context, client *dynamodb.Client) (*caller, error) {
	o := client.Options()
	params := dynamodb.EndpointParameters{
		Region:       aws.String(o.Region),
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
		Endpoint:     o.BaseEndpoint,
	}
	ep, err := o.EndpointResolverV2.ResolveEndpoint(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("resolve the endpoint of DynamoDB in region %q: %w", o.Region, err)
	}
	if o.Credentials == nil {
		return nil, errors.New("no credentials for DynamoDB")
	}
	url := ep.URI.String()
	if ep.URI.Path == "" {
		url += "/"
	}
	return &caller{endpoint: url, region: o.Region, creds: o.Credentials, client: o.HTTPClient, signer: v4.NewSigner()}, nil
}

// callError is a request that failed in a way that may pass.
type callError struct {
	throttled bool
	err       error
}

func (e *callError) Error() string { return e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// errRejected is DynamoDB's word that it will never take a request as it is.
var errRejected = errors.New("rejected by DynamoDB")

// batchWrite sends one body and returns the body to send next: that of the
// items which DynamoDB did not process, nil when there are none. An error is a
// *callError where trying again may help, wraps errRejected where an item of
// the request is at fault, and is neither for what only a change of the
// deployment can mend, such as a missing permission.
func (c *caller) batchWrite(ctx context.Context, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810.BatchWriteItem")
	req.Header.Set("Accept-Encoding", "identity") // the checksum is of the body as it is sent
	creds, err := c.creds.Retrieve(ctx)
	if err != nil {
		return nil, &callError{err: fmt.Errorf("retrieve credentials: %w", err)}
	}
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), "dynamodb", c.region, time.Now()); err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, &callError{err: err}
	}
	defer func() { _ = resp.Body.Close() }() // it was read to its end or has failed already
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, &callError{err: fmt.Errorf("read answer: %w", err)}
	}
	if want := resp.Header.Get("X-Amz-Crc32"); want != "" {
		if got := strconv.FormatUint(uint64(crc32.ChecksumIEEE(answer)), 10); got != want {
			return nil, &callError{err: fmt.Errorf("answer's CRC-32 is %s, the header says %s", got, want)}
		}
	}
	if resp.StatusCode != http.StatusOK {
		return nil, failure(resp.StatusCode, answer)
	}
	return unprocessed(answer)
}

func unprocessed(answer []byte) ([]byte, error) {
	var out struct {
		UnprocessedItems map[string]json.RawMessage
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return nil, &callError{err: fmt.Errorf("answer is not JSON: %w", err)}
	}
	if len(out.UnprocessedItems) == 0 {
		return nil, nil
	}
	return json.Marshal(map[string]any{"RequestItems": out.UnprocessedItems})
}

func failure(status int, answer []byte) error {
	var out struct {
		Type         string `json:"__type"`
		Message      string `json:"message"`
		MessageUpper string `json:"Message"`
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		out.Message = string(answer[:min(len(answer), 200)])
	}
	code := out.Type[strings.LastIndexByte(out.Type, '#')+1:]
	if out.Message == "" {
		out.Message = out.MessageUpper
	}
	err := fmt.Errorf("BatchWriteItem: status %d %s: %s", status, code, out.Message)
	switch code {
	case "ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "RequestLimitExceeded", "LimitExceededException":
		return &callError{throttled: true, err: err}
	case "ValidationException", "ItemCollectionSizeLimitExceededException", "SerializationException":
		return fmt.Errorf("%w: %w", errRejected, err)
	case "ExpiredTokenException", "ExpiredToken", "RequestExpired", "TransactionInProgressException", "InternalServerError", "ServiceUnavailable":
		return &callError{err: err}
	}
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		return &callError{throttled: status == http.StatusTooManyRequests, err: err}
	}
	return err
}
