package snowflake

import (
	"context"
	"database/sql"
	"fmt"
)

// stream is an append-only stream: the rows inserted into its table since DML last
// read it. They are found by rowid, which increases in DuckDB.
type stream struct {
	on     *object
	offset int64
}

func createStream(st *statement, ctx context.Context, o, _ *object) (func() error, error) {
	if err := st.Expect("ON"); err != nil {
		return nil, err
	}
	kind, mode := kindTable, "APPEND_ONLY"
	if st.Accept("EXTERNAL") {
		kind, mode = kindExternal, "INSERT_ONLY"
	}
	if err := st.Expect("TABLE"); err != nil {
		return nil, err
	}
	parts, err := st.Name()
	if err != nil {
		return nil, err
	}
	on, err := st.find(kind, parts, "SELECT")
	if err != nil {
		return nil, err
	}
	options, err := st.Options()
	if err != nil {
		return nil, err
	}
	if !options.True(mode) {
		return nil, errUnsupported("a stream without " + mode + "=TRUE")
	}
	o.comment = options.Text("COMMENT")
	d := &stream{on: on}
	o.detail = d
	if err := st.ExpectEnd(); err != nil {
		return nil, err
	}
	return func() error { return st.advance(ctx, st.conn, o) }, nil
}

// source returns the table in DuckDB that has the rows.
func (d *stream) source() string {
	if d.on.kind == kindExternal {
		return quoteAll(d.on.database, d.on.schema, d.on.name+filesSuffix)
	}
	return d.on.sql()
}

// advance moves a stream to the end of its table.
func (e *engine) advance(ctx context.Context, conn *sql.Conn, o *object) error {
	d := o.detail.(*stream)
	row := conn.QueryRowContext(ctx, "SELECT coalesce(max(rowid), -1) FROM "+d.source())
	if err := row.Scan(&d.offset); err != nil {
		return fmt.Errorf("stream %s: %w", o.label(), err)
	}
	columns := "*"
	if external, ok := d.on.detail.(*external); ok {
		columns = external.selectList()
	}
	return e.exec(ctx, conn, fmt.Sprintf(
		`CREATE OR REPLACE VIEW %s AS SELECT %s, 'INSERT' AS "METADATA$ACTION", false AS "METADATA$ISUPDATE", md5(rowid::VARCHAR) AS "METADATA$ROW_ID" FROM %s WHERE rowid > %d`,
		o.sql(), columns, d.source(), d.offset))
}
