package snowflake

import (
	"context"
	"strings"
)

// dmlKinds has the type, privilege and result columns of each statement.
var dmlKinds = map[string]struct {
	statement int64
	privilege string
	columns   []string
}{
	"INSERT": {typeInsert, "INSERT", []string{"number of rows inserted"}},
	"UPDATE": {typeUpdate, "UPDATE", []string{"number of rows updated"}},
	"DELETE": {typeDelete, "DELETE", []string{"number of rows deleted"}},
	"MERGE":  {typeMerge, "UPDATE", []string{"number of rows merged"}},
}

// dml runs INSERT, UPDATE, DELETE and MERGE as far as DuckDB supports them.
func (st *statement) dml(ctx context.Context) (*result, error) {
	kind := dmlKinds[st.Peek().Value]
	t := st.translator(ctx, st.Parser)
	translated, err := t.sql()
	if err != nil {
		return nil, err
	}
	if len(t.uses) == 0 {
		return nil, errSyntax("the statement has no table.")
	}
	target := t.uses[0]
	if target.kind != kindTable {
		return nil, errorf("002149", "42809", "SQL compilation error:\nObject '%s' is a %s, not a table.", target.label(), target.kind)
	}
	if !st.catalog.allowed(st.session.role, target, kind.privilege) {
		return nil, errDenied("table", target.name)
	}
	if err := st.mayRead(t.uses[1:]); err != nil {
		return nil, err
	}
	if st.describe {
		return changed(kind.statement, kind.columns, 0), nil
	}
	done, err := st.session.conn.ExecContext(ctx, translated)
	if err != nil {
		return nil, err
	}
	n, err := done.RowsAffected()
	if err != nil {
		return nil, err
	}
	for _, o := range t.uses[1:] {
		if o.kind == kindStream { // DML advances the stream
			if err := st.advance(ctx, st.session.conn, o); err != nil {
				return nil, err
			}
		}
	}
	return changed(kind.statement, kind.columns, n), nil
}

// truncate deletes the rows and the load history of a table.
func (st *statement) truncate(ctx context.Context) (*result, error) {
	st.Next()
	st.Accept("TABLE")
	ifExists := st.Accept("IF", "EXISTS")
	parts, err := st.Name()
	if err != nil {
		return nil, err
	}
	if err := st.ExpectEnd(); err != nil {
		return nil, err
	}
	o, err := st.find(kindTable, parts)
	if err != nil {
		if ifExists && asSQLError(err).code == "002003" {
			return done("Statement executed successfully."), nil
		}
		return nil, err
	}
	detail, ok := o.detail.(*table)
	if !ok || !st.catalog.allowed(st.session.role, o, "TRUNCATE", "DELETE") {
		return nil, errDenied(strings.ToLower(o.kind), o.name)
	}
	if err := st.exec(ctx, st.session.conn, "DELETE FROM "+o.sql()); err != nil {
		return nil, err
	}
	detail.loaded = map[string]*fileLoad{}
	return done("Statement executed successfully."), nil
}
