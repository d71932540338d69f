package snowflake

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/ingestion/local/snowflake/sqlparser"
)

type tableColumn struct {
	name, kind string // kind is the data type in Snowflake
	required   bool
}

// table is a table with its load history by file. Snowflake keeps the history for 64
// days; here it is kept until the server is closed.
type table struct {
	columns []tableColumn
	evolve  bool
	loaded  map[string]*fileLoad // by bucket and key
}

// createTable runs CREATE TABLE (columns) or CREATE TABLE AS SELECT.
func createTable(st *statement, ctx context.Context, o, _ *object) (func() error, error) {
	d := &table{loaded: map[string]*fileLoad{}}
	o.detail = d
	var definitions []string
	if st.Peek().Is("(") {
		inner, err := st.Group()
		if err != nil {
			return nil, err
		}
		for _, part := range inner.Split() {
			c, definition, err := columnDefinition(part)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(d.columns, func(other tableColumn) bool { return strings.EqualFold(other.name, c.name) }) {
				return nil, errorf("002025", "42S21", "SQL compilation error:\nduplicate column name '%s'", c.name)
			}
			d.columns, definitions = append(d.columns, c), append(definitions, definition)
		}
	}
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	o.comment, d.evolve = options.Text("COMMENT"), options.True("ENABLE_SCHEMA_EVOLUTION")
	if st.Accept("AS") {
		return st.tableAs(ctx, o, d)
	}
	if len(d.columns) == 0 {
		return nil, st.Unexpected("columns or AS and a query")
	}
	return func() error {
		return st.exec(ctx, st.conn, "CREATE TABLE "+o.sql()+" ("+strings.Join(definitions, ", ")+")")
	}, st.ExpectEnd()
}

func (st *statement) tableAs(ctx context.Context, o *object, d *table) (func() error, error) {
	if len(d.columns) > 0 {
		return nil, errUnsupported("CREATE TABLE with columns AS SELECT")
	}
	t := st.translator(ctx, st.Parser)
	query, err := t.sql()
	if err != nil {
		return nil, err
	}
	if err := st.mayRead(t.uses); err != nil {
		return nil, err
	}
	return func() error {
		if err := st.exec(ctx, st.conn, "CREATE TABLE "+o.sql()+" AS "+query); err != nil {
			return err
		}
		columns, err := st.duckColumns(ctx, o.sql())
		d.columns = columns
		return err
	}, nil
}

// columnDefinition reads "NAME" TYPE [NOT NULL] [COMMENT '…'], and also returns the
// definition for DuckDB.
func columnDefinition(p *sqlparser.Parser) (tableColumn, string, error) {
	name, kind, err := p.Column()
	if err != nil {
		return tableColumn{}, "", err
	}
	typ, err := localType(kind)
	if err != nil {
		return tableColumn{}, "", err
	}
	c := tableColumn{name: name, kind: typ.name}
	definition := quote(c.name) + " " + typ.duck
	for !p.Done() {
		switch {
		case p.Accept("NOT", "NULL"):
			c.required = true
			definition += " NOT NULL"
		case p.Accept("NULL"):
		case p.Accept("COMMENT"):
			if _, err := p.Text(); err != nil {
				return c, "", err
			}
		default:
			return c, "", p.Unexpected("NOT NULL, NULL or COMMENT")
		}
	}
	return c, definition, nil
}

// alterTable runs what follows ALTER TABLE name.
func (st *statement) alterTable(ctx context.Context, o *object) (*result, error) {
	d, ok := o.detail.(*table)
	if !ok {
		return nil, errUnsupported("ALTER TABLE on a " + o.kind)
	}
	switch {
	case st.Accept("ADD"):
		st.Accept("COLUMN")
		ifMissing := st.Accept("IF", "NOT", "EXISTS")
		for _, part := range st.Split() {
			if err := st.addColumn(ctx, o, d, part, ifMissing); err != nil {
				return nil, err
			}
		}
	case st.Accept("DROP", "COLUMN"):
		name, err := st.Name()
		if err != nil {
			return nil, err
		}
		if err := st.ExpectEnd(); err != nil {
			return nil, err
		}
		if err := st.exec(ctx, st.conn, "ALTER TABLE "+o.sql()+" DROP COLUMN "+quote(name[0])); err != nil {
			return nil, err
		}
		d.columns = slices.DeleteFunc(d.columns, func(c tableColumn) bool { return c.name == name[0] })
	case st.Accept("SET"):
		options, err := st.Options()
		if err != nil {
			return nil, err
		}
		if err := st.ExpectEnd(); err != nil {
			return nil, err
		}
		if options.Has("COMMENT") {
			o.comment = options.Text("COMMENT")
		}
		if options.Has("ENABLE_SCHEMA_EVOLUTION") {
			d.evolve = options.True("ENABLE_SCHEMA_EVOLUTION")
		}
	default:
		return nil, st.Unexpected("ADD, DROP COLUMN or SET")
	}
	return done("Statement executed successfully."), nil
}

func (e *engine) addColumn(ctx context.Context, o *object, d *table, part *sqlparser.Parser, ifMissing bool) error {
	c, definition, err := columnDefinition(part)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(d.columns, func(other tableColumn) bool { return strings.EqualFold(other.name, c.name) }) {
		if ifMissing {
			return nil
		}
		return errorf("001430", "01000", "SQL compilation error:\ncolumn '%s' already exists", c.name)
	}
	if err := e.exec(ctx, e.conn, "ALTER TABLE "+o.sql()+" ADD COLUMN "+definition); err != nil {
		return err
	}
	d.columns = append(d.columns, c)
	return nil
}

// columnsOf returns the columns that DESC lists.
func (e *engine) columnsOf(ctx context.Context, o *object) ([]tableColumn, error) {
	if d, ok := o.detail.(*table); ok {
		return d.columns, nil
	}
	return e.duckColumns(ctx, o.sql())
}

// duckColumns returns the columns of a table or query in DuckDB.
func (e *engine) duckColumns(ctx context.Context, name string) ([]tableColumn, error) {
	rows, err := e.conn.QueryContext(ctx, "SELECT column_name, column_type FROM (DESCRIBE "+name+")")
	if err != nil {
		return nil, err
	}
	var out []tableColumn
	return out, scanAll(rows, func(scan func(...any) error) error {
		var name, duck string
		err := scan(&name, &duck)
		out = append(out, tableColumn{name: name, kind: typeName(duck)})
		return err
	})
}

// typeName returns Snowflake's name of a data type of DuckDB.
func typeName(duck string) string {
	c := describeType(duck)
	switch c.Type {
	case "fixed":
		return fmt.Sprintf("NUMBER(%d,%d)", c.Precision, c.Scale)
	case "real":
		return "FLOAT"
	case "text":
		return "VARCHAR(16777216)"
	case "timestamp_ntz", "timestamp_ltz", "time":
		return strings.ToUpper(c.Type) + "(9)"
	case "binary":
		return "BINARY(8388608)"
	}
	return strings.ToUpper(c.Type)
}

// storedBytes returns the size of a table in bytes: that of its rows as Parquet with
// zstd, which is similar to how Snowflake stores them.
func (e *engine) storedBytes(ctx context.Context, o *object) (int64, error) {
	dir, err := os.MkdirTemp("", "snowflake")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	file := filepath.Join(dir, "table.parquet")
	if err := e.exec(ctx, e.conn, "COPY (SELECT * FROM "+o.sql()+") TO "+literal(file)+" (FORMAT parquet, COMPRESSION zstd)"); err != nil {
		return 0, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
