// Package secrets reads the texts of secrets in Secrets Manager.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// API is the part of the client of Secrets Manager that this package uses.
type API interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Cached returns a function that reads a secret, given by its name or ARN, once: a container
// of a function has the value that the secret had at its first use. Errors are not kept.
func Cached(api API) func(ctx context.Context, secret string) ([]byte, error) {
	var lock sync.Mutex
	known := map[string][]byte{}
	return func(ctx context.Context, secret string) ([]byte, error) {
		lock.Lock()
		defer lock.Unlock()
		if value, ok := known[secret]; ok {
			return value, nil
		}
		out, err := api.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &secret}, inRegionOf(secret))
		if err != nil {
			return nil, fmt.Errorf("read secret %q: %w", secret, err)
		}
		value := out.SecretBinary
		if out.SecretString != nil {
			value = []byte(*out.SecretString)
		}
		if len(value) == 0 {
			return nil, errors.New("the secret is empty: put a random text of 32 characters or more into it")
		}
		known[secret] = value
		return value, nil
	}
}

// inRegionOf sets the region of a request to that of the secret's ARN. A secret that is
// given by name is in the function's region.
func inRegionOf(secret string) func(*secretsmanager.Options) {
	return func(o *secretsmanager.Options) {
		if a, err := arn.Parse(secret); err == nil {
			o.Region = a.Region
		}
	}
}
