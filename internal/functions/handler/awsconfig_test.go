package handler_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"example.com/ingestion/internal/functions/handler"
)

// The environment configures the SDK as it does everywhere, and the HTTP client
// keeps its own settings beside a custom CA bundle.
func TestAWSConfig(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
		"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_CA_BUNDLE": file, "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
	} {
		t.Setenv(name, value)
	}
	cfg, err := handler.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	creds, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil || creds.AccessKeyID != "id" || creds.SecretAccessKey != "secret" || creds.SessionToken != "token" {
		t.Errorf("credentials %q, error %v", creds.AccessKeyID, err)
	}
	if cfg.Region != "eu-west-1" || *cfg.BaseEndpoint != "http://127.0.0.1:1" {
		t.Errorf("region %s, endpoint %s", cfg.Region, *cfg.BaseEndpoint)
	}
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		t.Fatalf("HTTP client %T", cfg.HTTPClient)
	}
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	if tr := client.GetTransport(); tr.MaxIdleConnsPerHost != 64 || !tr.TLSClientConfig.RootCAs.Equal(pool) {
		t.Errorf("%d idle connections, root CAs %v", tr.MaxIdleConnsPerHost, tr.TLSClientConfig.RootCAs)
	}
	t.Setenv("AWS_CA_BUNDLE", "/nowhere/ca.pem")
	if _, err := handler.AWSConfig(t.Context()); err == nil || !strings.Contains(err.Error(), "load AWS configuration: ") || !strings.Contains(err.Error(), "/nowhere/ca.pem") {
		t.Errorf("error %v", err)
	}
}

func TestLoadReportsEverythingMissing(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	env := map[string]string{"B": "set"}
	_, err := handler.Load(t.Context(), func(name string) string { return env[name] }, "A", "B", "D")
	for _, want := range []string{"FEED_SPEC is not set", "A is not set", "D is not set"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "B is") {
		t.Errorf("error %v", err)
	}
}
