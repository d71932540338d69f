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
		Short: "Check a feed's wiring end to end, and say how to mend it",
		Long: `Check everything that a feed's files pass on their way, and say of each what was
seen and, where it is wrong, how to mend it: the stack, the functions and what
they were told, the events of each source, queues and failed events, what is
announced to Snowflake, the table, the alarms, and in Snowflake the login, the
integration and the role that it assumes, the objects, and what loads them.

  pass     as it should be
  warn     works, and will not for long or is unusual
  fail     does not work
  unknown  could not be looked at, most often for want of a right: it says which

Nothing is changed. The exit code is 1 if any check fails.`,
		Example: `  ingest doctor orders
  ingest doctor orders -o json | jq '.findings[] | select(.state == "fail")'`,
		Args:              aFeed,
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			account, err := c.connect(ctx, c.profile, c.region)
			if err != nil {
				return err
			}
			live, incomplete := operator.Open(ctx, account, args[0])
			if live == nil {
				return incomplete
			}
			report, err := doctor.Run(ctx, doctor.New(live, incomplete, os.Getenv))
			if err != nil {
				return err
			}
			return c.printReport(cmd, report)
		},
	}
}

// printReport prints what was found; the error says how many checks failed.
func (c *command) printReport(cmd *cobra.Command, r doctor.Report) error {
	err := c.print(cmd, r, func(t *table) error {
		t.head("STATE", "PART", "CHECK", "SEEN")
		for _, f := range r.Findings {
			t.row(tone(f.State), f.Area, f.Check, f.Seen)
		}
		mended := false
		for _, f := range r.Findings {
			if f.Mend == "" {
				continue
			}
			if !mended {
				t.gap()
				t.line("To mend:")
				mended = true
			}
			t.line("  %s, %s: %s", f.Area, f.Check, f.Mend)
		}
		t.gap()
		t.line("%s", counted(r))
		return nil
	})
	if err != nil {
		return err
	}
	if n := r.Count(doctor.Fail); n > 0 {
		checks := "checks"
		if n == 1 {
			checks = "check"
		}
		return badData("feed %q: %d %s failed", r.Feed, n, checks)
	}
	return nil
}

func tone(s doctor.State) any {
	switch s {
	case doctor.Pass:
		return good(string(s))
	case doctor.Fail:
		return bad(string(s))
	}
	return doubtful(string(s))
}

func counted(r doctor.Report) string {
	return fmt.Sprintf("%s/%s: %d pass, %d warn, %d fail, %d unknown", r.Stack, r.Feed,
		r.Count(doctor.Pass), r.Count(doctor.Warn), r.Count(doctor.Fail), r.Count(doctor.Unknown))
}
