package feedtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/ingestion/snowflake"
)

// RunTask executes the feed's scheduled task now. It does nothing for a feed without one.
func (f *Feed) RunTask(ctx context.Context, db *sql.DB) error {
	if f.Warehouse == nil || f.Warehouse.Task == nil {
		return nil
	}
	statement := f.Warehouse.Task.Execute()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("feed %s: %s: %w", f.Name, statement, err)
	}
	return nil
}

// Rows counts the feed's rows in Snowflake: each record once, in its latest state.
func (f *Feed) Rows(ctx context.Context, db *sql.DB) (int64, error) {
	if f.Warehouse == nil {
		return 0, errors.New("feed " + f.Name + " has nothing in Snowflake")
	}
	var n int64
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+f.Warehouse.View.Name()).Scan(&n); err != nil {
		return 0, fmt.Errorf("feed %s: count the rows of %s: %w", f.Name, f.Warehouse.View.Name(), err)
	}
	return n, nil
}

// WaitRows waits until the feed has n rows in Snowflake, or ctx ends.
func (f *Feed) WaitRows(ctx context.Context, db *sql.DB, n int64) error {
	for {
		rows, err := f.Rows(ctx, db)
		if err != nil || rows == n {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("feed %s: %w: %s has %d rows, not %d", f.Name, context.Cause(ctx), f.Warehouse.View.Name(), rows, n)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// CheckSnowflake adds the feed's counts in Snowflake to r.
func (f *Feed) CheckSnowflake(ctx context.Context, db *sql.DB, r *Report) error {
	var err error
	if r.InSnowflake, err = f.Rows(ctx, db); err != nil {
		return err
	}
	if r.InSnowflake != r.InTable {
		r.problem("%s: the table has %d items, Snowflake's view %s has %d rows", f.Name, r.InTable, f.Warehouse.View.Name(), r.InSnowflake)
	}
	table := f.Warehouse.Table
	if table == nil {
		return nil // an external table: its bytes are the parts
	}
	err = db.QueryRowContext(ctx, `SELECT BYTES FROM `+snowflake.Identifier(table.Database)+`.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?`,
		strings.ToUpper(table.Schema), table.StoredName()).Scan(&r.BytesSnowflake)
	if err != nil {
		return fmt.Errorf("feed %s: size of %s: %w", f.Name, table.Name(), err)
	}
	return nil
}

// FirstRow returns one row of the feed's view, as "column value" pairs.
func (f *Feed) FirstRow(ctx context.Context, db *sql.DB) (_ string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+f.Warehouse.View.Name()+" LIMIT 1")
	if err != nil {
		return "", fmt.Errorf("feed %s: read %s: %w", f.Name, f.Warehouse.View.Name(), err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values := make([]sql.NullString, len(names))
	pointers := make([]any, len(names))
	for i := range values {
		pointers[i] = &values[i]
	}
	if !rows.Next() {
		return "", errors.Join(rows.Err(), fmt.Errorf("feed %s: %s has no row", f.Name, f.Warehouse.View.Name()))
	}
	if err := rows.Scan(pointers...); err != nil {
		return "", err
	}
	var b strings.Builder
	for i, name := range names {
		fmt.Fprintf(&b, "%s %s  ", name, strings.Join(strings.Fields(values[i].String), " "))
	}
	return b.String(), rows.Err()
}

// Listed returns the column "name" of what a SHOW answers, sorted.
func Listed(ctx context.Context, db *sql.DB, show string) (names []string, err error) {
	rows, err := db.QueryContext(ctx, show)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", show, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	at := slices.Index(columns, "name")
	if at < 0 {
		return nil, fmt.Errorf("%s: no column \"name\" in %q", show, columns)
	}
	values := make([]sql.NullString, len(columns))
	pointers := make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			return nil, err
		}
		names = append(names, values[at].String)
	}
	slices.Sort(names)
	return names, rows.Err()
}
