package ui

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/snowflakeconn"
	"example.com/ingestion/internal/retry"
)

// rowsInterval is the interval between two queries of Snowflake, loginInterval between
// two attempts to log in. Neither needs a warehouse.
const (
	rowsInterval  = 15 * time.Second
	loginInterval = 5 * time.Minute
)

// snowflake returns the last known number of the feed's rows, nil for a feed without
// a table in Snowflake. The first call for a feed starts to query it.
func (a *AccountSource) snowflake(ctx context.Context, f operator.Feed) *Rows {
	table := f.Output("SnowflakeTable")
	if table == "" || a.rows == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.rows[f.String()]
	if r == nil {
		r = &Rows{Table: table}
		a.rows[f.String()] = r
		go a.queryRows(ctx, f)
	}
	if r.Table == "" {
		return nil
	}
	known := *r
	return &known
}

// queryRows queries the number of the feed's rows until ctx ends.
func (a *AccountSource) queryRows(ctx context.Context, f operator.Feed) {
	for ctx.Err() == nil {
		err := a.query(ctx, f)
		wait := loginInterval
		if errors.Is(err, snowflakeconn.ErrNoConnection) {
			wait = 100 * loginInterval // only a deployment changes that
		}
		a.setRows(f, nil, err)
		_ = retry.Wait(ctx, wait) // the loop checks whether ctx has ended
	}
}

func (a *AccountSource) query(ctx context.Context, f operator.Feed) (err error) {
	d, err := operator.OpenFeed(ctx, a.account, f)
	if err != nil {
		return err
	}
	conn, err := snowflakeconn.Open(ctx, d, a.getenv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if conn.Plan.Table == nil {
		// An external table: only a query with a warehouse could count its rows.
		a.mu.Lock()
		a.rows[f.String()] = &Rows{}
		a.mu.Unlock()
		<-ctx.Done()
		return ctx.Err()
	}
	for ctx.Err() == nil {
		// SHOW returns the number of rows without a warehouse.
		found, err := conn.Query(ctx, conn.Plan.Table.Describe())
		if err != nil {
			return err
		}
		for _, row := range found {
			if row.Text("name") != conn.Plan.Table.StoredName() {
				continue
			}
			n, err := strconv.ParseInt(row.Text("rows"), 10, 64)
			if err != nil {
				return fmt.Errorf("rows of %s: %w", conn.Plan.Table.Name(), err)
			}
			a.setRows(f, &n, nil)
		}
		_ = retry.Wait(ctx, rowsInterval)
	}
	return ctx.Err()
}

func (a *AccountSource) setRows(f operator.Feed, rows *int64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := &Rows{Table: f.Output("SnowflakeTable"), Rows: rows}
	if err != nil {
		r.Error = operator.Explain(err)
	}
	a.rows[f.String()] = r
}
