package snowflake

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
)

// session is the session of a client.
type session struct {
	id    int64
	user  string
	roles []string // that USE ROLE may name
	conn  *sql.Conn
	// noDefaultWarehouse is set if queries need USE WAREHOUSE first.
	noDefaultWarehouse bool

	mu sync.Mutex // protects sessionState, which responses read concurrently
	sessionState
}

// sessionState has the current role, warehouse, database and schema.
type sessionState struct {
	role, warehouse, database, schema string
}

func (s *session) snapshot() sessionState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessionState
}

func (s *session) set(change func(*sessionState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.sessionState)
}

func (s *session) close() { _ = s.conn.Close() } // the database is in memory: no data can be lost

func (e *engine) newSession(ctx context.Context, user, role string) (*session, error) {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open DuckDB: %w", err)
	}
	if err := e.exec(ctx, conn, connectionSettings...); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sessions++
	return &session{id: e.sessions, user: user, roles: []string{role}, conn: conn, sessionState: sessionState{role: role}}, nil
}

// start sets the warehouse, database and schema of a login. As in Snowflake, a login
// with one that does not exist fails, and they stay unset if it does not name them.
// https://docs.snowflake.com/en/developer-guide/node-js/nodejs-driver-options (validateDefaultParameters)
func (e *engine) start(s *session, warehouse, database, schema string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	warehouse, database, schema = strings.ToUpper(warehouse), strings.ToUpper(database), strings.ToUpper(schema)
	if warehouse != "" {
		if _, err := e.lookup(s, kindWarehouse, []string{warehouse}, "USAGE"); err != nil {
			return err
		}
		s.set(func(p *sessionState) { p.warehouse = warehouse })
	}
	if database == "" {
		return nil
	}
	if schema == "" {
		schema = defaultSchema
	}
	if _, err := e.schemaOf(s, database, schema); err != nil {
		return err
	}
	s.set(func(p *sessionState) { p.database, p.schema = database, schema })
	return nil
}

// use changes role, warehouse, database or schema.
func (st *statement) use(context.Context) (*result, error) {
	st.Next()
	what := "DATABASE"
	for _, w := range []string{"ROLE", "WAREHOUSE", "DATABASE", "SCHEMA"} {
		if st.Accept(w) {
			what = w
			break
		}
	}
	if what == "ROLE" && st.Accept("ALL") || st.Accept("SECONDARY") {
		return nil, errUnsupported("USE SECONDARY ROLES")
	}
	parts, err := st.Name()
	if err != nil {
		return nil, err
	}
	if err := st.ExpectEnd(); err != nil {
		return nil, err
	}
	s := st.session
	switch what {
	case "ROLE":
		if !st.catalog.canUse(s.roles, parts[0]) {
			return nil, errorf("003013", "42501", "SQL access control error:\nRequested role '%s' is not assigned to the executing user. Specify another role to activate.", parts[0])
		}
		s.set(func(p *sessionState) { p.role = parts[0] })
	case "WAREHOUSE":
		w, err := st.find(kindWarehouse, parts)
		if err != nil {
			return nil, err
		}
		s.set(func(p *sessionState) { p.warehouse = w.name })
	case "DATABASE":
		if len(parts) != 1 {
			return nil, errSyntax("the name of a database has one part.")
		}
		if _, err := st.databaseOf(s, parts[0]); err != nil {
			return nil, err
		}
		s.set(func(p *sessionState) { p.database, p.schema = parts[0], defaultSchema })
	case "SCHEMA":
		if len(parts) == 1 {
			parts = []string{s.database, parts[0]}
		}
		if _, err := st.schemaOf(s, parts[0], parts[1]); err != nil {
			return nil, err
		}
		s.set(func(p *sessionState) { p.database, p.schema = parts[0], parts[1] })
	}
	return done("Statement executed successfully."), nil
}

// transaction runs BEGIN, COMMIT and ROLLBACK.
func (st *statement) transaction(ctx context.Context) (*result, error) {
	word := st.Next().Value
	if word == "START" {
		word = "BEGIN"
	}
	if !st.Accept("TRANSACTION") {
		st.Accept("WORK")
	}
	if err := st.ExpectEnd(); err != nil {
		return nil, err
	}
	if err := st.exec(ctx, st.session.conn, word); err != nil {
		return nil, err
	}
	return done("Statement executed successfully."), nil
}
