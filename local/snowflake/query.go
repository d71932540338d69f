package snowflake

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// query runs SELECT and WITH.
func (st *statement) query(ctx context.Context) (*result, error) {
	t := st.translator(ctx, st.Parser)
	translated, err := t.sql()
	if err != nil {
		return nil, err
	}
	if err := st.mayRead(t.uses); err != nil {
		return nil, err
	}
	return st.fetch(ctx, translated)
}

// mayRead returns an error unless the role has privilege SELECT on the objects.
func (st *statement) mayRead(objects []*object) error {
	for _, o := range objects {
		if !st.catalog.allowed(st.session.role, o, "SELECT") {
			return errDenied(strings.ToLower(o.kind), o.name)
		}
	}
	return nil
}

// fetch runs a query of DuckDB and converts the rows to the driver's format.
func (st *statement) fetch(ctx context.Context, query string) (*result, error) {
	conn := st.session.conn
	r := &result{statement: typeSelect}
	var wires, names []string
	rows, err := conn.QueryContext(ctx, "SELECT column_name, column_type FROM (DESCRIBE "+query+")")
	if err != nil {
		return nil, err
	}
	if err := scanAll(rows, func(scan func(...any) error) error {
		var name, duck string
		if err := scan(&name, &duck); err != nil {
			return err
		}
		c := describeType(duck)
		c.Name = resultName(name)
		r.columns = append(r.columns, c)
		alias := "c" + strconv.Itoa(len(r.columns))
		names = append(names, alias)
		wires = append(wires, wire(alias, duck))
		return nil
	}); err != nil {
		return nil, err
	}
	if st.describe {
		return r, nil
	}
	rows, err = conn.QueryContext(ctx, fmt.Sprintf("SELECT %s FROM (%s) AS r(%s)", strings.Join(wires, ", "), query, strings.Join(names, ", ")))
	if err != nil {
		return nil, err
	}
	return r, scanAll(rows, func(scan func(...any) error) error {
		cells := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := scan(into...); err != nil {
			return err
		}
		row := make([]*string, len(names))
		for i := range cells {
			if cells[i].Valid {
				row[i] = &cells[i].String
			}
		}
		r.add(row...)
		return nil
	})
}

// resultName returns Snowflake's name for a column that DuckDB named.
func resultName(name string) string {
	if name == "count_star()" {
		return "COUNT(*)"
	}
	return name
}

func scanAll(rows *sql.Rows, each func(scan func(...any) error) error) error {
	defer rows.Close() //nolint:errcheck // Err returns it
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// count runs a query that returns one number.
func (e *engine) count(ctx context.Context, query string) (int64, error) {
	var n int64
	if err := e.conn.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return 0, fmt.Errorf("%w\nin: %s", err, query)
	}
	return n, nil
}
