package main

import (
	"context"
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
	"example.com/ingestion/snowflake/deploy"
)

// session is an open connection to Snowflake. *client.Client implements it.
type session interface {
	deploy.DB
	Close() error
}

// secretReader is the part of Secrets Manager that the function needs.
type secretReader interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

type login struct {
	secrets  secretReader
	endpoint string
}

func (l login) open(ctx context.Context, c snowflake.Connection) (session, error) {
	var key *rsa.PrivateKey
	if !c.WorkloadIdentity {
		var err error
		if key, err = l.key(ctx, c.Secret); err != nil {
			return nil, fmt.Errorf("private key of Snowflake user %q: secret %q: %w", c.User, c.Secret, err)
		}
	}
	return client.Open(ctx, c, key, l.endpoint)
}

// newSecrets returns a client that retries AccessDenied for up to half a minute,
// until the policy that the same deployment created has propagated.
func newSecrets(cfg aws.Config) *secretsmanager.Client {
	return secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
		r := retry.AddWithErrorCodes(retry.NewStandard(), "AccessDeniedException")
		o.Retryer = retry.AddWithMaxAttempts(retry.AddWithMaxBackoffDelay(r, 5*time.Second), 9)
	})
}

// inRegionOf sets the region of a request to that of the secret's ARN. A secret that
// is given by name is in the function's region.
func inRegionOf(secret string) func(*secretsmanager.Options) {
	return func(o *secretsmanager.Options) {
		if a, err := arn.Parse(secret); err == nil {
			o.Region = a.Region
		}
	}
}

func (l login) key(ctx context.Context, secret string) (*rsa.PrivateKey, error) {
	out, err := l.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(secret)}, inRegionOf(secret))
	if err != nil {
		return nil, err
	}
	if out.SecretString != nil {
		return client.ParseKey([]byte(*out.SecretString))
	}
	return client.ParseKey(out.SecretBinary)
}
