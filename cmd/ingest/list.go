package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/assembly"
	"example.com/ingestion/internal/operator/overview"
)

func (c *command) list() *cobra.Command {
	var cdkOut, since string
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the feeds with their state",
		Long: `List the feeds of the account and region with their state.

STATE is the first of these that applies:
  failing   events are in the failure queue: ingest replay retries them
  waiting   uploads are not done or events are queued, and there was no progress
            within the last 16 minutes: ingest doctor finds the cause
  rejecting an upload was rejected since --since: all of its records are in
            quarantine, and ingest quarantine prints why
  working   uploads are not done, and a function has made progress within the last
            16 minutes or is processing an event
  idle      every upload is done

LAST UPLOAD is the time of the newest source object. WAITING is the number of
uploads that are not done, QUEUED the number of events and parts in the feed's
queues, FAILED the number of events in its failure queue. REJECTED is the number of
uploads since --since of which no record could be stored, PARTIAL of those with some
records in quarantine, QUARANTINED the number of all records there. The uploads that
are counted are the 10,000 of each feed with the newest source objects. Exit code 1: a
feed is failing or rejecting. Only the ledger's index and the attributes of the
queues are read, no records.

In the folder of the CDK app, or with --cdk-out, it also reports feeds that are
deployed but no longer in the app, according to the last "npx cdk synth".`,
		Example: `  ingest list
  ingest list --output json | jq '.[] | select(.failed > 0) | .feed'
  npx cdk synth --quiet && ingest list`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			from, err := parseSince(since, time.Now())
			if err != nil {
				return c.usage(err)
			}
			app, err := readApp(cmd, cdkOut)
			if err != nil {
				return err
			}
			account, err := c.account(cmd)
			if err != nil {
				return err
			}
			found, err := operator.Feeds(ctx, account.Stacks)
			if err != nil {
				return err
			}
			collector := overview.Collector{
				Ledgers: dynamodb.NewFromConfig(account.Config), Queues: sqs.NewFromConfig(account.Config), Now: time.Now, Since: from,
			}
			feeds, err := collector.All(ctx, found)
			for i, contained := range operator.InApp(app.stacks, found) {
				feeds[i].InApp = contained
			}
			if printErr := c.print(cmd, feeds, func(t *table) error { return listTable(t, feeds, app) }); printErr != nil {
				return printErr
			}
			if err != nil {
				return err
			}
			return needAttention(feeds)
		},
	}
	cmd.Flags().StringVar(&since, "since", "7d", "report uploads that were rejected since a date, a time, or a duration ago; \"\" for all")
	cmd.Flags().StringVar(&cdkOut, "cdk-out", defaultCDKOut, "folder that \"npx cdk synth\" wrote to")
	return cmd
}

// defaultCDKOut is the folder that `cdk synth` writes to unless cdk.json names another.
const defaultCDKOut = "cdk.out"

// app is a synthesized CDK app; without stacks if there is none.
type app struct {
	dir         string
	synthesized time.Time
	stacks      []assembly.Stack
}

// readApp reads the app in dir. It is an error if there is none only when --cdk-out
// was given.
func readApp(cmd *cobra.Command, dir string) (app, error) {
	stacks, err := assembly.Read(dir)
	switch {
	case errors.Is(err, os.ErrNotExist) && !cmd.Flags().Changed("cdk-out"):
		return app{}, nil
	case err != nil:
		return app{}, fmt.Errorf("--cdk-out: %w", err)
	}
	info, err := os.Stat(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return app{}, err
	}
	return app{dir: dir, synthesized: info.ModTime(), stacks: stacks}, nil
}

// needAttention is an error if feeds are failing or rejecting.
func needAttention(feeds []overview.Feed) error {
	var problems []string
	for _, f := range feeds {
		if f.State == overview.Failing {
			problems = append(problems, fmt.Sprintf("feed %q is failing: `ingest doctor %[1]s` finds the cause", f.Feed))
		}
		if f.Rejected > 0 {
			problems = append(problems, fmt.Sprintf("feed %q has rejected %s: `ingest status %[1]s --state rejected` lists them", f.Feed, amount(f.Rejected, "upload")))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return badData("%s", strings.Join(problems, "\n"))
}

func listTable(t *table, feeds []overview.Feed, app app) error {
	if len(feeds) == 0 {
		t.line("No stack of this account and region has a feed: is it the right --profile and --region?")
		return nil
	}
	t.head("FEED", "STACK", "STATE", "LAST UPLOAD", "KEY", "UPLOADS", "WAITING", "QUEUED", "FAILED", "REJECTED", "PARTIAL", "QUARANTINED")
	more := false
	for _, f := range feeds {
		last, key := any(nil), any(nil)
		if f.Last != nil {
			last, key = f.Last.Time, shortened(f.Last.Key, 50)
		}
		uploads := any(f.Uploads)
		if f.MoreUploads {
			uploads, more = fmt.Sprintf("over %s", humanize.Comma(f.Uploads)), true
		}
		t.row(f.Feed, f.Stack, feedState(f.State), last, key, uploads, f.Waiting, f.Queued, badIfAny(f.Failed), badIfAny(f.Rejected), warningIfAny(f.Partial), badIfAny(f.Quarantined))
	}
	if more {
		t.gap()
		t.line("Of a feed with more uploads, the counts are those of the newest %s.", humanize.Comma(overview.MaxUploads))
	}
	var orphaned []string
	for _, f := range feeds {
		if f.InApp != nil && !*f.InApp {
			orphaned = append(orphaned, f.Stack)
		}
	}
	if orphaned = slices.Compact(orphaned); len(orphaned) > 0 {
		t.gap()
		t.line("Deployed, but not in the app that was synthesized to %s at %s: stack %s.", app.dir, moment(app.synthesized), strings.Join(orphaned, ", "))
		t.line("If the app has changed since, run `npx cdk synth --quiet` and list again. To remove such a feed,")
		t.line("restore its entry in the app, run `npx cdk destroy <stack>`, and remove the entry again.")
	}
	return nil
}

func feedState(s overview.State) any {
	switch s {
	case overview.Failing, overview.Unknown, overview.Rejecting:
		return bad(string(s))
	case overview.Waiting:
		return warning(string(s))
	case overview.Working, overview.Idle:
		return good(string(s))
	}
	return string(s)
}
