package snowflake

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/ingestion/internal/sqltext"
)

const informationSchema = "INFORMATION_SCHEMA"

// inlined is a table whose rows are written into a query as constants.
type inlined struct {
	names, types []string // types of DuckDB
	rows         [][]string
}

func (i *inlined) column(name, duck string) {
	i.names, i.types = append(i.names, name), append(i.types, duck)
}

func (i *inlined) sql() string {
	items := make([]string, len(i.names))
	inner := make([]string, len(i.names))
	for n := range i.names {
		inner[n] = "c" + strconv.Itoa(n)
		items[n] = "CAST(" + inner[n] + " AS " + i.types[n] + ") AS " + quote(i.names[n])
	}
	rows := make([]string, len(i.rows), len(i.rows)+1)
	for n, row := range i.rows {
		rows[n] = "(" + strings.Join(row, ", ") + ")"
	}
	where := ""
	if len(rows) == 0 {
		rows = append(rows, "("+strings.Join(slices.Repeat([]string{"NULL"}, len(i.names)), ", ")+")")
		where = " WHERE false"
	}
	return fmt.Sprintf("(SELECT %s FROM (VALUES %s) v(%s)%s)", strings.Join(items, ", "), strings.Join(rows, ", "), strings.Join(inner, ", "), where)
}

func textCell(v string) string {
	if v == "" {
		return "NULL"
	}
	return literal(v)
}

func timeCell(t time.Time) string {
	if t.IsZero() {
		return "NULL"
	}
	return literal(t.UTC().Format("2006-01-02 15:04:05.000000Z"))
}

func intCell(n int64) string { return strconv.FormatInt(n, 10) }

// systemView writes a view of INFORMATION_SCHEMA, with the objects that the role may see.
func (t *translator) systemView(parts []string) error {
	database := t.st.session.database
	if len(parts) == 3 {
		database = parts[0]
	}
	if _, err := t.st.databaseOf(t.st.session, database); err != nil {
		return err
	}
	name := parts[len(parts)-1]
	build := map[string]func(string) (*inlined, error){
		"TABLES": t.tablesView, "COLUMNS": t.columnsView, "SCHEMATA": t.schemataView, "PIPES": t.pipesView,
	}[name]
	if build == nil {
		return errUnsupported(informationSchema + "." + name)
	}
	view, err := build(database)
	if err != nil {
		return err
	}
	t.emitInlined(view, name)
	return nil
}

func (t *translator) emitInlined(table *inlined, alias string) {
	sql := table.sql()
	if next := t.Peek(); !next.IsName() || keywordsAfterFrom[next.Value] || keywordsBeforeParenthesis[next.Value] || isJoin(next.Value) {
		sql += " AS " + quote(alias)
	}
	t.emit(piece{sql: sql, name: true})
}

func (t *translator) visible(database string, kinds ...string) []*object {
	c := t.st.catalog
	return c.each(func(o *object) bool {
		return o.database == database && slices.Contains(kinds, o.kind) && c.allowed(t.st.session.role, o)
	})
}

var tableTypes = map[string]string{kindTable: "BASE TABLE", kindView: "VIEW", kindExternal: "EXTERNAL TABLE"}

func (t *translator) tablesView(database string) (*inlined, error) {
	i := &inlined{}
	for _, n := range []string{"TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "TABLE_OWNER", "TABLE_TYPE"} {
		i.column(n, "VARCHAR")
	}
	i.column("ROW_COUNT", "BIGINT")
	i.column("BYTES", "BIGINT")
	i.column("CREATED", "TIMESTAMPTZ")
	i.column("COMMENT", "VARCHAR")
	withBytes := slices.ContainsFunc(t.st.Tokens, func(tok sqltext.Token) bool { return tok.Is("*") || tok.IsName() && tok.Value == "BYTES" })
	for _, o := range t.visible(database, kindTable, kindView, kindExternal) {
		rows, bytes := "NULL", "NULL"
		if o.kind == kindTable && !t.st.describe {
			n, err := t.st.count(t.ctx, "SELECT count(*) FROM "+o.sql())
			if err != nil {
				return nil, err
			}
			rows = intCell(n)
			if withBytes {
				if n, err = t.st.storedBytes(t.ctx, o); err != nil {
					return nil, err
				}
				bytes = intCell(n)
			}
		}
		i.rows = append(i.rows, []string{
			literal(o.database), literal(o.schema), literal(o.name), textCell(o.owner),
			literal(tableTypes[o.kind]), rows, bytes, timeCell(o.created), textCell(o.comment),
		})
	}
	return i, nil
}

func (t *translator) columnsView(database string) (*inlined, error) {
	i := &inlined{}
	for _, n := range []string{"TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME"} {
		i.column(n, "VARCHAR")
	}
	i.column("ORDINAL_POSITION", "BIGINT")
	i.column("DATA_TYPE", "VARCHAR")
	for _, o := range t.visible(database, kindTable, kindView, kindExternal) {
		columns, err := t.st.columnsOf(t.ctx, o)
		if err != nil {
			return nil, err
		}
		for n, c := range columns {
			kind, _, _ := strings.Cut(c.kind, "(")
			kind = strings.ReplaceAll(kind, "VARCHAR", "TEXT")
			i.rows = append(i.rows, []string{
				literal(o.database), literal(o.schema), literal(o.name), literal(c.name), intCell(int64(n + 1)), literal(kind),
			})
		}
	}
	return i, nil
}

func (t *translator) schemataView(database string) (*inlined, error) {
	i := &inlined{}
	for _, n := range []string{"CATALOG_NAME", "SCHEMA_NAME", "SCHEMA_OWNER"} {
		i.column(n, "VARCHAR")
	}
	for _, o := range t.visible(database, kindSchema) {
		i.rows = append(i.rows, []string{literal(o.database), literal(o.name), textCell(o.owner)})
	}
	return i, nil
}

func (t *translator) pipesView(database string) (*inlined, error) {
	i := &inlined{}
	for _, n := range []string{"PIPE_CATALOG", "PIPE_SCHEMA", "PIPE_NAME", "PIPE_OWNER", "DEFINITION", "IS_AUTOINGEST_ENABLED", "NOTIFICATION_CHANNEL_NAME", "COMMENT"} {
		i.column(n, "VARCHAR")
	}
	for _, o := range t.visible(database, kindPipe) {
		p := o.detail.(*pipe)
		auto := "NO"
		if p.topic != "" {
			auto = "YES"
		}
		i.rows = append(i.rows, []string{
			literal(o.database), literal(o.schema), literal(o.name), textCell(o.owner),
			literal(p.definition), literal(auto), textCell(p.channel), textCell(o.comment),
		})
	}
	return i, nil
}
