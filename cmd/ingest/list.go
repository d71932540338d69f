package main

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
)

func (c *command) list() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the feeds, with how they are doing",
		Long: `List the feeds of the account and region, with how they are doing.

STATE is the first of these that fits:
  failing   events are in the failure queue: ingest replay sends them again
  working   uploads are not done, and a function has come further with one within
            the last 16 minutes, or has an event in its hands
  waiting   uploads are not done or events are queued, and nothing has moved for
            longer than that: ingest doctor says what is wrong
  idle      every upload is done

LAST UPLOAD is the time of the newest source object. WAITING is how many uploads
are not done, QUEUED how many events and parts wait in the feed's queues, FAILED
how many events are in its failure queue, QUARANTINED how many records are in
quarantine. It reads the ledger's index and the queues' depths, no records.`,
		Example: `  ingest list
  ingest list --output json | jq '.[] | select(.failed > 0) | .feed'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			account, err := c.connect(ctx, c.profile, c.region)
			if err != nil {
				return err
			}
			found, err := operator.Feeds(ctx, account.Stacks)
			if err != nil {
				return err
			}
			look := overview.Looker{
				Ledgers: dynamodb.NewFromConfig(account.Config), Queues: sqs.NewFromConfig(account.Config), Now: time.Now,
			}
			feeds, err := look.All(ctx, found)
			if printErr := c.print(cmd, feeds, func(t *table) error { return listed(t, feeds) }); printErr != nil {
				return printErr
			}
			return err
		},
	}
}

func listed(t *table, feeds []overview.Feed) error {
	if len(feeds) == 0 {
		t.line("No stack of this account and region has a feed: is it the right --profile and --region?")
		return nil
	}
	t.head("FEED", "STACK", "STATE", "LAST UPLOAD", "KEY", "UPLOADS", "WAITING", "QUEUED", "FAILED", "QUARANTINED")
	for _, f := range feeds {
		last, key := any(nil), any(nil)
		if f.Last != nil {
			last, key = f.Last.Time, shortened(f.Last.Key, 50)
		}
		t.row(f.Feed, f.Stack, feedState(f.State), last, key, f.Uploads, f.Waiting, f.Queued, badIfAny(f.Failed), badIfAny(f.Quarantined))
	}
	return nil
}

func feedState(s overview.State) any {
	switch s {
	case overview.Failing, overview.Unknown:
		return bad(string(s))
	case overview.Waiting:
		return doubtful(string(s))
	case overview.Working, overview.Idle:
		return good(string(s))
	}
	return string(s)
}
