// Package warehouse opens a deployed feed's connection to Snowflake, for the
// verbs that look there.
package warehouse

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// ErrNone is a feed that has nothing in Snowflake, ErrNoConnection one whose
// deployment does not reach it.
var (
	ErrNone         = errors.New("has no Snowflake")
	ErrNoConnection = errors.New("is deployed without a connection to Snowflake")
)

// Warehouse is a session with the account of Snowflake that a feed loads into,
// as the role that owns the feed's objects. It runs one statement at a time.
type Warehouse struct {
	*client.Client
	// Spec and Plan are the feed's objects there.
	Spec snowflake.Spec
	Plan snowflake.Plan
	// Connection is what the session was opened with.
	Connection snowflake.Connection
}

// Secrets is the part of Secrets Manager that has the key.
type Secrets interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Open logs in as the feed's deployment does: with the connection that its
// template names, and the key from its secret. client.EnvEndpoint, through
// getenv, leads elsewhere than to the account's own host. An error wraps
// ErrNone, ErrNoConnection or client.ErrLogin, and says what to do. Close ends
// the session.
func Open(ctx context.Context, l *operator.Live, getenv func(string) string) (*Warehouse, error) {
	return open(ctx, l, secretsmanager.NewFromConfig(l.Account.Config), getenv(client.EnvEndpoint))
}

func open(ctx context.Context, l *operator.Live, secrets Secrets, endpoint string) (*Warehouse, error) {
	w, err := Describe(l)
	if err != nil {
		return nil, err
	}
	var key *rsa.PrivateKey
	if !w.Connection.WorkloadIdentity {
		if key, err = readKey(ctx, secrets, w.Connection); err != nil {
			return nil, fmt.Errorf("feed %q: key of Snowflake user %q: %w", l.Name, w.Connection.User, err)
		}
	}
	if w.Client, err = client.Open(ctx, w.Connection, key, endpoint); err != nil {
		if w.Connection.WorkloadIdentity {
			err = fmt.Errorf("%w; the feed's function logs in as its own IAM role, and so must you: give the credentials of that role, or the user a key and the connection its Secret", err)
		}
		return nil, fmt.Errorf("feed %q: %w", l.Name, err)
	}
	return w, nil
}

// Describe returns what Open would log in to, without a session: its Client is nil.
func Describe(l *operator.Live) (*Warehouse, error) {
	if l.Snowflake == nil {
		return nil, fmt.Errorf("feed %q %w: give it a Snowflake prop in the app, and deploy stack %s", l.Name, ErrNone, l.Stack)
	}
	if l.Connection == nil {
		return nil, fmt.Errorf("feed %q %w: its objects are made by hand, `ingest sql %s` prints the statements; to have the command look there, give the feed a Snowflake.Connection and deploy stack %s with this version",
			l.Name, ErrNoConnection, l.Name, l.Stack)
	}
	names, err := l.SnowflakeNames()
	if err != nil {
		return nil, err
	}
	w := &Warehouse{Spec: l.Snowflake.WithDefaults(), Connection: *l.Connection}
	if w.Connection.Secret == "" {
		w.Connection.Secret = l.Output("SnowflakeSecret")
	}
	if w.Plan, err = w.Spec.Plan(names); err != nil {
		return nil, fmt.Errorf("feed %q: what its template says of Snowflake: %w", l.Name, err)
	}
	return w, nil
}

// readKey reads a user's key from its secret; one that is given by its ARN is
// looked up in the ARN's region.
func readKey(ctx context.Context, secrets Secrets, c snowflake.Connection) (*rsa.PrivateKey, error) {
	if c.Secret == "" {
		return nil, errors.New("the template names no secret: deploy the feed again with this version")
	}
	inRegion := func(o *secretsmanager.Options) {
		if a, err := arn.Parse(c.Secret); err == nil {
			o.Region = a.Region
		}
	}
	out, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &c.Secret}, inRegion)
	if err != nil {
		return nil, fmt.Errorf("secret %q: %w", c.Secret, explain(err))
	}
	text := out.SecretBinary
	if out.SecretString != nil {
		text = []byte(aws.ToString(out.SecretString))
	}
	key, err := client.ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("secret %q: %w", c.Secret, err)
	}
	return key, nil
}

// explain adds the way out to an error of Secrets Manager, where there is one.
func explain(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	switch api.ErrorCode() {
	case "AccessDeniedException":
		return fmt.Errorf("%w: allow these credentials secretsmanager:GetSecretValue on it and, where a KMS key of your own encrypts it, kms:Decrypt on that", err)
	case "ResourceNotFoundException":
		return fmt.Errorf("%w: make it as docs/snowflake.md says; in another region it must be given by its ARN", err)
	}
	return err
}
