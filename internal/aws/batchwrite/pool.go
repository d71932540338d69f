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

// pool sends by HTTP/1.1 connections of its own, one request at a time on each.
// net/http's connections have two goroutines each and copy every body: beside
// what a BatchWriteItem costs otherwise, that is a fifth. How connections are
// made (dialer, TLS, certificates) is the user's HTTP client's.
type pool struct {
	address string
	host    string // as the header has it
	region  string
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	tls     *tls.Config // nil: plain HTTP
	limit   time.Duration

	mu   sync.Mutex
	idle []*conn // that was used last, last
}

// maxIdle is how long a connection may be unused. Services close theirs after
// a minute or so, and a function may have been frozen meanwhile.
const maxIdle = 30 * time.Second

// newPool returns nil where the endpoint or the HTTP client is not one that pool can stand in for.
func newPool(endpoint *url.URL, region string, client dynamodb.HTTPClient) *pool {
	buildable, ok := client.(*awshttp.BuildableClient)
	if !ok || (endpoint.Path != "" && endpoint.Path != "/") || endpoint.RawQuery != "" || endpoint.User != nil {
		return nil
	}
	t := buildable.GetTransport()
	if t.DialTLSContext != nil || t.DialContext == nil || proxied(t, endpoint) {
		return nil
	}
	p := &pool{host: endpoint.Host, region: region, dial: t.DialContext, limit: requestTimeout}
	if limit := buildable.GetTimeout(); limit > 0 {
		p.limit = min(limit, p.limit)
	}
	port := endpoint.Port()
	switch endpoint.Scheme {
	case "http":
		if port == "" || port == "80" {
			port, p.host = "80", bare(endpoint)
		}
	case "https":
		if port == "" || port == "443" {
			port, p.host = "443", bare(endpoint)
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

// bare is the host without its port, an IPv6 address in its brackets.
func bare(u *url.URL) string {
	if port := u.Port(); port != "" {
		return u.Host[:len(u.Host)-len(port)-1]
	}
	return u.Host
}

func proxied(t *http.Transport, endpoint *url.URL) bool {
	if t.Proxy == nil {
		return false
	}
	proxy, err := t.Proxy(&http.Request{Method: http.MethodPost, URL: endpoint})
	return err != nil || proxy != nil
}

func (p *pool) send(ctx context.Context, creds aws.Credentials, m message) (answer, error) {
	for {
		c, known, err := p.get(ctx)
		if err != nil {
			return answer{}, err
		}
		a, err := c.exchange(ctx, creds, m)
		if err == nil {
			p.put(c)
			return a, nil
		}
		_ = c.Close() // it has failed already
		// The service may have closed a connection that was idle: another one
		// will do. A batch may be written twice: the items are the same.
		if known && !c.heard && !errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			continue
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return answer{}, err
	}
}

// get returns a connection, and whether it has been used before.
func (p *pool) get(ctx context.Context) (c *conn, known bool, err error) {
	if c := p.last(); c != nil {
		return c, true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.limit)
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
	return newConn(raw, signer{host: p.host, region: p.region}, p.limit), false, nil
}

// last returns the idle connection that was used last. If that is too long ago, all others' is too.
func (p *pool) last() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle) - 1
	if n < 0 {
		return nil
	}
	c := p.idle[n]
	if time.Since(c.used) < maxIdle {
		p.idle = p.idle[:n]
		return c
	}
	for _, c := range p.idle {
		_ = c.Close() // nothing was under way
	}
	p.idle = nil
	return nil
}

func (p *pool) put(c *conn) {
	if c.ended {
		_ = c.Close() // its last answer was read
		return
	}
	// Without the monotonic reading, which may stand still while a function is frozen.
	c.used = time.Now().Round(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
}
