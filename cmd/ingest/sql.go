package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/snowflake"
)

func (c *command) sql() *cobra.Command {
	var role, warehouse string
	cmd := &cobra.Command{
		Use:   "sql <feed>",
		Short: "Print the SQL that creates a feed's Snowflake objects",
		Long: `Print the SQL that creates a feed's Snowflake objects: integration, grants, format,
stage, table, pipe, view. It is for feeds that are deployed without a connection to
Snowflake, or whose SQL is reviewed and run by an administrator. It contains names of
resources of the feed's stack: deploy the stack first. Nothing is changed.`,
		Example: `  ingest sql orders > orders.sql
  ingest sql Orders --role LOADER --profile production`,
		Args:              oneFeed,
		Annotations:       forms(),
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			account, err := c.account(cmd)
			if err != nil {
				return err
			}
			f, err := operator.Find(ctx, account.Stacks, args[0])
			if err != nil {
				return err
			}
			static, err := f.Static(ctx, account.Stacks)
			if err != nil {
				return err
			}
			if static.Snowflake == nil {
				return fmt.Errorf("feed %q: stack %s has no Snowflake metadata: give the feed a Snowflake prop and deploy it", f.Name, f.Stack)
			}
			names, err := f.SnowflakeNames()
			if err != nil {
				return err
			}
			script, err := snowflake.Script(*static.Snowflake, names, role, warehouse)
			if err != nil {
				return err
			}
			_, err = io.WriteString(cmd.OutOrStdout(), script)
			return err
		},
	}
	cmd.Flags().StringVar(&role, "role", "INGESTION", "Snowflake role that creates and owns the objects")
	cmd.Flags().StringVar(&warehouse, "warehouse", "", "warehouse that the role may use (default none: only the history of a bulk task needs one)")
	return cmd
}
