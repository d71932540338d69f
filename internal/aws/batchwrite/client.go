package batchwrite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Client sends BatchWriteItem requests whose bodies are made elsewhere. All that
// a user may have configured (region, endpoint, FIPS and dual-stack endpoints,
// credentials, HTTP client) is the SDK client's, taken from its options.
type Client struct {
	creds aws.CredentialsProvider
	send  sender
}

// sender sends one signed request and reads the answer. An error is worth
// another try.
type sender interface {
	send(ctx context.Context, creds aws.Credentials, m message) (answer, error)
}

// message is a request's body with headRoom bytes before it, in which a sender
// may write what it likes.
type message []byte

func (m message) body() []byte { return m[headRoom:] }

// headRoom is what the head of a request needs, so that head and body leave in
// one write. A session token has some 1 KB.
const headRoom = 4 << 10

func newMessage(body []byte) message {
	return append(make([]byte, headRoom, headRoom+len(body)), body...)
}

// answer is a response. The body is the caller's.
type answer struct {
	status int
	crc    string // the header X-Amz-Crc32
	body   []byte
}

// requestTimeout is how long one request may take.
const requestTimeout = 20 * time.Second

// NewClient returns a Client to the table's service that client knows. It keeps
// connections: one Client serves all Writers of a process.
func NewClient(ctx context.Context, client *dynamodb.Client) (*Client, error) {
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
	c := &Client{creds: o.Credentials}
	if p := newPool(&ep.URI, o.Region, o.HTTPClient); p != nil {
		c.send = p
	} else {
		c.send = newGeneral(&ep.URI, o.Region, o.HTTPClient)
	}
	return c, nil
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

// batchWrite sends one message and returns the one to send next: that of the
// items which DynamoDB did not process, nil when there are none. An error is a
// *callError where trying again may help, wraps errRejected where an item of
// the request is at fault, and is neither for what only a change of the
// deployment can mend, such as a missing permission.
func (c *Client) batchWrite(ctx context.Context, m message) (message, error) {
	creds, err := c.creds.Retrieve(ctx)
	if err != nil {
		return nil, &callError{err: fmt.Errorf("retrieve credentials: %w", err)}
	}
	a, err := c.send.send(ctx, creds, m)
	if err != nil {
		return nil, &callError{err: err}
	}
	if a.crc != "" {
		if got := strconv.FormatUint(uint64(crc32.ChecksumIEEE(a.body)), 10); got != a.crc {
			return nil, &callError{err: fmt.Errorf("answer's CRC-32 is %s, the header says %s", got, a.crc)}
		}
	}
	if a.status != http.StatusOK {
		return nil, failure(a.status, a.body)
	}
	return unprocessed(a.body)
}

// allProcessed is the usual answer, as DynamoDB writes it.
var allProcessed = []byte(`{"UnprocessedItems":{}}`)

func unprocessed(answer []byte) (message, error) {
	if bytes.Equal(answer, allProcessed) {
		return nil, nil
	}
	var out struct {
		UnprocessedItems map[string]json.RawMessage
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return nil, &callError{err: fmt.Errorf("answer is not JSON: %w", err)}
	}
	if len(out.UnprocessedItems) == 0 {
		return nil, nil
	}
	body, err := json.Marshal(map[string]any{"RequestItems": out.UnprocessedItems})
	if err != nil {
		return nil, err
	}
	return newMessage(body), nil
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
