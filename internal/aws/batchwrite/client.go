package batchwrite

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Client sends BatchWriteItem requests. It has the configuration of an SDK
// client: region, endpoint, FIPS and dual-stack endpoints, credentials, HTTP client.
type Client struct {
	creds     aws.CredentialsProvider
	transport transport
	clock     clock
}

// NewClient returns a Client with the configuration of client. It keeps
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
		c.transport = p
	} else {
		c.transport = newHTTPTransport(&ep.URI, o.Region, o.HTTPClient)
	}
	return c, nil
}

// batchWrite sends one request and returns the one to send next, with the items
// that DynamoDB did not process; nil if there are none. An error is a
// *transientError where a retry may succeed, wraps errRejected where an item of
// the request is invalid, and is neither where only a change of the deployment
// helps, such as of a missing permission.
func (c *Client) batchWrite(ctx context.Context, r request) (request, error) {
	creds, err := c.creds.Retrieve(ctx)
	if err != nil {
		return nil, &transientError{err: fmt.Errorf("retrieve credentials: %w", err)}
	}
	resp, err := c.transport.send(ctx, creds, r, c.clock.now())
	if err != nil {
		return nil, &transientError{err: err}
	}
	if resp.crc != "" {
		if got := strconv.FormatUint(uint64(crc32.ChecksumIEEE(resp.body)), 10); got != resp.crc {
			return nil, &transientError{err: fmt.Errorf("CRC-32 of the response is %s, its header has %s", got, resp.crc)}
		}
	}
	if resp.status != http.StatusOK {
		err := responseError(resp.status, resp.body)
		if refusesTime(err) && c.clock.correct(resp.date) {
			return nil, &transientError{err: err}
		}
		return nil, err
	}
	return unprocessed(resp.body)
}
