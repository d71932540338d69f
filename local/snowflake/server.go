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

// The identities of the local Snowflake's account: the user that assumes the
// roles of its storage integrations, and the user that subscribes to topics.
const (
	IAMUserARN = awsaccess.IAMUserARN
	SNSUserARN = awsaccess.SNSUserARN
)

// Options of a local Snowflake.
type Options struct {
	// AWS is where buckets, roles, topics and queues are.
	AWS aws.Config
	// Log takes a line for each load, task and failure. Default: nothing.
	Log io.Writer
	// PropagationDelay is how long a new role is refused, as IAM's changes take
	// seconds to hold. Default: none.
	PropagationDelay time.Duration
	// Account is the only account identifier that logins may name. Default: any.
	Account string
	// Poll is how often topics and schedules are looked at. Default: a second.
	Poll time.Duration
}

// Server is a running local Snowflake.
type Server struct {
	options  Options
	engine   *engine
	listener net.Listener
	http     *http.Server
	logins   *logins
	queries  *queries
	stop     context.CancelFunc
	work     sync.WaitGroup
}

// Start serves on a free port of 127.0.0.1 until Close; ctx ending stops the
// work in the background too. The account is empty but for role ACCOUNTADMIN:
// see AddUser, CreateDatabase and Exec.
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
		logins:  newLogins(options.Account),
		queries: &queries{byID: map[string]*query{}, byRequest: map[string]*query{}, background: background},
	}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	s.work.Go(func() { _ = s.http.Serve(listener) }) // always ErrServerClosed: Close is the one way out
	s.work.Go(func() { engine.background(background, options.Poll) })
	return s, nil
}

// URL is what SNOWFLAKE_ENDPOINT_URL is set to.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// AddUser makes a user, or replaces one: with a key, a password or both, and
// with roles, which are made if they are missing. The first is the default one.
func (s *Server) AddUser(name string, key *rsa.PublicKey, password string, roles ...string) {
	upper := make([]string, len(roles))
	for i, r := range roles {
		upper[i] = strings.ToUpper(r)
		s.engine.addRole(upper[i])
	}
	s.logins.add(&user{name: strings.ToUpper(name), key: key, password: password, roles: upper})
}

// CreateDatabase makes a database with schema PUBLIC and the named ones, owned
// by ACCOUNTADMIN. What exists stays as it is.
func (s *Server) CreateDatabase(name string, schemas ...string) error {
	statements := []string{"CREATE DATABASE IF NOT EXISTS " + quote(strings.ToUpper(name))}
	for _, schema := range schemas {
		statements = append(statements, "CREATE SCHEMA IF NOT EXISTS "+quote(strings.ToUpper(name))+"."+quote(strings.ToUpper(schema)))
	}
	return s.Exec(context.Background(), statements...)
}

// Exec runs statements as ACCOUNTADMIN, to set the account up: grants, mostly.
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

// Idle returns when every file that was announced so far is loaded, unless its
// pipe is paused, and no task is running.
func (s *Server) Idle(ctx context.Context) error { return s.engine.idle(ctx) }

// Close stops the server and drops all its data.
func (s *Server) Close() error {
	s.stop()
	err := s.http.Close()
	s.work.Wait()
	s.queries.wait()
	return errors.Join(err, s.engine.close())
}
