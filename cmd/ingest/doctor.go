package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/doctor"
)

func (c *command) doctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor <feed>",
		Short: "Check the resources of a feed, and print how to fix them",
		Long: `Check the resources that process a feed's files, and print for each what was found
and, if it is wrong, the remedy: the stack, the functions and their environment
variables, the notifications of each source, queues and failed events, the
notifications to Snowflake, the table, the alarms, and in Snowflake the login, the
integration and the role that it assumes, the objects, and what loads them.

  pass     correct
  warn     works, but is unusual or will fail soon
  fail     does not work
  unknown  could not be checked, most often because a permission is missing

Nothing is changed. The exit code is 1 if any check fails.`,
		Example: `  ingest doctor orders
  ingest doctor orders -o json | jq '.findings[] | select(.state == "fail")'`,
		Args:              oneFeed,
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			account, err := c.account(cmd)
			if err != nil {
				return err
			}
			deployment, incomplete := operator.Open(ctx, account, args[0])
			if deployment == nil {
				return incomplete
			}
			report, err := doctor.Run(ctx, doctor.New(deployment, incomplete, os.Getenv))
			if err != nil {
				return err
			}
			return c.printReport(cmd, report)
		},
	}
}

// printReport prints a report. It returns an error if checks failed.
func (c *command) printReport(cmd *cobra.Command, r doctor.Report) error {
	err := c.print(cmd, r, func(t *table) error {
		t.head("STATE", "AREA", "CHECK", "FOUND")
		for _, f := range r.Findings {
			t.row(findingState(f.State), f.Area, f.Check, f.Detail)
		}
		heading := true
		for _, f := range r.Findings {
			if f.Remedy == "" {
				continue
			}
			if heading {
				t.gap()
				t.line("Remedies:")
				heading = false
			}
			t.line("  %s, %s: %s", f.Area, f.Check, f.Remedy)
		}
		t.gap()
		t.line("%s", counts(r))
		return nil
	})
	if err != nil {
		return err
	}
	if n := r.Count(doctor.Fail); n > 0 {
		return badData("feed %q: %s failed", r.Feed, amount(int64(n), "check"))
	}
	return nil
}

func findingState(s doctor.State) any {
	switch s {
	case doctor.Pass:
		return good(string(s))
	case doctor.Fail:
		return bad(string(s))
	}
	return warning(string(s))
}

func counts(r doctor.Report) string {
	return fmt.Sprintf("%s/%s: %d pass, %d warn, %d fail, %d unknown", r.Stack, r.Feed,
		r.Count(doctor.Pass), r.Count(doctor.Warn), r.Count(doctor.Fail), r.Count(doctor.Unknown))
}
