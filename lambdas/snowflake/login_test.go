package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"example.com/ingestion/snowflake"
)

// region is a client of Secrets Manager that records the region of the request.
type region string

func (r *region) GetSecretValue(_ context.Context, _ *secretsmanager.GetSecretValueInput, options ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	o := secretsmanager.Options{Region: "eu-central-1"}
	for _, option := range options {
		option(&o)
	}
	*r = region(o.Region)
	return &secretsmanager.GetSecretValueOutput{SecretString: aws.String("no key")}, nil
}

func TestSecretRegion(t *testing.T) {
	for secret, want := range map[string]region{
		"ingestion/snowflake": "eu-central-1",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:key-Ab12Cd":            "us-east-1",
		"arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:key-Ab12Cd": "us-gov-west-1",
	} {
		var requested region
		if _, err := (login{secrets: &requested}).open(t.Context(), snowflake.Connection{User: "U", Secret: secret}); err == nil {
			t.Errorf("%s: a secret without a key was accepted", secret)
		}
		if requested != want {
			t.Errorf("%s: requested in %q, want %q", secret, requested, want)
		}
	}
}

// The policy is created in the same deployment, so that access may be denied at first.
func TestSecretRetriesAccessDenied(t *testing.T) {
	requested := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requested++
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		body := `{"SecretString":"key"}`
		if requested == 1 {
			w.WriteHeader(http.StatusBadRequest)
			body = `{"__type":"AccessDeniedException","Message":"not yet"}`
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	client := newSecrets(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	})
	out, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
	if err != nil || aws.ToString(out.SecretString) != "key" || requested != 2 {
		t.Errorf("secret %v after %d requests, error %v", out, requested, err)
	}
	// If access stays denied, the function must still be able to respond.
	r := client.Options().Retryer
	var longest time.Duration
	for attempt := range r.MaxAttempts() - 1 {
		delay, err := r.RetryDelay(attempt, nil)
		if err != nil {
			t.Fatal(err)
		}
		longest += delay
	}
	if longest > time.Minute {
		t.Errorf("retries for %s", longest)
	}
}
