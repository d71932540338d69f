package snowflake

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/ingestion/local/snowflake/awsaccess"
)

// The IAM users of the local Snowflake account: one assumes the roles of its storage
// integrations, the other subscribes to topics.
const (
	IAMUserARN = awsaccess.IAMUserARN
	SNSUserARN = awsaccess.SNSUserARN
)

// Options of a local Snowflake.
type Options struct {
	// AWS is the configuration of the local AWS.
	AWS aws.Config
	// Log receives a line for each load, task and failure. Default: none.
	Log io.Writer
	// PropagationDelay is how long a new role cannot be assumed, as changes in IAM need
	// time to propagate. Default: 0.
	PropagationDelay time.Duration
	// Account is the only account identifier with which clients can log in. Default: any.
	Account string
	// Poll is the interval at which schedules are checked and events are retried.
	// Default: a second.
	Poll time.Duration
	// CreateSchema, if not nil, is called for a database or schema that a statement
	// names and that does not exist (schema is empty for a database); the statement
	// is then run again. Default: the statement fails, as in Snowflake.
	CreateSchema func(ctx context.Context, database, schema string) error
}

// Server is a running local Snowflake.
type Server struct {
	options    Options
	engine     *engine
	listener   net.Listener
	http       *http.Server
	tokenStore *tokenStore
	queries    *queries
	stop       context.CancelFunc
	work       sync.WaitGroup
}

// Start starts a server on a free port of 127.0.0.1, which runs until Close. The end
// of ctx stops its background work. The account has the predefined roles and nothing
// else: see AddUser, CreateDatabase and Exec.
func Start(ctx context.Context, options Options) (*Server, error) {
	if options.Log == nil {
		options.Log = io.Discard
	}
	if options.Poll <= 0 {
		options.Poll = time.Second
	}
	engine, err := newEngine(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("local snowflake: %w", err)
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("local snowflake: %w", err), engine.close())
	}
	background, stop := context.WithCancel(ctx)
	s := &Server{
		options: options, engine: engine, listener: listener, stop: stop,
		tokenStore: newTokenStore(options.Account),
		queries:    &queries{byID: map[string]*query{}, byRequest: map[string]*query{}, background: background},
	}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	s.work.Go(func() { _ = s.http.Serve(listener) }) // always returns ErrServerClosed
	s.work.Go(func() { engine.background(background, options.Poll) })
	return s, nil
}

// URL returns the URL for SNOWFLAKE_ENDPOINT_URL.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// AddUser creates or replaces a user, with a key, a password or both. Roles that do
// not exist are created; the first one is the default.
func (s *Server) AddUser(name string, key *rsa.PublicKey, password string, roles ...string) {
	upper := make([]string, len(roles))
	for i, r := range roles {
		upper[i] = strings.ToUpper(r)
		s.engine.addRole(upper[i])
	}
	s.tokenStore.add(&user{name: strings.ToUpper(name), key: key, password: password, roles: upper})
}

// UnsetDefaultWarehouse makes the queries of a user's new sessions fail until the session
// uses a warehouse. Without it users have a default one.
func (s *Server) UnsetDefaultWarehouse(name string) {
	s.tokenStore.mu.Lock()
	defer s.tokenStore.mu.Unlock()
	if u := s.tokenStore.users[strings.ToUpper(name)]; u != nil {
		u.noDefaultWarehouse = true
	}
}

// CreateDatabase creates a database with schema PUBLIC and the given ones, owned by
// ACCOUNTADMIN. What exists is not changed.
func (s *Server) CreateDatabase(name string, schemas ...string) error {
	statements := []string{"CREATE DATABASE IF NOT EXISTS " + quote(strings.ToUpper(name))}
	for _, schema := range schemas {
		statements = append(statements, "CREATE SCHEMA IF NOT EXISTS "+quote(strings.ToUpper(name))+"."+quote(strings.ToUpper(schema)))
	}
	return s.Exec(context.Background(), statements...)
}

// Exec runs statements as ACCOUNTADMIN, such as grants.
func (s *Server) Exec(ctx context.Context, statements ...string) error {
	session, err := s.engine.newSession(ctx, "ADMIN", adminRole)
	if err != nil {
		return err
	}
	defer session.close()
	for _, statement := range statements {
		if _, err := s.engine.run(ctx, session, statement); err != nil {
			return fmt.Errorf("local snowflake: %s: %w", statement, err)
		}
	}
	return nil
}

// Idle waits until all files for which notifications were published are loaded,
// except by paused pipes, and no task is running.
func (s *Server) Idle(ctx context.Context) error { return s.engine.idle(ctx) }

// Close stops the server and drops all its data.
func (s *Server) Close() error {
	s.stop()
	err := s.http.Close()
	s.work.Wait()
	s.queries.wait()
	return errors.Join(err, s.engine.close())
}
