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
		Short: "Print the SQL of a feed's objects in Snowflake",
		Long: `Print the SQL of a feed's objects in Snowflake: integration, grants, format,
stage, table, pipe, view. It is for feeds that are deployed without a connection
to Snowflake, or whose SQL somebody else reviews and runs. It names what the
feed's stack made, so deploy the stack first. Nothing is changed by printing it.`,
		Example: `  ingest sql orders > orders.sql
  ingest sql Orders --role LOADER --profile production`,
		Args:              aFeed,
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			account, err := c.connect(ctx, c.profile, c.region)
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
				return fmt.Errorf("feed %q: stack %s says nothing of Snowflake: give the feed a Snowflake prop, and deploy it", f.Name, f.Stack)
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
	cmd.Flags().StringVar(&role, "role", "INGESTION", "role of Snowflake that makes and owns the objects")
	cmd.Flags().StringVar(&warehouse, "warehouse", "", "warehouse that the role may use (default none: only the history of a Bulk task needs one)")
	return cmd
}
