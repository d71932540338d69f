package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"example.com/ingestion/snowflake/client"
)

// answer is a result of Snowflake.
type answer struct {
	columns []client.Column
	rows    [][]any
	err     error
	read    int // rows
}

func (a *answer) Stream(_ context.Context, _ string, columns func([]client.Column) error, row func([]any) error) error {
	if a.err != nil {
		return a.err
	}
	if err := columns(a.columns); err != nil {
		return err
	}
	for _, values := range a.rows {
		if err := row(values); err != nil {
			return err
		}
		a.read++
	}
	return nil
}

func orders() *answer {
	return &answer{
		columns: []client.Column{{Name: "ID", Type: "TEXT"}, {Name: "AMOUNT", Type: "FIXED"}, {Name: "DATA", Type: "VARIANT"}, {Name: "ID", Type: "TEXT"}},
		rows: [][]any{
			{"a,b", "12.50", `{"x": "<1>"}`, nil},
			{"two\nlines \x1b[31m", "1000", "[]", "z"},
			{"c", nil, nil, ""},
			{"NULL", nil, "null", nil},
		},
	}
}

// verb runs f as a verb with that form of output.
func verb(output string, f func(c *command, cmd *cobra.Command) error) result {
	var out, errOut strings.Builder
	cmd := &cobra.Command{}
	cmd.SetOut(&out)
	cmd.SetErr(&errOut)
	cmd.SetContext(context.Background())
	err := f(&command{output: output}, cmd)
	if err != nil {
		errOut.WriteString(err.Error())
	}
	return result{0, out.String(), errOut.String()}
}

func TestQueryOutput(t *testing.T) {
	for _, output := range []string{outputTable, outputJSON, outputCSV} {
		got := verb(output, func(c *command, cmd *cobra.Command) error {
			return c.runQuery(cmd, orders(), query{limit: -1})
		})
		if got.errOut != "" {
			t.Errorf("%s: %s", output, got.errOut)
		}
		if output == outputJSON && !json.Valid([]byte(got.out)) {
			t.Errorf("invalid JSON: %s", got.out)
		}
		golden(t, "query."+output, got.out)
	}
	none := verb(outputJSON, func(c *command, cmd *cobra.Command) error {
		return c.runQuery(cmd, &answer{columns: orders().columns}, query{limit: -1})
	})
	if none.out != "[]\n" {
		t.Errorf("no rows: %q", none.out)
	}
}

func TestQueryLimit(t *testing.T) {
	a := orders()
	got := verb(outputCSV, func(c *command, cmd *cobra.Command) error { return c.runQuery(cmd, a, query{limit: 2}) })
	if a.read != 2 || strings.Count(got.out, "\n") != 4 || !strings.Contains(got.errOut, "Only the first 2 rows are printed: --limit 0 prints all.") {
		t.Errorf("%d rows, %+v", a.read, got)
	}
	if got := verb(outputTable, func(c *command, cmd *cobra.Command) error { return c.runQuery(cmd, orders(), query{limit: 4}) }); got.errOut != "" {
		t.Errorf("exactly as many: %s", got.errOut)
	}
}

func TestQueryErrors(t *testing.T) {
	failure := errors.New("error of Snowflake")
	for name, test := range map[string]struct {
		err        error
		want, lack string
	}{
		"syntax":    {&client.Error{Class: client.ErrSyntax, Remedy: "of the deployment", Err: failure}, "error of Snowflake", "deployment"},
		"privilege": {&client.Error{Class: client.ErrPrivilege, Remedy: "GRANT it", Err: failure}, "GRANT it", "deployment"},
		"warehouse": {&client.Error{Remedy: "of the deployment", Err: errors.New("No active warehouse selected")}, "use --warehouse", "deployment"},
	} {
		got := verb(outputTable, func(c *command, cmd *cobra.Command) error { return c.runQuery(cmd, &answer{err: test.err}, query{}) })
		if !strings.Contains(got.errOut, test.want) || strings.Contains(got.errOut, test.lack) || got.out != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestQueryNames(t *testing.T) {
	p := names{View: "ORDERS_RECORDS", Table: "ORDERS", Database: "RAW", Schema: "PUBLIC", Account: "org-acct", User: "INGESTION", Role: "LOADER"}
	for _, output := range []string{outputTable, outputJSON} {
		got := verb(output, func(c *command, cmd *cobra.Command) error { return c.printNames(cmd, p) })
		golden(t, "query.names."+output, got.out)
	}
}

func TestQueryUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"no feed":        {"query"},
		"SQL in pieces":  {"query", "orders", "SELECT", "1"},
		"two statements": {"query", "orders", "SELECT 1; SELECT 2"},
		"no statement":   {"query", "orders", " "},
	} {
		if got := ingest(t.Context(), to(nil), args...); got.code != exitUsage || got.out != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
