package batchwrite

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// pool is a transport with a pool of HTTP/1.1 connections, which have one
// request in flight each. A connection of net/http has two goroutines and copies
// every body, which adds a fifth to the CPU time of a BatchWriteItem request;
// valyala/fasthttp adds a tenth. Connections are made with the dialer and the
// TLS settings of the SDK client's HTTP client.
type pool struct {
	address string
	host    string // header Host
	region  string
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	tls     *tls.Config // nil: plain HTTP
	timeout time.Duration

	mu   sync.Mutex
	idle []*connection // the one used last is the last
}

// maxIdle is how long a connection is kept without use. AWS services close idle
// connections after about a minute, and a Lambda function may have been frozen
// in between.
const maxIdle = 30 * time.Second

// newPool returns nil where requests must be sent by the SDK client's HTTP
// client: it is not the SDK's own, it uses a proxy, or the endpoint has a path.
func newPool(endpoint *url.URL, region string, client dynamodb.HTTPClient) *pool {
	buildable, ok := client.(*awshttp.BuildableClient)
	if !ok || (endpoint.Path != "" && endpoint.Path != "/") || endpoint.RawQuery != "" || endpoint.User != nil {
		return nil
	}
	t := buildable.GetTransport()
	if t.DialTLSContext != nil || t.DialContext == nil || usesProxy(t, endpoint) {
		return nil
	}
	p := &pool{host: endpoint.Host, region: region, dial: t.DialContext, timeout: requestTimeout}
	if timeout := buildable.GetTimeout(); timeout > 0 {
		p.timeout = min(timeout, p.timeout)
	}
	port := endpoint.Port()
	switch endpoint.Scheme {
	case "http":
		if port == "" || port == "80" {
			port, p.host = "80", hostWithoutPort(endpoint)
		}
	case "https":
		if port == "" || port == "443" {
			port, p.host = "443", hostWithoutPort(endpoint)
		}
		p.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		if t.TLSClientConfig != nil {
			p.tls = t.TLSClientConfig.Clone()
		}
		if p.tls.ServerName == "" {
			p.tls.ServerName = endpoint.Hostname()
		}
		p.tls.NextProtos = []string{"http/1.1"}
	default:
		return nil
	}
	p.address = net.JoinHostPort(endpoint.Hostname(), port)
	return p
}

// hostWithoutPort returns the host, an IPv6 address in brackets.
func hostWithoutPort(u *url.URL) string {
	if port := u.Port(); port != "" {
		return u.Host[:len(u.Host)-len(port)-1]
	}
	return u.Host
}

func usesProxy(t *http.Transport, endpoint *url.URL) bool {
	if t.Proxy == nil {
		return false
	}
	proxy, err := t.Proxy(&http.Request{Method: http.MethodPost, URL: endpoint})
	return err != nil || proxy != nil
}

func (p *pool) send(ctx context.Context, creds aws.Credentials, r request, now time.Time) (response, error) {
	for {
		c, reused, err := p.get(ctx)
		if err != nil {
			return response{}, err
		}
		resp, err := c.exchange(ctx, creds, r, now)
		if err == nil {
			p.put(c)
			return resp, nil
		}
		_ = c.Close() // it has failed already
		// The service may have closed a connection that was idle: the request is
		// retried on another one. It is idempotent, because its items stay the same.
		if reused && !c.responded && !errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			continue
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return response{}, err
	}
}

// get returns a connection, and whether it has been used before.
func (p *pool) get(ctx context.Context) (c *connection, reused bool, err error) {
	if c := p.takeIdle(); c != nil {
		return c, true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	raw, err := p.dial(ctx, "tcp", p.address)
	if err != nil {
		return nil, false, err
	}
	if p.tls != nil {
		secure := tls.Client(raw, p.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, false, errors.Join(err, raw.Close())
		}
		raw = secure
	}
	return newConnection(raw, signer{host: p.host, region: p.region}, p.timeout), false, nil
}

// takeIdle returns the idle connection that was used last. If that one was
// idle for too long, so were all others, and all are closed.
func (p *pool) takeIdle() *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle) - 1
	if n < 0 {
		return nil
	}
	c := p.idle[n]
	if time.Since(c.usedAt) < maxIdle {
		p.idle = p.idle[:n]
		return c
	}
	for _, c := range p.idle {
		_ = c.Close() // no request is in flight
	}
	p.idle = nil
	return nil
}

func (p *pool) put(c *connection) {
	if c.closing {
		_ = c.Close() // its last response was read
		return
	}
	// Without the monotonic clock, which may stop while a function is frozen.
	c.usedAt = time.Now().Round(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
}
