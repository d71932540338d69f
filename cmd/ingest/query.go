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
	"example.com/ingestion/internal/operator/snowflakeconn"
	"example.com/ingestion/snowflake"
	"example.com/ingestion/snowflake/client"
)

// terminalRows is the default limit on a terminal.
const terminalRows = 100

func (c *command) query() *cobra.Command {
	var q query
	cmd := &cobra.Command{
		Use:   "query <feed> [SQL | -]",
		Short: "Run SQL in the feed's Snowflake account and print the rows",
		Long: `Run one SQL statement on the Snowflake connection that the feed's stack was deployed
with, and print its rows. The statement runs as the connection's role in the database
and schema of the feed, so the feed's view needs no qualification. With - the
statement is read from standard input. Without SQL, the names of view, table,
database and role are printed.

The role owns the feed's objects and can change them. Ctrl-C cancels the statement in
Snowflake too. The key of the connection's user is read from its secret, which needs
secretsmanager:GetSecretValue. In a table, the text NULL is printed in quotes to
distinguish it from a missing value.`,
		Example: `  ingest query orders
  ingest query orders "SELECT COUNT(*) FROM ORDERS_RECORDS"
  ingest query orders "SELECT * FROM ORDERS_RECORDS LIMIT 1000" --output csv > orders.csv
  ingest query orders - --warehouse reporting -o json < report.sql`,
		Args:              q.args,
		Annotations:       forms(outputTable, outputJSON, outputCSV),
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx := cmd.Context()
			account, err := c.account(cmd)
			if err != nil {
				return err
			}
			deployment, err := operator.Open(ctx, account, args[0])
			if err != nil {
				return err
			}
			if len(args) == 1 {
				conn, err := snowflakeconn.Describe(deployment)
				if err != nil {
					return err
				}
				return c.printNames(cmd, namesOf(conn))
			}
			if args[1] == "-" {
				text, err := io.ReadAll(cmd.InOrStdin())
				if err != nil {
					return fmt.Errorf("read the SQL from standard input: %w", err)
				}
				if q.statement, err = snowflakeconn.Statement(string(text)); err != nil {
					return err
				}
			}
			conn, err := snowflakeconn.Open(ctx, deployment, os.Getenv)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, conn.Close()) }()
			if err := conn.Use(ctx, q.warehouse); err != nil {
				return fmt.Errorf("feed %q: %w", deployment.Name, err)
			}
			return c.runQuery(cmd, conn, q)
		},
	}
	cmd.Flags().StringVar(&q.warehouse, "warehouse", "", "warehouse to run on (default that of the connection, or of its user)")
	cmd.Flags().IntVar(&q.limit, "limit", -1, "maximum number of rows, 0 for all (default 100 on a terminal, otherwise all)")
	cmd.Flag("limit").DefValue = "0" // the help prints no default of 0
	return cmd
}

// query holds the arguments.
type query struct {
	statement, warehouse string
	limit                int // -1: the default
}

func (q *query) args(_ *cobra.Command, args []string) (err error) {
	if len(args) < 1 || len(args) > 2 || args[0] == "" {
		return errors.New(`ingest query takes one feed and one statement in quotes, such as: ingest query orders "SELECT COUNT(*) FROM ORDERS_RECORDS"`)
	}
	if len(args) == 2 && args[1] != "-" {
		q.statement, err = snowflakeconn.Statement(args[1])
	}
	return err
}

// names are the names that a statement can use.
type names struct {
	View      string `json:"view"`
	Latest    string `json:"latest,omitempty"`
	Table     string `json:"table"`
	Database  string `json:"database"`
	Schema    string `json:"schema"`
	Account   string `json:"account"`
	User      string `json:"user"`
	Role      string `json:"role"`
	Warehouse string `json:"warehouse"`
}

func namesOf(c *snowflakeconn.Conn) names {
	latest := ""
	if c.Plan.Latest != nil {
		latest = c.Plan.Latest.StoredName()
	}
	return names{
		Latest: latest,
		View:   c.Plan.View.StoredName(), Table: snowflake.ObjectName{Object: c.Spec.Table}.StoredName(), Database: c.Spec.Database, Schema: c.Spec.Schema,
		Account: c.Connection.Account, User: c.Connection.User, Role: c.Connection.Role, Warehouse: c.Connection.Warehouse,
	}
}

func (c *command) printNames(cmd *cobra.Command, p names) error {
	return c.print(cmd, p, func(t *table) error {
		t.head("NAME", "DESCRIPTION")
		t.row(p.View, "the view to query: each record once, its latest version")
		if p.Latest != "" {
			t.row(p.Latest, "the view with the newest record of each key")
		}
		t.row(p.Table, "the table with all loaded rows")
		t.row(p.Database+"."+p.Schema, "the database and schema of both")
		t.row(p.Role, "the role of user "+p.User+" in account "+p.Account)
		if p.Warehouse == "" {
			t.row(nil, "the connection has no warehouse: use --warehouse, or give the user a default warehouse")
		} else {
			t.row(p.Warehouse, "the warehouse")
		}
		return nil
	})
}

// streamer runs statements; *snowflakeconn.Conn implements it.
type streamer interface {
	Stream(ctx context.Context, statement string, columns func([]client.Column) error, row func([]any) error) error
}

// errLimit ends a result at the limit.
var errLimit = errors.New("limit reached")

func (c *command) runQuery(cmd *cobra.Command, s streamer, q query) error {
	p := c.newRows(cmd)
	if _, isTerminal := terminal(cmd.OutOrStdout()); q.limit < 0 && isTerminal {
		q.limit = terminalRows
	}
	n := 0
	err := s.Stream(cmd.Context(), q.statement, p.columns, func(values []any) error {
		if q.limit > 0 && n == q.limit {
			return errLimit
		}
		n++
		return p.row(values)
	})
	more := errors.Is(err, errLimit)
	if err != nil && !more {
		return withoutHint(err)
	}
	if err := p.end(); err != nil {
		return err
	}
	if more {
		fmt.Fprintf(cmd.ErrOrStderr(), "Only the first %d rows are printed: --limit 0 prints all.\n", n)
	}
	return nil
}

// withoutHint is an error of a statement without the hint of the client, which is
// meant for the statements of a deployment.
func withoutHint(err error) error {
	var failed *client.Error
	switch {
	case !errors.As(err, &failed) || errors.Is(err, client.ErrPrivilege):
		return err
	case strings.Contains(failed.Err.Error(), "No active warehouse"):
		return fmt.Errorf("%w; use --warehouse", failed.Err)
	}
	return failed.Err
}
