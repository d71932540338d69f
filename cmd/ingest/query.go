package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/warehouse"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// terminalRows is how many rows a terminal gets unless --limit says otherwise.
const terminalRows = 100

func (c *command) query() *cobra.Command {
	var q query
	cmd := &cobra.Command{
		Use:   "query <feed> [SQL | -]",
		Short: "Run SQL on a feed's Snowflake and print the rows",
		Long: `Run one statement of SQL on the connection to Snowflake that the feed's stack was
deployed with, and print its rows: as the connection's role, in the database and
schema of the feed, so that the feed's view needs no more than its name. With -
the statement is read from standard input. Without SQL it prints those names.

The role owns the feed's objects: what the statement changes is changed. ctrl-C
cancels it in Snowflake too. The key of the connection's user is read from its
secret, which these credentials must be allowed to (secretsmanager:GetSecretValue).`,
		Example: `  ingest query orders
  ingest query orders "SELECT COUNT(*) FROM ORDERS_LATEST"
  ingest query orders "SELECT * FROM ORDERS_LATEST LIMIT 1000" --csv > orders.csv
  ingest query orders - --warehouse reporting -o json < report.sql`,
		Args:              q.args,
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx := cmd.Context()
			account, err := c.connect(ctx, c.profile, c.region)
			if err != nil {
				return err
			}
			live, err := operator.Open(ctx, account, args[0])
			if err != nil {
				return err
			}
			if len(args) == 1 {
				w, err := warehouse.Describe(live)
				if err != nil {
					return err
				}
				return c.printPlace(cmd, placeOf(w))
			}
			if args[1] == "-" {
				text, err := io.ReadAll(cmd.InOrStdin())
				if err != nil {
					return fmt.Errorf("read the SQL from standard input: %w", err)
				}
				if q.statement, err = warehouse.Statement(string(text)); err != nil {
					return err
				}
			}
			w, err := warehouse.Open(ctx, live, os.Getenv)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, w.Close()) }()
			if err := w.Settle(ctx, q.warehouse); err != nil {
				return fmt.Errorf("feed %q: %w", live.Name, err)
			}
			return c.runQuery(cmd, w, q)
		},
	}
	cmd.Flags().StringVar(&q.warehouse, "warehouse", "", "warehouse to run on (default that of the connection, or of its user)")
	cmd.Flags().IntVar(&q.limit, "limit", -1, "rows to print, 0 for all (default 100 on a terminal, all elsewhere)")
	cmd.Flags().BoolVar(&q.csv, "csv", false, "print CSV with a header, NULL as nothing")
	cmd.Flag("limit").DefValue = "0" // which help does not show: the text says it
	return cmd
}

// query is what was asked for.
type query struct {
	statement, warehouse string
	limit                int // -1: not said
	csv                  bool
}

func (q *query) args(_ *cobra.Command, args []string) (err error) {
	if len(args) < 1 || len(args) > 2 || args[0] == "" {
		return errors.New(`ingest query takes one feed and one statement in quotes, such as: ingest query orders "SELECT COUNT(*) FROM ORDERS_LATEST"`)
	}
	if len(args) == 2 && args[1] != "-" {
		q.statement, err = warehouse.Statement(args[1])
	}
	return err
}

// place is what a feed's statements can name.
type place struct {
	View      string `json:"view"`
	Table     string `json:"table"`
	Database  string `json:"database"`
	Schema    string `json:"schema"`
	Account   string `json:"account"`
	User      string `json:"user"`
	Role      string `json:"role"`
	Warehouse string `json:"warehouse"`
}

func placeOf(w *warehouse.Warehouse) place {
	return place{
		View: w.Plan.View.StoredName(), Table: snowflake.ObjectName{Object: w.Spec.Table}.StoredName(), Database: w.Spec.Database, Schema: w.Spec.Schema,
		Account: w.Connection.Account, User: w.Connection.User, Role: w.Connection.Role, Warehouse: w.Connection.Warehouse,
	}
}

func (c *command) printPlace(cmd *cobra.Command, p place) error {
	return c.print(cmd, p, func(t *table) error {
		t.head("NAME", "IS")
		t.row(p.View, "the view to query: each record once, in its latest state")
		t.row(p.Table, "the table with the rows as they came")
		t.row(p.Database+"."+p.Schema, "the database and schema of both")
		t.row(p.Role, "the role of user "+p.User+" in account "+p.Account)
		if p.Warehouse == "" {
			t.row(nil, "no warehouse in the connection: give --warehouse, or the user a default one")
		} else {
			t.row(p.Warehouse, "the warehouse")
		}
		return nil
	})
}

// streamer runs statements; *warehouse.Warehouse is one.
type streamer interface {
	Stream(ctx context.Context, statement string, columns func([]client.Column) error, row func([]any) error) error
}

// errEnough ends a result at the limit.
var errEnough = errors.New("as many rows as were asked for")

func (c *command) runQuery(cmd *cobra.Command, s streamer, q query) error {
	p := c.newRows(cmd, q.csv)
	if _, isTerminal := terminal(cmd.OutOrStdout()); q.limit < 0 && isTerminal {
		q.limit = terminalRows
	}
	n := 0
	err := s.Stream(cmd.Context(), q.statement, p.columns, func(values []any) error {
		if q.limit > 0 && n == q.limit {
			return errEnough
		}
		n++
		return p.row(values)
	})
	more := errors.Is(err, errEnough)
	if err != nil && !more {
		return inSnowflakesWords(err)
	}
	if err := p.end(); err != nil {
		return err
	}
	if more {
		fmt.Fprintf(cmd.ErrOrStderr(), "The first %d rows; there are more: --limit 0 prints all.\n", n)
	}
	return nil
}

// inSnowflakesWords is an error of a statement without the way out that it has
// for those of a deployment: here the statement is the user's own.
func inSnowflakesWords(err error) error {
	var told *client.Error
	switch {
	case !errors.As(err, &told) || errors.Is(err, client.ErrPrivilege):
		return err
	case strings.Contains(told.Err.Error(), "No active warehouse"):
		return fmt.Errorf("%w; give --warehouse", told.Err)
	}
	return told.Err
}
