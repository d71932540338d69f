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
	// USD is the cost of loading the new objects if they are not compressed; nil if it
	// is not known.
	USD     *float64          `json:"usd,omitempty"`
	Results []backfill.Result `json:"results,omitempty"`
}

func (c *command) backfill() *cobra.Command {
	var source, since, until string
	var b backfill.Backfill
	var dryRun, yes bool
	cmd := &cobra.Command{
		Use:   "backfill <feed>",
		Short: "Process objects that are already in the feed's buckets",
		Long: `Process objects that are already in the feed's buckets, as if they had just arrived.

The bucket is listed twice: once to print the number of objects, their size and what
loading them costs, once to dispatch them to unpack. Objects that are in the ledger
are skipped, so nothing is loaded twice. The rate is bounded, and reduced while
Lambda throttles. Ctrl-C stops after the requests in flight. The same command then
continues after the last dispatched key; objects that were put before that key in the
meantime are only found with --restart. A command is the same if --source, --prefix
and the times of --since and --until are the same.

It needs s3:ListBucket (in buckets with versions s3:ListBucketVersions) on the
source and, if the source names a role, sts:AssumeRole on it.`,
		Example: `  ingest backfill orders --dry-run
  ingest backfill orders --prefix 2025/ --since 2025-06-01 --until 2025-07-01
  ingest backfill orders --rate 200 --yes`,
		Args:              oneFeed,
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := errors.Join(c.times(&b.Since, since, "since"), c.times(&b.Until, until, "until"))
			if b.Rate <= 0 {
				err = errors.Join(err, fmt.Errorf("--rate %g: it is the number of objects to dispatch per second, above 0", b.Rate))
			}
			if err != nil {
				return c.usage(err)
			}
			d, err := c.open(cmd, args[0])
			if err != nil {
				return err
			}
			if err := fillBackfill(cmd.Context(), &b, d, source); err != nil {
				return err
			}
			return c.runBackfill(cmd, d, &b, dryRun, yes)
		},
	}
	f := cmd.Flags()
	f.StringVar(&source, "source", "", "only this bucket, for a feed with several sources")
	f.StringVar(&b.Prefix, "prefix", "", "only keys that begin with this")
	f.StringVar(&since, "since", "", "only objects put since a date, a time, or a duration ago, such as 7d")
	f.StringVar(&until, "until", "", "only objects put before this")
	f.Float64Var(&b.Rate, "rate", 50, "maximum number of objects per second")
	f.BoolVar(&b.Restart, "restart", false, "begin at the first key, not where an earlier run stopped")
	f.BoolVar(&dryRun, "dry-run", false, "print what would be dispatched, and do nothing")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask for confirmation (without a terminal it is never asked)")
	return cmd
}

// times parses a flag with a time.
func (c *command) times(to *time.Time, text, name string) error {
	t, err := parseSince(text, time.Now())
	if err != nil {
		return errors.New(strings.Replace(err.Error(), "--since", "--"+name, 1))
	}
	*to = t
	return nil
}

func fillBackfill(ctx context.Context, b *backfill.Backfill, d *operator.Deployment, bucket string) error {
	b.Feed, b.DynamoDB, b.Table = d.Name, d.DynamoDB, d.Table
	b.Send = dispatch.Function(d.Account.Config, d.UnpackFunction)
	buckets := s3source.NewClients(d.Account.Config)
	var available []string
	for _, s := range d.Sources {
		available = append(available, "s3://"+s.Bucket+"/"+s.Prefix)
		if bucket != "" && s.Bucket != bucket || !overlap(s.Prefix, b.Prefix) {
			continue
		}
		api, err := buckets.Client(ctx, s, s.Bucket)
		if err != nil {
			return err
		}
		b.Sources = append(b.Sources, backfill.Source{Source: s, API: api})
	}
	if len(b.Sources) == 0 {
		var given []string
		if bucket != "" {
			given = append(given, fmt.Sprintf("--source %q", bucket))
		}
		if b.Prefix != "" {
			given = append(given, fmt.Sprintf("--prefix %q", b.Prefix))
		}
		return fmt.Errorf("%s: no source of feed %q has such keys: its sources are %s", strings.Join(given, " "), d.Name, strings.Join(available, ", "))
	}
	return nil
}

// overlap reports whether a key can begin with both prefixes.
func overlap(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }

func (c *command) runBackfill(cmd *cobra.Command, d *operator.Deployment, b *backfill.Backfill, dryRun, yes bool) error {
	listing := c.progress(cmd, "listing", 0, "objects")
	b.Step = func(objects, _ int64) { listing.Add(objects) }
	plan, err := b.Plan(cmd.Context())
	listing.Done()
	if err != nil {
		return err
	}
	out := backfilled{Feed: b.Feed, DryRun: dryRun, Plan: plan}
	var total backfill.Count
	var known int64
	for _, p := range plan {
		known += p.Known.Objects
		total.Objects += p.New.Objects
		total.Bytes += p.New.Bytes
	}
	out.USD = backfillCost(cmd.Context(), d, total)
	if dryRun || total.Objects == 0 {
		return c.print(cmd, out, func(t *table) error { return backfillTable(t, out) })
	}
	t := &table{}
	if err := backfillTable(t, out); err != nil {
		return err
	}
	fmt.Fprint(cmd.ErrOrStderr(), t)
	if _, interactive := terminal(cmd.InOrStdin()); interactive && !yes {
		if err := confirm(cmd); err != nil {
			return err
		}
	}
	sending := c.progress(cmd, "dispatching", total.Objects+known, "objects")
	b.Step = func(objects, _ int64) { sending.Add(objects) }
	out.Results, err = b.Run(cmd.Context())
	sending.Done()
	return errors.Join(err, c.print(cmd, out, func(t *table) error { return backfillTable(t, out) }))
}

// confirm asks for confirmation. Reading from a terminal blocks until enter, also
// after ctx has ended; a goroutine reads, so that ctrl-C does not wait for it.
func confirm(cmd *cobra.Command) error {
	fmt.Fprint(cmd.ErrOrStderr(), "Dispatch them? [y/N] ")
	answers := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n') // an answer that was cut off is not yes
		answers <- strings.ToLower(strings.TrimSpace(answer))
	}()
	select {
	case answer := <-answers:
		if answer == "y" || answer == "yes" {
			return nil
		}
		return errors.New("not confirmed: nothing was dispatched")
	case <-cmd.Context().Done():
		fmt.Fprintln(cmd.ErrOrStderr())
		return context.Cause(cmd.Context())
	}
}

// backfillCost estimates the cost of loading n, nil if it cannot be estimated.
func backfillCost(ctx context.Context, d *operator.Deployment, n backfill.Count) *float64 {
	out, err := d.Account.Stacks.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &d.Stack})
	if err != nil || n.Objects == 0 {
		return nil
	}
	template, err := estimate.ParseTemplate(d.Stack, []byte(aws.ToString(out.TemplateBody)))
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
		if e.Feed == d.Name {
			usd := e.PerGB * float64(n.Bytes) / 1e9
			return &usd
		}
	}
	return nil
}

func backfillTable(t *table, b backfilled) error {
	if len(b.Results) > 0 {
		t.head("BUCKET", "PREFIX", "DISPATCHED", "BYTES", "KNOWN", "STOPPED AFTER")
		for _, r := range b.Results {
			t.row(r.Bucket, orNone(r.Prefix), r.Dispatched.Objects, size(r.Dispatched.Bytes), r.Known.Objects, orNone(r.After))
		}
		return nil
	}
	t.head("BUCKET", "PREFIX", "TO DISPATCH", "BYTES", "KNOWN", "CONTINUES AFTER")
	for _, p := range b.Plan {
		t.row(p.Bucket, orNone(p.Prefix), p.New.Objects, size(p.New.Bytes), p.Known.Objects, orNone(p.After))
	}
	if b.USD != nil {
		t.gap()
		t.line("Loading them costs about %s for records of %d bytes in files without compression; for", dollars(*b.USD), estimate.DefaultRecordBytes)
		t.line("compressed files multiply it by their compression ratio. `ingest estimate` lists the prices.")
	}
	if b.DryRun {
		t.gap()
		t.line("Dry run: nothing was dispatched.")
	}
	return nil
}

// orNone is s, printed as a hyphen if it is empty.
func orNone(s string) any {
	if s == "" {
		return nil
	}
	return s
}
