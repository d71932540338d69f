// Package snowflakeconn opens a session with the Snowflake account that a deployed
// feed is loaded into, for the verbs query, doctor, reconcile and ui. It logs in with
// the connection that the feed's deployment uses.
package snowflakeconn

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

// ErrNoSnowflake is for a feed that is not loaded into Snowflake, ErrNoConnection for
// one whose deployment does not connect to Snowflake.
var (
	ErrNoSnowflake  = errors.New("is not loaded into Snowflake")
	ErrNoConnection = errors.New("is deployed without a connection to Snowflake")
)

// Conn is a session as the role that owns the feed's objects. It runs one statement at
// a time.
type Conn struct {
	*client.Client
	// Spec and Plan describe the feed's objects in Snowflake.
	Spec snowflake.Spec
	Plan snowflake.Plan
	// Connection is what the session was opened with.
	Connection snowflake.Connection
}

// Secrets is the part of the Secrets Manager client that the package uses.
type Secrets interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Open logs in with the connection that the feed's template names and the key from
// its secret. The environment variable client.EnvEndpoint, read by getenv, replaces
// the host of the Snowflake account. The error wraps ErrNoSnowflake, ErrNoConnection
// or client.ErrLogin. Close ends the session.
func Open(ctx context.Context, d *operator.Deployment, getenv func(string) string) (*Conn, error) {
	return open(ctx, d, secretsmanager.NewFromConfig(d.Account.Config), getenv(client.EnvEndpoint))
}

func open(ctx context.Context, d *operator.Deployment, secrets Secrets, endpoint string) (*Conn, error) {
	conn, err := Describe(d)
	if err != nil {
		return nil, err
	}
	var key *rsa.PrivateKey
	if !conn.Connection.WorkloadIdentity {
		if key, err = readKey(ctx, secrets, conn.Connection); err != nil {
			return nil, fmt.Errorf("feed %q: key of Snowflake user %q: %w", d.Name, conn.Connection.User, err)
		}
	}
	if conn.Client, err = client.Open(ctx, conn.Connection, key, endpoint); err != nil {
		if conn.Connection.WorkloadIdentity {
			err = fmt.Errorf("%w; workload identity logs in with the IAM role of the feed's function: use the credentials of that role, or give the Snowflake user a key and the connection its Secret", err)
		}
		return nil, fmt.Errorf("feed %q: %w", d.Name, err)
	}
	return conn, nil
}

// Describe is Open without the login: the Client of the result is nil.
func Describe(d *operator.Deployment) (*Conn, error) {
	if d.Snowflake == nil {
		return nil, fmt.Errorf("feed %q %w: give it a Snowflake prop in the app and deploy stack %s", d.Name, ErrNoSnowflake, d.Stack)
	}
	if d.Connection == nil {
		return nil, fmt.Errorf("feed %q %w: its objects are created by hand with the statements that `ingest sql %s` prints; to connect, give the feed a Snowflake.Connection and deploy stack %s",
			d.Name, ErrNoConnection, d.Name, d.Stack)
	}
	names, err := d.SnowflakeNames()
	if err != nil {
		return nil, err
	}
	conn := &Conn{Spec: d.Snowflake.WithDefaults(), Connection: *d.Connection}
	if conn.Connection.Secret == "" {
		conn.Connection.Secret = d.Output("SnowflakeSecret")
	}
	if conn.Plan, err = conn.Spec.Plan(names); err != nil {
		return nil, fmt.Errorf("feed %q: the Snowflake metadata of its template: %w", d.Name, err)
	}
	return conn, nil
}

// readKey reads the private key of the user from its secret, in the region of the
// secret's ARN if it is given by its ARN.
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

// explain adds the remedy to an error of a Secrets Manager request.
func explain(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	switch api.ErrorCode() {
	case "AccessDeniedException":
		return fmt.Errorf("%w: allow these credentials secretsmanager:GetSecretValue on the secret and, if a customer-managed KMS key encrypts it, kms:Decrypt on the key", err)
	case "ResourceNotFoundException":
		return fmt.Errorf("%w: create it as docs/snowflake.md describes; a secret in another region must be given by its ARN", err)
	}
	return err
}
