package batchwrite

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

var testCreds = aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret", SessionToken: strings.Repeat("t", 1000)}

func newTestPool(t *testing.T, address string, client *awshttp.BuildableClient) *pool {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(u, "us-east-1", client)
	if p == nil {
		t.Fatalf("no pool for %s", address)
	}
	t.Cleanup(func() {
		for c := p.takeIdle(); c != nil; c = p.takeIdle() {
			_ = c.Close() // idle
		}
	})
	return p
}

// TestResponseFraming reads responses in every framing that net/http's server writes.
func TestResponseFraming(t *testing.T) {
	long := strings.Repeat("response ", 10_000)
	forms := map[string]http.HandlerFunc{
		"content length": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(allProcessed) },
		"chunked": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, long)
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, long)
		},
		"closing": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, long)
		},
		"error status": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, long, http.StatusBadRequest) },
		"after an informational response": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusProcessing)
			_, _ = io.WriteString(w, long)
		},
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			record := httptest.NewRecorder()
			form(record, nil)
			var connections atomic.Int64
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil || string(body) != "the body" || r.Header.Get("X-Amz-Target") != target || r.Header.Get("Authorization") == "" {
					t.Errorf("body %q, error %v, headers %v", body, err, r.Header)
				}
				w.Header().Set("X-Amz-Crc32", "42")
				form(w, r)
			}))
			server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
				if s == http.StateNew {
					connections.Add(1)
				}
			}
			server.Start()
			t.Cleanup(server.Close)
			p := newTestPool(t, server.URL, awshttp.NewBuildableClient())
			for range 3 {
				a, err := p.send(t.Context(), testCreds, newRequest([]byte("the body")), time.Now())
				wantStatus, want := http.StatusOK, record.Body.String()
				if name == "error status" {
					wantStatus = http.StatusBadRequest
				}
				if err != nil || a.status != wantStatus || string(a.body) != want || a.crc != "42" {
					t.Fatalf("status %d, %d bytes of %d, CRC %q, error %v", a.status, len(a.body), len(want), a.crc, err)
				}
			}
			if name == "content length" && connections.Load() != 1 {
				t.Errorf("%d connections for three consecutive requests", connections.Load())
			}
		})
	}
}

func TestTLSSettingsOfTheSDKClient(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(allProcessed) }))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	trusting := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	})
	a, err := newTestPool(t, server.URL, trusting).send(t.Context(), testCreds, newRequest(nil), time.Now())
	if err != nil || string(a.body) != string(allProcessed) {
		t.Errorf("response %q, error %v", a.body, err)
	}
	var untrusted *tls.CertificateVerificationError
	if _, err := newTestPool(t, server.URL, awshttp.NewBuildableClient()).send(t.Context(), testCreds, newRequest(nil), time.Now()); !errors.As(err, &untrusted) {
		t.Errorf("a server with an untrusted certificate: error %v", err)
	}
}

// TestConnectionClosedWhileIdle checks that a request is retried when the service
// has closed an idle connection, which it may do at any time.
func TestConnectionClosedWhileIdle(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(allProcessed) }))
	t.Cleanup(server.Close)
	p := newTestPool(t, server.URL, awshttp.NewBuildableClient())
	for range 3 {
		if _, err := p.send(t.Context(), testCreds, newRequest(nil), time.Now()); err != nil {
			t.Fatal(err)
		}
		server.CloseClientConnections()
	}
	c := p.takeIdle()
	if c == nil {
		t.Fatal("no connection is idle")
	}
	c.usedAt = time.Now().Add(-2 * maxIdle)
	p.idle = append(p.idle, c)
	if p.takeIdle() != nil || len(p.idle) != 0 {
		t.Error("a connection that was idle for too long is used again")
	}
}

func TestRequestEndsWithItsContext(t *testing.T) {
	received := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		received <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	p := newTestPool(t, server.URL, awshttp.NewBuildableClient())
	ctx, cancel := context.WithCancelCause(t.Context())
	errEnded := errors.New("the time has ended")
	go func() { <-received; cancel(errEnded) }()
	if _, err := p.send(ctx, testCreds, newRequest(nil), time.Now()); !errors.Is(err, errEnded) {
		t.Errorf("error %v", err)
	}
	p.timeout = time.Millisecond
	var timeout net.Error
	if _, err := p.send(t.Context(), testCreds, newRequest(nil), time.Now()); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("error %v", err)
	}
}

// TestPoolIsNotUsed checks when requests are sent by the SDK client's HTTP client,
// and otherwise the address to connect to and the header Host.
func TestPoolIsNotUsed(t *testing.T) {
	proxied := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy:3128"})
	})
	for address, client := range map[string]interface {
		Do(*http.Request) (*http.Response, error)
	}{
		"https://dynamodb.us-east-1.amazonaws.com": proxied,
		"http://localhost:8000":                    http.DefaultClient,
		"http://localhost:8000/path":               awshttp.NewBuildableClient(),
		"http://localhost:8000/?query":             awshttp.NewBuildableClient(),
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if newPool(u, "us-east-1", client) != nil {
			t.Errorf("%s is not requested with the configured HTTP client", address)
		}
	}
	for address, want := range map[string][2]string{
		"https://dynamodb.us-east-1.amazonaws.com": {"dynamodb.us-east-1.amazonaws.com:443", "dynamodb.us-east-1.amazonaws.com"},
		"https://h:443":  {"h:443", "h"},
		"http://h:443":   {"h:443", "h:443"},
		"http://[::1]:8": {"[::1]:8", "[::1]:8"},
		"http://[::1]":   {"[::1]:80", "[::1]"},
	} {
		p := newTestPool(t, address, awshttp.NewBuildableClient())
		if p.address != want[0] || p.host != want[1] {
			t.Errorf("%s: address %s, host %s", address, p.address, p.host)
		}
	}
}
