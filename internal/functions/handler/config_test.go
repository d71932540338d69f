package handler

import (
	"crypto/x509"
	"encoding/pem"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func bundle(t *testing.T) string {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestConfigurationIsTheSDKs compares what the clients make of the environment
// with what they make of it by the SDK's own loader.
func TestConfigurationIsTheSDKs(t *testing.T) {
	always := map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023",
		"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
	}
	for name, more := range map[string]map[string]string{
		"plain":                {},
		"FIPS":                 {"AWS_USE_FIPS_ENDPOINT": "true"},
		"dual stack":           {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
		"endpoint":             {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
		"endpoint of one":      {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2"},
		"endpoint is ignored":  {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
		"retries":              {"AWS_RETRY_MODE": "adaptive", "AWS_MAX_ATTEMPTS": "7"},
		"defaults":             {"AWS_DEFAULTS_MODE": "in-region"},
		"defaults by place":    {"AWS_DEFAULTS_MODE": "auto"},
		"checksums":            {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required", "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required"},
		"application":          {"AWS_SDK_UA_APP_ID": "app"},
		"account in endpoints": {"AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled"},
		"authorities":          {"AWS_CA_BUNDLE": bundle(t)},
	} {
		t.Run(name, func(t *testing.T) {
			environment := maps.Clone(always)
			maps.Copy(environment, more)
			for name, value := range environment {
				t.Setenv(name, value)
			}
			want, err := config.LoadDefaultConfig(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, err := AWSConfig(os.Getenv)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, dynamodb.NewFromConfig(got).Options(), dynamodb.NewFromConfig(want).Options())
			compare(t, s3.NewFromConfig(got).Options(), s3.NewFromConfig(want).Options())
			creds, err := got.Credentials.Retrieve(t.Context())
			if err != nil || creds.AccessKeyID != "id" || creds.SecretAccessKey != "secret" || creds.SessionToken != "token" {
				t.Errorf("credentials %q, error %v", creds.AccessKeyID, err)
			}
			if roots, wanted := authorities(got), authorities(want); !roots.Equal(wanted) {
				t.Error("other certificate authorities than the SDK's")
			}
		})
	}
}

func authorities(cfg aws.Config) *x509.CertPool {
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		return nil
	}
	return client.GetTransport().TLSClientConfig.RootCAs
}

// compare compares the options of two clients that are plain values: the others
// are functions and what holds them.
func compare(t *testing.T, got, want any) {
	t.Helper()
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	plain := 0
	for i := range g.NumField() {
		field := g.Type().Field(i)
		switch field.Name {
		case "BaseEndpoint", "EndpointOptions", "DefaultsMode", "AppID", "Region", "RetryMode", "RetryMaxAttempts", "RuntimeEnvironment",
			"ClientLogMode", "AccountIDEndpointMode", "RequestChecksumCalculation", "ResponseChecksumValidation", "UseARNRegion",
			"DisableMultiRegionAccessPoints", "DisableS3ExpressSessionAuth", "AuthSchemePreference", "EndpointDiscovery", "DisableClockSkewCorrection":
			plain++
			if !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
				t.Errorf("%s.%s is %v, the SDK's is %v", g.Type(), field.Name, g.Field(i).Interface(), w.Field(i).Interface())
			}
		case "Retryer":
			if r, s := g.Field(i).Interface().(aws.Retryer), w.Field(i).Interface().(aws.Retryer); r.MaxAttempts() != s.MaxAttempts() || reflect.TypeOf(r) != reflect.TypeOf(s) {
				t.Errorf("%s: %T with %d attempts, the SDK's is %T with %d", g.Type(), r, r.MaxAttempts(), s, s.MaxAttempts())
			}
		}
	}
	if plain < 8 {
		t.Errorf("%s has only %d of the options", g.Type(), plain)
	}
}

func TestConfigurationIsIncomplete(t *testing.T) {
	file := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_CA_BUNDLE", file)
	_, err := AWSConfig(os.Getenv)
	if err == nil || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") || !strings.Contains(err.Error(), "has no certificate") {
		t.Errorf("error %v", err)
	}
}
