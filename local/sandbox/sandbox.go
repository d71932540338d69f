// Package sandbox is the local cloud: the local AWS and the local Snowflake, with a
// user, the user's key in Secrets Manager, and a database. It is for the demo, `make
// local` and the end-to-end tests.
package sandbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/snowflakedb/gosnowflake/v2"

	"example.com/ingestion/local"
	"example.com/ingestion/local/snowflake"
	sf "example.com/ingestion/snowflake"
)

// The Snowflake account, user, role, database and secret to which package app
// connects the feeds in the local cloud.
const (
	Account = "local-sandbox"
	User    = "INGESTION"
	Role    = "INGESTION"
	// Database has the schema PUBLIC; CreateSchema creates others.
	Database = "RAW"
	Secret   = "ingestion/snowflake" //nolint:gosec // the name of a secret
)

// propagation is the time before a new role can be assumed: seconds on AWS.
const propagation = 2 * time.Second

// Sandbox is a running local AWS and Snowflake.
type Sandbox struct {
	*local.Env
	Snowflake *snowflake.Server
	// Key is the user's, as Snowflake knows it.
	Key *rsa.PrivateKey
}

// Start starts both. They end with Close and with this process, not with ctx, because
// the local Snowflake deletes its subscriptions from AWS before it ends.
func Start(ctx context.Context, o local.Options) (*Sandbox, error) { return start(ctx, o, false) }

// StartInteractive is Start for trying an app out: a database or schema that a
// feed names is created when it is missing, where Snowflake would refuse the feed.
func StartInteractive(ctx context.Context, o local.Options) (*Sandbox, error) {
	return start(ctx, o, true)
}

func start(ctx context.Context, o local.Options, createSchemas bool) (_ *Sandbox, err error) {
	ctx = context.WithoutCancel(ctx)
	env, err := local.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{Env: env}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	cfg, err := env.AWSConfig(ctx)
	if err != nil {
		return nil, err
	}
	options := snowflake.Options{AWS: cfg, Log: o.Log, PropagationDelay: propagation}
	if createSchemas {
		options.CreateSchema = s.createSchemaOf
	}
	if s.Snowflake, err = snowflake.Start(ctx, options); err != nil {
		return nil, err
	}
	env.Host().Setenv("SNOWFLAKE_ENDPOINT_URL", s.Snowflake.URL())
	if s.Key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, fmt.Errorf("key of the Snowflake user: %w", err)
	}
	s.Snowflake.AddUser(User, &s.Key.PublicKey, "", Role)
	if err := s.CreateSchema(ctx, "PUBLIC"); err != nil {
		return nil, err
	}
	_, err = secretsmanager.NewFromConfig(cfg).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String(Secret)})
	if err != nil {
		return nil, fmt.Errorf("secret of the Snowflake user: %w", err)
	}
	return s, s.PutKey(ctx, s.Key)
}

// CreateSchema creates a schema of Database in which the app's role may create what
// a feed needs, with the privileges that docs/snowflake.md lists.
func (s *Sandbox) CreateSchema(ctx context.Context, schema string) error {
	return s.createSchemaOf(ctx, Database, schema)
}

func (s *Sandbox) createSchemaOf(ctx context.Context, database, schema string) error {
	schema = cmp.Or(schema, "PUBLIC")
	if err := s.Snowflake.CreateDatabase(database, schema); err != nil {
		return err
	}
	name := sf.Qualified(database, schema)
	return s.Snowflake.Exec(ctx,
		"GRANT CREATE INTEGRATION, EXECUTE TASK, EXECUTE MANAGED TASK ON ACCOUNT TO ROLE "+Role,
		"GRANT USAGE ON DATABASE "+sf.Identifier(database)+" TO ROLE "+Role,
		"GRANT USAGE, CREATE TABLE, CREATE EXTERNAL TABLE, CREATE VIEW, CREATE STAGE, CREATE FILE FORMAT, CREATE PIPE, CREATE TASK, CREATE STREAM ON SCHEMA "+name+" TO ROLE "+Role,
	)
}

// PutKey puts a private key into the secret.
func (s *Sandbox) PutKey(ctx context.Context, key *rsa.PrivateKey) error {
	cfg, err := s.AWSConfig(ctx)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("key of the Snowflake user: %w", err)
	}
	_, err = secretsmanager.NewFromConfig(cfg).PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId:     aws.String(Secret),
		SecretString: aws.String(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))),
	})
	if err != nil {
		return fmt.Errorf("key of the Snowflake user: %w", err)
	}
	return nil
}

// Query returns connections to the local Snowflake by the official driver.
func (s *Sandbox) Query() (*sql.DB, error) {
	u, err := url.Parse(s.Snowflake.URL())
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(gosnowflake.NewConnector(gosnowflake.SnowflakeDriver{}, gosnowflake.Config{
		Account: Account, User: User, Role: Role,
		Protocol: u.Scheme, Host: u.Hostname(), Port: port,
		Authenticator: gosnowflake.AuthTypeJwt, PrivateKey: s.Key,
	})), nil
}

// Idle waits until no event is pending, and Snowflake has loaded every object of which
// it was notified.
func (s *Sandbox) Idle(ctx context.Context) error {
	if err := s.Host().Idle(ctx); err != nil {
		return err
	}
	return s.Snowflake.Idle(ctx)
}

// Close ends both. Closing again does nothing.
func (s *Sandbox) Close() error {
	var errs []error
	if s.Snowflake != nil {
		errs = append(errs, s.Snowflake.Close())
	}
	return errors.Join(append(errs, s.Env.Close())...)
}
