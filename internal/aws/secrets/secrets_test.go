package secrets_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"example.com/ingestion/internal/aws/secrets"
)

type api struct {
	values  map[string]*secretsmanager.GetSecretValueOutput
	regions []string
}

func (a *api) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, options ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	o := secretsmanager.Options{Region: "eu-west-1"}
	for _, option := range options {
		option(&o)
	}
	a.regions = append(a.regions, o.Region)
	if out, ok := a.values[*in.SecretId]; ok {
		return out, nil
	}
	return nil, errors.New("no such secret")
}

func TestCached(t *testing.T) {
	const inAnother = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key-Ab12Cd"
	a := &api{values: map[string]*secretsmanager.GetSecretValueOutput{
		"text": {SecretString: aws.String("one")}, inAnother: {SecretBinary: []byte("two")}, "empty": {SecretString: aws.String("")},
	}}
	read := secrets.Cached(a)
	for range 2 {
		for name, want := range map[string]string{"text": "one", inAnother: "two"} {
			if got, err := read(t.Context(), name); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v, want %q", name, got, err, want)
			}
		}
	}
	if len(a.regions) != 2 {
		t.Errorf("it asked %d times for two secrets", len(a.regions))
	}
	for _, name := range []string{"empty", "later"} {
		if _, err := read(t.Context(), name); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	a.values["later"] = &secretsmanager.GetSecretValueOutput{SecretString: aws.String("three")}
	if got, err := read(t.Context(), "later"); err != nil || string(got) != "three" {
		t.Errorf("after an error: %q, %v", got, err)
	}
	found := map[string]bool{}
	for _, region := range a.regions {
		found[region] = true
	}
	if !found["us-east-1"] || !found["eu-west-1"] {
		t.Errorf("regions: %v", a.regions)
	}
}
