package snowflake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	_ "github.com/duckdb/duckdb-go/v2" // the driver

	"example.com/ingestion/internal/sqltext"
	"example.com/ingestion/local/snowflake/sqlparser"
)

// version is the result of CURRENT_VERSION(). The major number is that of Snowflake.
const version = "10.0.0-local"

// engine runs statements. One mutex protects the catalog and DuckDB, so that
// statements run one after another.
type engine struct {
	options Options
	storage storage
	db      *sql.DB

	mu       sync.Mutex
	catalog  *catalog
	conn     *sql.Conn // for statements without a session
	sessions int64
	scratch  int64          // numbers temporary tables
	runs     sync.WaitGroup // tasks
	running  int
	taskLog  []*taskRun
	copyLog  []*fileLoad
}

func newEngine(ctx context.Context, options Options) (*engine, error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, fmt.Errorf("open DuckDB: %w", err)
	}
	e := &engine{options: options, db: db, catalog: newCatalog()}
	if e.conn, err = db.Conn(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open DuckDB: %w", err), db.Close())
	}
	if err := e.prepareDatabase(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	e.storage = newStorage(options, e.handleEvents)
	return e, nil
}

func (e *engine) close() error {
	e.runs.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(e.storage.Close(ctx), e.conn.Close(), e.db.Close())
}

func (e *engine) log(format string, args ...any) {
	fmt.Fprintf(e.options.Log, "snowflake: "+format+"\n", args...)
}

// run executes one statement.
func (e *engine) run(ctx context.Context, s *session, sql string) (*result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.execute(ctx, s, sql, false)
}

// describe returns the columns of a statement's result without executing it.
func (e *engine) describe(ctx context.Context, s *session, sql string) (*result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.execute(ctx, s, sql, true)
}

// statement is a statement that is being executed.
type statement struct {
	*engine
	*sqlparser.Parser
	session  *session
	sql      string
	describe bool
}

type handler func(*statement, context.Context) (*result, error)

// handlers has the handler for each keyword with which a statement may start.
var handlers map[string]handler

func init() { // a literal would be an initialization cycle, because tasks run statements
	handlers = map[string]handler{
		"SELECT": (*statement).query, "WITH": (*statement).query,
		"INSERT": (*statement).dml, "UPDATE": (*statement).dml, "DELETE": (*statement).dml, "MERGE": (*statement).dml,
		"TRUNCATE": (*statement).truncate,
		"COPY":     (*statement).copyInto,
		"CREATE":   (*statement).create, "ALTER": (*statement).alter, "DROP": (*statement).drop,
		"DESC": (*statement).desc, "DESCRIBE": (*statement).desc, "SHOW": (*statement).show,
		"USE": (*statement).use, "GRANT": (*statement).grant, "REVOKE": (*statement).revoke,
		"EXECUTE": (*statement).executeTask, "LIST": (*statement).list, "LS": (*statement).list,
		"BEGIN": (*statement).transaction, "START": (*statement).transaction,
		"COMMIT": (*statement).transaction, "ROLLBACK": (*statement).transaction,
	}
}

// execute runs or describes one statement. The caller holds the mutex.
func (e *engine) execute(ctx context.Context, s *session, text string, describe bool) (*result, error) {
	p, err := sqlparser.New(text)
	if err != nil {
		return nil, err
	}
	p.TrimSemicolon()
	first := p.Peek()
	if first.Kind == sqltext.End {
		return nil, errorf("000900", "42601", "SQL compilation error:\nEmpty SQL statement.")
	}
	if slices.ContainsFunc(p.Tokens, func(t sqltext.Token) bool { return t.Is(";") }) {
		return nil, errorf("000008", "0A000", "Actual statement count 2 did not match the desired statement count 1.")
	}
	handle := handlers[first.Value]
	if first.Is("(") {
		handle = (*statement).query
	}
	if handle == nil || first.Kind == sqltext.Quoted {
		return nil, p.Unexpected("a statement that the local Snowflake supports")
	}
	if err := sqlparser.Check(text); err != nil {
		return nil, err
	}
	st := &statement{engine: e, Parser: p, session: s, sql: text, describe: describe}
	if s.noDefaultWarehouse && s.snapshot().warehouse == "" && needsWarehouse(p) {
		return nil, errorf("000606", "57P03", "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.")
	}
	r, err := handle(st, ctx)
	if err != nil {
		return nil, e.snowflakeError(err)
	}
	return r, nil
}

// exec runs statements of DuckDB without a result.
func (e *engine) exec(ctx context.Context, conn *sql.Conn, statements ...string) error {
	for _, statement := range statements {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%w\nin: %s", err, statement)
		}
	}
	return nil
}

// snowflakeError converts an error of DuckDB to the corresponding error of Snowflake.
func (e *engine) snowflakeError(err error) error {
	var known *sqlError
	var syntax *sqlparser.Error
	if errors.As(err, &known) || errors.As(err, &syntax) {
		return err
	}
	if converted := awsError(err); converted != nil {
		return converted
	}
	text := err.Error()
	first, _, _ := strings.Cut(text, "\n")
	for _, rule := range []struct{ prefix, mark, code, state string }{
		{"Parser Error", "", "001003", "42000"},
		{"Binder Error", "not found in FROM clause", "000904", "42000"},
		{"Binder Error", "does not have a column", "000904", "42000"},
		{"Binder Error", "", "001007", "22023"},
		{"Catalog Error", "Function with name", "002140", "42601"},
		{"Catalog Error", "already exists", "002002", "42710"},
		{"Catalog Error", "", "002003", "42S02"},
		{"Conversion Error", "", "100038", "22018"},
		{"Constraint Error", "NOT NULL", "100072", "22000"},
		{"Invalid Input Error", "", "100038", "22018"},
		{"Out of Range Error", "", "100039", "22003"},
	} {
		if strings.Contains(first, rule.prefix) && strings.Contains(first, rule.mark) {
			return errorf(rule.code, rule.state, "SQL compilation error:\n%s", text)
		}
	}
	return err
}

// needsWarehouse reports whether Snowflake runs a statement in a warehouse: queries of a
// table or table function, and what changes rows.
// https://docs.snowflake.com/en/user-guide/warehouses-overview
func needsWarehouse(p *sqlparser.Parser) bool {
	switch first := p.Peek(); {
	case first.Is("SELECT"), first.Is("WITH"), first.Is("("):
		return slices.ContainsFunc(p.Tokens, func(t sqltext.Token) bool { return t.Is("FROM") })
	default:
		return slices.ContainsFunc([]string{"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"}, first.Is)
	}
}
