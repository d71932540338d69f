package client

import (
	"context"
	"crypto/rsa"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/snowflakedb/gosnowflake/v2"

	"example.com/ingestion/snowflake"
)

// EnvEndpoint is the environment variable with the URL of another server than the
// account's own host: the local Snowflake.
const EnvEndpoint = "SNOWFLAKE_ENDPOINT_URL"

// Timeouts. The driver's defaults are 5 minutes for a login and none for a statement.
const (
	loginTimeout     = time.Minute      // for all attempts to log in
	roundTripTimeout = 2 * time.Minute  // for one HTTP request; a long statement is polled
	requestTimeout   = 10 * time.Minute // for all attempts of one request; the context may end earlier
)

// Client is one session with Snowflake. It runs one statement at a time.
type Client struct {
	db   *sql.DB
	conn *sql.Conn
	role string
	// warehouse is the warehouse to use before the first statement that needs one.
	warehouse string
}

// Row is a row of a result. Its keys are column names in lower case; NULL is nil.
type Row map[string]any

// Text returns the value of a column as text; empty if it is NULL or missing.
func (r Row) Text(column string) string {
	switch v := r[column].(type) {
	case nil:
		return ""
	case string:
		return v
	case time.Time:
		return v.Format(time.RFC3339Nano)
	default:
		return fmt.Sprint(v)
	}
}

// Open logs in. The key is the private key of Connection.User, or nil for a
// connection with WorkloadIdentity. A non-empty endpoint, such as
// http://127.0.0.1:1234, replaces the account's host. An error of the login is an
// *Error with class ErrLogin. Close the client after use.
func Open(ctx context.Context, c snowflake.Connection, key *rsa.PrivateKey, endpoint string) (*Client, error) {
	cfg, err := config(c, key, endpoint)
	if err != nil {
		return nil, err
	}
	configureDriver()
	db := sql.OpenDB(gosnowflake.NewConnector(gosnowflake.SnowflakeDriver{}, cfg))
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(loginError(err, c, key, cfg.Host), db.Close())
	}
	return &Client{db: db, conn: conn, role: c.Role, warehouse: c.Warehouse}, nil
}

// config returns the driver's configuration. Warehouse, Database and Schema are empty,
// because a login fails if one of them does not exist: see prepare for the warehouse;
// the names in statements are qualified.
func config(c snowflake.Connection, key *rsa.PrivateKey, endpoint string) (gosnowflake.Config, error) {
	cfg := gosnowflake.Config{
		Account: c.Account, User: c.User, Role: c.Role, Host: c.Host,
		Application:  "ingestion",
		LoginTimeout: loginTimeout, RequestTimeout: requestTimeout, ClientTimeout: roundTripTimeout,
	}
	switch {
	case c.WorkloadIdentity:
		cfg.Authenticator = gosnowflake.AuthTypeWorkloadIdentityFederation
		cfg.WorkloadIdentityProvider = "AWS"
	case key == nil:
		return cfg, errors.New("connection to Snowflake: neither a key nor workload identity is given; set Secret or WorkloadIdentity")
	default:
		cfg.Authenticator = gosnowflake.AuthTypeJwt
		cfg.PrivateKey = key
	}
	if endpoint == "" {
		return cfg, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return cfg, fmt.Errorf("%s: %q is not a URL such as http://127.0.0.1:1234", EnvEndpoint, endpoint)
	}
	cfg.Protocol, cfg.Host = u.Scheme, u.Hostname()
	switch {
	case u.Port() != "":
		cfg.Port, err = strconv.Atoi(u.Port())
	case u.Scheme == "http":
		cfg.Port = 80 // the driver's default is 443 for both schemes
	}
	return cfg, err
}

// configureDriver disables the driver's log, which repeats the errors, and its
// detection of the cloud platform, which requests the metadata addresses of three
// clouds at the first connection and is controlled by an environment variable.
func configureDriver() {
	_ = gosnowflake.GetLogger().SetLogLevel("off")
	if os.Getenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION") == "" {
		_ = os.Setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
	}
}

// Exec runs a statement and discards its result.
func (c *Client) Exec(ctx context.Context, statement string) error {
	if err := c.prepare(ctx, statement); err != nil {
		return err
	}
	if _, err := c.conn.ExecContext(ctx, statement); err != nil {
		return c.statementError(ctx, err, statement)
	}
	return nil
}

// Query runs a statement and returns all of its rows.
func (c *Client) Query(ctx context.Context, statement string) ([]Row, error) {
	if err := c.prepare(ctx, statement); err != nil {
		return nil, err
	}
	rows, err := c.query(ctx, statement)
	if err != nil {
		return nil, c.statementError(ctx, err, statement)
	}
	return rows, nil
}

func (c *Client) query(ctx context.Context, statement string) (_ []Row, err error) {
	rows, err := c.conn.QueryContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	return scan(rows)
}

// Close ends the session.
func (c *Client) Close() error {
	return errors.Join(c.conn.Close(), c.db.Close())
}
