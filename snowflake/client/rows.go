package client

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

func scan(rows *sql.Rows) ([]Row, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("columns of the result: %w", err)
	}
	for i, name := range columns {
		columns[i] = strings.ToLower(name)
	}
	var all []Row
	for rows.Next() {
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, fmt.Errorf("row %d of the result: %w", len(all)+1, err)
		}
		row := make(Row, len(columns))
		for i, name := range columns {
			if b, ok := values[i].([]byte); ok {
				row[name] = string(b)
				continue
			}
			row[name] = values[i]
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// Column is a column of a result.
type Column struct {
	// Name is the name in its original case.
	Name string
	// Type is the driver's name of the type: FIXED, REAL, TEXT, BOOLEAN, DATE,
	// TIMESTAMP_NTZ, VARIANT and others.
	Type string
}

// Stream runs a statement and passes its result on while it is received: it calls
// columns once, then row for each row. The values of a row are valid until the next
// call. Stream stops at the first error of columns or row and returns it unchanged.
func (c *Client) Stream(ctx context.Context, statement string, columns func([]Column) error, row func([]any) error) (err error) {
	if err := c.prepare(ctx, statement); err != nil {
		return err
	}
	rows, err := c.conn.QueryContext(ctx, statement)
	if err != nil {
		return c.statementError(ctx, err, statement)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	types, err := rows.ColumnTypes()
	if err != nil {
		return fmt.Errorf("columns of the result: %w", err)
	}
	all := make([]Column, len(types))
	values, targets := make([]any, len(types)), make([]any, len(types))
	for i, t := range types {
		all[i] = Column{Name: t.Name(), Type: t.DatabaseTypeName()}
		targets[i] = &values[i]
	}
	if err := columns(all); err != nil {
		return err
	}
	for n := 1; rows.Next(); n++ {
		if err := rows.Scan(targets...); err != nil {
			return fmt.Errorf("row %d of the result: %w", n, err)
		}
		if err := row(values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return c.statementError(ctx, err, statement)
	}
	return nil
}

// First runs a statement and returns the first row of its result, or nil if it has none.
// It does not wait for the other rows.
func (c *Client) First(ctx context.Context, statement string) (Row, error) {
	var names []string
	var first Row
	done := errors.New("first row received")
	err := c.Stream(ctx, statement, func(columns []Column) error {
		for _, column := range columns {
			names = append(names, strings.ToLower(column.Name))
		}
		return nil
	}, func(values []any) error {
		first = make(Row, len(names))
		for i, name := range names {
			first[name] = values[i]
			if b, ok := values[i].([]byte); ok {
				first[name] = string(b)
			}
		}
		return done
	})
	if errors.Is(err, done) {
		err = nil
	}
	return first, err
}
