//go:build fasthttp

// Package batchwrite replaces the connection pool of internal/aws/batchwrite with
// fasthttp's, in the load function that the benchmark compiles for comparison.
package batchwrite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/valyala/fasthttp"
)

// pool sends requests with fasthttp, for plain HTTP. A request ends with the
// deadline of its context; fasthttp cannot end one when the context is canceled.
type pool struct {
	client  *fasthttp.HostClient
	url     string
	signers sync.Pool
}

func newPool(endpoint *url.URL, region string, _ dynamodb.HTTPClient) *pool {
	return &pool{
		url: endpoint.String(),
		client: &fasthttp.HostClient{
			Addr: endpoint.Host, MaxConns: maxItems / maxBatchItems, MaxIdleConnDuration: 30 * time.Second,
			NoDefaultUserAgentHeader: true, DisableHeaderNamesNormalizing: true, DisablePathNormalizing: true,
		},
		signers: sync.Pool{New: func() any { return &signer{host: endpoint.Host, region: region} }},
	}
}

var errNoHeader = errors.New("the signed request has no such header")

// header returns the value of a header in the head of a request.
func header(head []byte, name string) ([]byte, error) {
	_, after, ok := bytes.Cut(head, []byte("\r\n"+name+": "))
	if !ok {
		return nil, fmt.Errorf("%w: %s", errNoHeader, name)
	}
	value, _, _ := bytes.Cut(after, []byte("\r\n"))
	return value, nil
}

func (p *pool) send(ctx context.Context, creds aws.Credentials, r request, now time.Time) (response, error) {
	s := p.signers.Get().(*signer)
	defer p.signers.Put(s)
	head, err := s.appendHead(r[:0:headSpace], creds, r.body(), now)
	if err != nil {
		return response{}, fmt.Errorf("sign request: %w", err)
	}
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.Header.SetMethod("POST")
	req.SetRequestURI(p.url)
	for _, name := range []string{"Accept-Encoding", "Content-Type", "X-Amz-Target", "X-Amz-Date", "X-Amz-Security-Token", "Authorization"} {
		value, err := header(head, name)
		if err != nil {
			return response{}, err
		}
		req.Header.SetBytesV(name, value)
	}
	req.SetBodyRaw(r.body())
	deadline := time.Now().Add(requestTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := p.client.DoDeadline(req, resp, deadline); err != nil {
		return response{}, err
	}
	out := response{status: resp.StatusCode(), crc: string(resp.Header.Peek("X-Amz-Crc32")), body: allProcessed}
	if !bytes.Equal(resp.Body(), allProcessed) {
		out.body = bytes.Clone(resp.Body())
	}
	return out, nil
}
