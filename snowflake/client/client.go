// Package client speaks to an account of Snowflake through the gosnowflake
// driver: one session, statement by statement, with errors that say what to do.
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

// EnvEndpoint is the environment variable that sends the driver elsewhere than
// to the account's own host: to the local Snowflake.
const EnvEndpoint = "SNOWFLAKE_ENDPOINT_URL"

// The driver's own limits are 5 minutes for a login and none for a statement.
const (
	loginTimeout     = time.Minute      // of all attempts to log in
	roundTripTimeout = 2 * time.Minute  // of one HTTP request; a long statement is polled, each poll is one
	requestTimeout   = 10 * time.Minute // of all attempts of one request; contexts bound it closer
)

// Client is one session with Snowflake. It runs one statement at a time.
type Client struct {
	db   *sql.DB
	conn *sql.Conn
	role string
}

// Row is a row of a result by lower-case column names. NULL is nil.
type Row map[string]any

// Text returns the column as text; empty if it is NULL or missing.
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

// Open logs in. The key is that of Connection.User, and nil for a connection
// with WorkloadIdentity. A non-empty endpoint, such as http://127.0.0.1:1234,
// takes the place of the account's host.
func Open(ctx context.Context, c snowflake.Connection, key *rsa.PrivateKey, endpoint string) (*Client, error) {
	cfg, err := config(c, key, endpoint)
	if err != nil {
		return nil, err
	}
	quiet()
	db := sql.OpenDB(gosnowflake.NewConnector(gosnowflake.SnowflakeDriver{}, cfg))
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(loginError(err, c, key, cfg.Host), db.Close())
	}
	return &Client{db: db, conn: conn, role: c.Role}, nil
}

// config leaves Database and Schema empty: the driver refuses to log in where
// they do not exist, and statements have qualified names anyway.
func config(c snowflake.Connection, key *rsa.PrivateKey, endpoint string) (gosnowflake.Config, error) {
	cfg := gosnowflake.Config{
		Account: c.Account, User: c.User, Role: c.Role, Warehouse: c.Warehouse, Host: c.Host,
		Application:  "ingestion",
		LoginTimeout: loginTimeout, RequestTimeout: requestTimeout, ClientTimeout: roundTripTimeout,
	}
	switch {
	case c.WorkloadIdentity:
		cfg.Authenticator = gosnowflake.AuthTypeWorkloadIdentityFederation
		cfg.WorkloadIdentityProvider = "AWS"
	case key == nil:
		return cfg, errors.New("connection of Snowflake: neither a key nor workload identity; set Secret or WorkloadIdentity")
	default:
		cfg.Authenticator = gosnowflake.AuthTypeJwt
		cfg.PrivateKey = key
	}
	if endpoint == "" {
		return cfg, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return cfg, fmt.Errorf("%s: %q is no URL like http://127.0.0.1:1234", EnvEndpoint, endpoint)
	}
	cfg.Protocol, cfg.Host = u.Scheme, u.Hostname()
	switch {
	case u.Port() != "":
		cfg.Port, err = strconv.Atoi(u.Port())
	case u.Scheme == "http":
		cfg.Port = 80 // the driver takes 443 for either scheme
	}
	return cfg, err
}

// quiet keeps the driver from logging what the errors say too, and from asking
// metadata addresses of three clouds where it runs, which it does at its first
// connection and which only the environment turns off.
func quiet() {
	_ = gosnowflake.GetLogger().SetLogLevel("off")
	if os.Getenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION") == "" {
		_ = os.Setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
	}
}

// Exec runs a statement whose result is of no interest.
func (c *Client) Exec(ctx context.Context, statement string) error {
	if _, err := c.conn.ExecContext(ctx, statement); err != nil {
		return c.statementError(ctx, err, statement)
	}
	return nil
}

// Query runs a statement and returns all of its rows.
func (c *Client) Query(ctx context.Context, statement string) ([]Row, error) {
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
