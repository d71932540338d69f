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

func poolTo(t *testing.T, address string, client *awshttp.BuildableClient) *pool {
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
		for c := p.last(); c != nil; c = p.last() {
			_ = c.Close() // idle
		}
	})
	return p
}

// TestAnswersOfAllForms has net/http's server frame the answers in each way it knows.
func TestAnswersOfAllForms(t *testing.T) {
	long := strings.Repeat("answer ", 10_000)
	forms := map[string]http.HandlerFunc{
		"with its length": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(allProcessed) },
		"chunked": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, long)
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, long)
		},
		"closing": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, long)
		},
		"with an error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, long, http.StatusBadRequest) },
		"after a hint": func(w http.ResponseWriter, _ *http.Request) {
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
			p := poolTo(t, server.URL, awshttp.NewBuildableClient())
			for range 3 {
				a, err := p.send(t.Context(), testCreds, newMessage([]byte("the body")))
				wantStatus, want := http.StatusOK, record.Body.String()
				if name == "with an error" {
					wantStatus = http.StatusBadRequest
				}
				if err != nil || a.status != wantStatus || string(a.body) != want || a.crc != "42" {
					t.Fatalf("status %d, %d bytes of %d, CRC %q, error %v", a.status, len(a.body), len(want), a.crc, err)
				}
			}
			if name == "with its length" && connections.Load() != 1 {
				t.Errorf("%d connections for three requests in turn", connections.Load())
			}
		})
	}
}

func TestTLSIsTheUsers(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(allProcessed) }))
	t.Cleanup(server.Close)
	known := x509.NewCertPool()
	known.AddCert(server.Certificate())
	trusting := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.TLSClientConfig = &tls.Config{RootCAs: known, MinVersion: tls.VersionTLS12}
	})
	a, err := poolTo(t, server.URL, trusting).send(t.Context(), testCreds, newMessage(nil))
	if err != nil || string(a.body) != string(allProcessed) {
		t.Errorf("answer %q, error %v", a.body, err)
	}
	var unknown *tls.CertificateVerificationError
	if _, err := poolTo(t, server.URL, awshttp.NewBuildableClient()).send(t.Context(), testCreds, newMessage(nil)); !errors.As(err, &unknown) {
		t.Errorf("a server that nobody vouches for: error %v", err)
	}
}

// TestConnectionClosedWhileIdle: the service may close it at any time, and no
// request is lost by that.
func TestConnectionClosedWhileIdle(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(allProcessed) }))
	t.Cleanup(server.Close)
	p := poolTo(t, server.URL, awshttp.NewBuildableClient())
	for range 3 {
		if _, err := p.send(t.Context(), testCreds, newMessage(nil)); err != nil {
			t.Fatal(err)
		}
		server.CloseClientConnections()
	}
	c := p.last()
	if c == nil {
		t.Fatal("no connection is kept")
	}
	c.used = time.Now().Add(-2 * maxIdle)
	p.idle = append(p.idle, c)
	if p.last() != nil || len(p.idle) != 0 {
		t.Error("a connection of long ago is used again")
	}
}

func TestRequestEndsWithItsContext(t *testing.T) {
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	p := poolTo(t, server.URL, awshttp.NewBuildableClient())
	ctx, cancel := context.WithCancelCause(t.Context())
	errOver := errors.New("the time is over")
	go func() { <-asked; cancel(errOver) }()
	if _, err := p.send(ctx, testCreds, newMessage(nil)); !errors.Is(err, errOver) {
		t.Errorf("error %v", err)
	}
	p.limit = time.Millisecond
	var timeout net.Error
	if _, err := p.send(t.Context(), testCreds, newMessage(nil)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("error %v", err)
	}
}

// TestWhatPoolIsNotFor goes through the user's own HTTP client.
func TestWhatPoolIsNotFor(t *testing.T) {
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
			t.Errorf("%s goes past the user's client", address)
		}
	}
	for address, want := range map[string][2]string{
		"https://dynamodb.us-east-1.amazonaws.com": {"dynamodb.us-east-1.amazonaws.com:443", "dynamodb.us-east-1.amazonaws.com"},
		"https://h:443":  {"h:443", "h"},
		"http://h:443":   {"h:443", "h:443"},
		"http://[::1]:8": {"[::1]:8", "[::1]:8"},
		"http://[::1]":   {"[::1]:80", "[::1]"},
	} {
		p := poolTo(t, address, awshttp.NewBuildableClient())
		if p.address != want[0] || p.host != want[1] {
			t.Errorf("%s: address %s, host %s", address, p.address, p.host)
		}
	}
}
