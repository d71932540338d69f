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

// version is what CURRENT_VERSION() says. The major number is Snowflake's.
const version = "10.0.0-local"

// engine runs statements. One mutex guards the catalog and DuckDB: the local
// Snowflake is right rather than fast.
type engine struct {
	options Options
	storage storage
	db      *sql.DB

	mu       sync.Mutex
	catalog  *catalog
	conn     *sql.Conn // for what no session asked for
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
	e.storage = newStorage(options, e.announced)
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

// describe tells the columns of a statement's result without executing it.
func (e *engine) describe(ctx context.Context, s *session, sql string) (*result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.execute(ctx, s, sql, true)
}

// statement is one that is being executed.
type statement struct {
	*engine
	*sqlparser.Parser
	session  *session
	sql      string
	describe bool
}

type handler func(*statement, context.Context) (*result, error)

// handlers by first word. Each finds the parser behind that word.
var handlers map[string]handler

func init() { // not a literal: tasks run statements themselves
	handlers = map[string]handler{
		"SELECT": (*statement).query, "WITH": (*statement).query,
		"INSERT": (*statement).dml, "UPDATE": (*statement).dml, "DELETE": (*statement).dml, "MERGE": (*statement).dml,
		"TRUNCATE": (*statement).truncate,
		"COPY":     (*statement).copyInto,
		"CREATE":   (*statement).create, "ALTER": (*statement).alter, "DROP": (*statement).drop,
		"DESC": (*statement).desc, "DESCRIBE": (*statement).desc, "SHOW": (*statement).show,
		"USE": (*statement).use, "GRANT": (*statement).grant, "REVOKE": (*statement).revoke,
		"EXECUTE": (*statement).executeTask,
		"BEGIN":   (*statement).transaction, "START": (*statement).transaction,
		"COMMIT": (*statement).transaction, "ROLLBACK": (*statement).transaction,
	}
}

// execute needs the engine's mutex.
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
	r, err := handle(st, ctx)
	if err != nil {
		return nil, e.explain(err)
	}
	return r, nil
}

// exec runs DuckDB's SQL where nothing comes back.
func (e *engine) exec(ctx context.Context, conn *sql.Conn, statements ...string) error {
	for _, statement := range statements {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%w\nin: %s", err, statement)
		}
	}
	return nil
}

// explain gives DuckDB's errors the numbers of Snowflake's.
func (e *engine) explain(err error) error {
	var known *sqlError
	var syntax *sqlparser.Error
	if errors.As(err, &known) || errors.As(err, &syntax) {
		return err
	}
	if converted := cloudError(err); converted != nil {
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
