package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/spf13/cobra"

	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/backfill"
	"example.com/ingestion/internal/operator/estimate"
)

// backfilled is what backfill prints.
type backfilled struct {
	Feed   string          `json:"feed"`
	DryRun bool            `json:"dry_run,omitempty"`
	Plan   []backfill.Plan `json:"plan"`
	// USD is what loading the new objects costs, were they not compressed.
	USD     *float64          `json:"usd,omitempty"`
	Results []backfill.Result `json:"results,omitempty"`
}

func (c *command) backfill() *cobra.Command {
	var source, since, until string
	var b backfill.Backfill
	var dryRun, yes bool
	cmd := &cobra.Command{
		Use:   "backfill <feed>",
		Short: "Send what is already in the feed's buckets through it",
		Long: `Send what is already in the feed's buckets through it, as if it had just arrived.

The bucket is listed twice: once to say how many objects and bytes there are and
what loading them costs, once to send them. What the ledger has is passed over, so
nothing is loaded twice. Objects go to unpack at a bounded rate, and more slowly
while Lambda throttles. Ctrl-C ends it when what is under way was sent; the same
command then goes on behind the last key that was sent, and does not look at what
has come before that since; --restart does. It is the same command for as long as
--source, --prefix and the times that --since and --until say are the same.

It needs s3:ListBucket (in buckets with versions s3:ListBucketVersions) on the
source, and where the source names a role, leave to assume it.`,
		Example: `  ingest backfill orders --dry-run
  ingest backfill orders --prefix 2025/ --since 2025-06-01 --until 2025-07-01
  ingest backfill orders --rate 200 --yes`,
		Args:              aFeed,
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := errors.Join(c.times(&b.Since, since, "since"), c.times(&b.Until, until, "until"))
			if b.Rate <= 0 {
				err = errors.Join(err, fmt.Errorf("--rate %g: it is how many objects are sent a second, above 0", b.Rate))
			}
			if err != nil {
				return c.usage(err)
			}
			l, err := c.open(cmd, args[0])
			if err != nil {
				return err
			}
			if err := fillBackfill(cmd.Context(), &b, l, source); err != nil {
				return err
			}
			return c.runBackfill(cmd, l, &b, dryRun, yes)
		},
	}
	f := cmd.Flags()
	f.StringVar(&source, "source", "", "only that bucket, of a feed with several sources")
	f.StringVar(&b.Prefix, "prefix", "", "only keys that begin with it")
	f.StringVar(&since, "since", "", "only objects put from then on: a date, a time, or how long ago, such as 7d")
	f.StringVar(&until, "until", "", "only objects put before that")
	f.Float64Var(&b.Rate, "rate", 50, "objects to send a second, at most")
	f.BoolVar(&b.Restart, "restart", false, "begin at the first key, and not where an earlier run was stopped")
	f.BoolVar(&dryRun, "dry-run", false, "say what would be sent, and send nothing")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask; where standard input is no terminal, nobody is asked")
	return cmd
}

// times reads a flag with a time.
func (c *command) times(to *time.Time, text, name string) error {
	t, err := parseSince(text, time.Now())
	if err != nil {
		return errors.New(strings.Replace(err.Error(), "--since", "--"+name, 1))
	}
	*to = t
	return nil
}

func fillBackfill(ctx context.Context, b *backfill.Backfill, l *operator.Live, bucket string) error {
	b.Feed, b.DynamoDB, b.Table = l.Name, l.DynamoDB, l.Table
	b.Send = unpackSender(l)
	buckets := s3source.NewClients(l.Account.Config)
	var names []string
	for _, s := range l.Sources {
		names = append(names, s.Bucket)
		if bucket != "" && s.Bucket != bucket || !meet(s.Prefix, b.Prefix) {
			continue
		}
		api, err := buckets.Client(ctx, s, s.Bucket)
		if err != nil {
			return err
		}
		b.Sources = append(b.Sources, backfill.Source{Source: s, API: api})
	}
	if len(b.Sources) == 0 {
		return fmt.Errorf("feed %q has no source with bucket %q and prefix %q: its buckets are %s", l.Name, bucket, b.Prefix, strings.Join(names, ", "))
	}
	return nil
}

// meet reports whether some key may begin with both prefixes.
func meet(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }

// unpackSender hands on to unpack, through its queue where it has one.
func unpackSender(l *operator.Live) dispatch.Dispatcher {
	if l.UnpackQueueURL != "" {
		return dispatch.Queue(l.Account.Config, l.UnpackQueueURL)
	}
	return dispatch.Function(l.Account.Config, l.UnpackFunction)
}

func (c *command) runBackfill(cmd *cobra.Command, l *operator.Live, b *backfill.Backfill, dryRun, yes bool) error {
	listing := c.progress(cmd, "listing", 0, "objects")
	b.Step = func(objects, _ int64) { listing.Add(objects) }
	plan, err := b.Plan(cmd.Context())
	listing.Done()
	if err != nil {
		return err
	}
	out := backfilled{Feed: b.Feed, DryRun: dryRun, Plan: plan}
	var total backfill.Count
	for _, p := range plan {
		total.Objects += p.New.Objects
		total.Bytes += p.New.Bytes
	}
	out.USD = backfillCost(cmd.Context(), l, total)
	if dryRun || total.Objects == 0 {
		return c.print(cmd, out, func(t *table) error { return backfillTable(t, out) })
	}
	t := &table{}
	if err := backfillTable(t, out); err != nil {
		return err
	}
	fmt.Fprint(cmd.ErrOrStderr(), t)
	if _, interactive := terminal(cmd.InOrStdin()); interactive && !yes {
		if err := agreed(cmd); err != nil {
			return err
		}
	}
	sending := c.progress(cmd, "sending", total.Objects, "objects")
	b.Step = func(objects, _ int64) { sending.Add(objects) }
	out.Results, err = b.Run(cmd.Context())
	sending.Done()
	return errors.Join(err, c.print(cmd, out, func(t *table) error { return backfillTable(t, out) }))
}

// agreed asks whether to send. A terminal is read until enter, whatever happens
// to ctx, so ctrl-C does not wait for it.
func agreed(cmd *cobra.Command) error {
	fmt.Fprint(cmd.ErrOrStderr(), "Send them? [y/N] ")
	answers := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n') // cut off, it is no yes
		answers <- strings.ToLower(strings.TrimSpace(answer))
	}()
	select {
	case answer := <-answers:
		if answer == "y" || answer == "yes" {
			return nil
		}
		return errors.New("nothing was sent")
	case <-cmd.Context().Done():
		fmt.Fprintln(cmd.ErrOrStderr())
		return context.Cause(cmd.Context())
	}
}

// backfillCost is what the prices say, nil where they say nothing.
func backfillCost(ctx context.Context, l *operator.Live, n backfill.Count) *float64 {
	out, err := l.Account.Stacks.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &l.Stack})
	if err != nil || n.Objects == 0 {
		return nil
	}
	template, err := estimate.ParseTemplate(l.Stack, []byte(aws.ToString(out.TemplateBody)))
	if err != nil {
		return nil
	}
	prices, err := estimate.BuiltIn()
	if err != nil {
		return nil
	}
	load := estimate.Workload{RecordBytes: estimate.DefaultRecordBytes, FileBytes: max(1, n.Bytes/n.Objects), Objects: estimate.DefaultObjects}
	estimates, err := estimate.Templates([]estimate.Template{template}, prices, load)
	if err != nil {
		return nil
	}
	for _, e := range estimates {
		if e.Feed == l.Name {
			usd := e.PerGB * float64(n.Bytes) / 1e9
			return &usd
		}
	}
	return nil
}

func backfillTable(t *table, b backfilled) error {
	if len(b.Results) > 0 {
		t.head("BUCKET", "PREFIX", "SENT", "BYTES", "KNOWN", "STOPPED AT")
		for _, r := range b.Results {
			t.row(r.Bucket, orNone(r.Prefix), r.Sent.Objects, size(r.Sent.Bytes), r.Known.Objects, orNone(r.After))
		}
		return nil
	}
	t.head("BUCKET", "PREFIX", "TO SEND", "BYTES", "KNOWN", "GOES ON AFTER")
	for _, p := range b.Plan {
		t.row(p.Bucket, orNone(p.Prefix), p.New.Objects, size(p.New.Bytes), p.Known.Objects, orNone(p.After))
	}
	if b.USD != nil {
		t.gap()
		t.line("Loading them costs about %s, with records of %d bytes in files that are not compressed;", dollars(*b.USD), estimate.DefaultRecordBytes)
		t.line("compressed, as many times that as they grow. `ingest estimate` has the parts of it.")
	}
	if b.DryRun {
		t.gap()
		t.line("Nothing was sent.")
	}
	return nil
}

// orNone is s, and a hyphen where it is empty.
func orNone(s string) any {
	if s == "" {
		return nil
	}
	return s
}
