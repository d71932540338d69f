package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/reconcile"
	"example.com/ingestion/internal/operator/warehouse"
	"example.com/ingestion/internal/store/ledger"
)

func (c *command) reconcile() *cobra.Command {
	var uploadName, since string
	var inSnowflake bool
	var r reconcile.Reconcile
	cmd := &cobra.Command{
		Use:   "reconcile <feed>",
		Short: "Compare the files, the table and Snowflake, record by record",
		Long: `Compare the files, the table and Snowflake, upload by upload: the records that the
ledger counted in the files, the items that the table has (read consistently, by
their keys), and the rows of the feed's view in Snowflake. Any difference is named
down to the part, with the first ordinals that are missing and the command that
mends it. Objects of the source buckets that the ledger does not know are
differences too: their event never arrived. --deep counts the records in the files
again.

What is younger than --patience, or waits for a scheduled load, is told as waiting
and is no difference. A record that somebody deleted from the table is missing
there, and is told so.

  difference                  mended by
  no_event                    ingest backfill <feed> --prefix …
  stuck, not_loaded           ingest replay <feed> --upload …
  missing                     ingest replay <feed> --upload … --part …
  rows                        ingest query <feed> 'ALTER PIPE … REFRESH', 'EXECUTE TASK …'
  extra, unbalanced, file     none: somebody has to look

Counting reads every item once: 1 GB of records costs about $0.03. Exit code 1:
there is a difference.`,
		Example: `  ingest reconcile orders
  ingest reconcile orders --since 7d --output json | jq '.findings[]'
  ingest reconcile orders --upload 2026/03/orders.csv.gz --deep`,
		Args:              aFeed,
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.times(&r.Since, since, "since"); err != nil {
				return c.usage(err)
			}
			l, err := c.open(cmd, args[0])
			if err != nil {
				return err
			}
			if r.Upload, err = findUpload(cmd, l, uploadName); err != nil {
				return err
			}
			r.Called, r.Flags = args[0], c.accountFlags()
			return c.runReconcile(cmd, l, &r, inSnowflake)
		},
	}
	f := cmd.Flags()
	f.StringVar(&uploadName, "upload", "", "only that upload: its ID, the key of its file, or the beginning of either")
	f.StringVar(&since, "since", "", "only uploads that began, and objects that were put, from then on: a date, a time, or how long ago, such as 7d")
	f.BoolVar(&inSnowflake, "snowflake", true, "compare with Snowflake too")
	f.BoolVar(&r.Deep, "deep", false, "count the records in the files again")
	f.DurationVar(&r.Patience, "patience", reconcile.DefaultPatience, "how long something may be under way before it is missed")
	_ = cmd.RegisterFlagCompletionFunc("upload", c.completeUploadFlag)
	return cmd
}

// accountFlags are those of c that a command needs to reach the same account.
func (c *command) accountFlags() (flags []string) {
	if c.profile != "" {
		flags = append(flags, "--profile "+c.profile)
	}
	if c.region != "" {
		flags = append(flags, "--region "+c.region)
	}
	return flags
}

func (c *command) runReconcile(cmd *cobra.Command, l *operator.Live, r *reconcile.Reconcile, inSnowflake bool) error {
	ctx := cmd.Context()
	if err := fillReconcile(ctx, r, l); err != nil {
		return err
	}
	var w *warehouse.Warehouse
	err := warehouse.ErrNone
	if inSnowflake {
		w, err = warehouse.Open(ctx, l, os.Getenv)
	}
	switch {
	case errors.Is(err, warehouse.ErrNone):
	case errors.Is(err, warehouse.ErrNoConnection):
		fmt.Fprintln(cmd.ErrOrStderr(), "ingest: Snowflake is left out:", err)
	case err != nil:
		return fmt.Errorf("%w; --snowflake=false compares without it", err)
	default:
		r.Snowflake = &reconcile.Snowflake{Rows: w.Client, Spec: w.Spec, Plan: w.Plan}
		defer func() { _ = w.Close() }() // nothing was written
	}
	p := c.progress(cmd, "comparing", 0, "uploads")
	r.Total, r.Step = func(n int) { p.SetTotal(int64(n)) }, func() { p.Add(1) }
	result, err := r.Do(ctx)
	p.Done()
	if err != nil {
		return err
	}
	if err := c.print(cmd, result, func(t *table) error { return reconcileTable(t, result) }); err != nil {
		return err
	}
	return reconcileEnd(result)
}

func reconcileEnd(result reconcile.Result) error {
	switch n := result.Differences(); n {
	case 0:
		return nil
	case 1:
		return badData("1 difference")
	default:
		return badData("%s differences", grouped(int64(n)))
	}
}

func fillReconcile(ctx context.Context, r *reconcile.Reconcile, l *operator.Live) error {
	r.Feed, r.Spec, r.Ledger, r.DynamoDB, r.Table = l.Name, l.Spec.WithDefaults(), l.Ledger, l.DynamoDB, l.Table
	r.S3, r.LandingBucket = l.S3, l.LandingBucket
	buckets := s3source.NewClients(l.Account.Config)
	for _, s := range l.Sources {
		api, err := buckets.Client(ctx, s, s.Bucket)
		if err != nil {
			return err
		}
		r.Sources = append(r.Sources, reconcile.Source{Source: s, API: api})
	}
	r.Source = func(ctx context.Context, u ledger.Upload) (*s3source.Object, error) {
		source, ok := l.Spec.SourceOf(u.Bucket, u.Key)
		if !ok {
			return nil, fmt.Errorf("%s is of no source that the feed has now", u.Source())
		}
		from, err := buckets.Bucket(ctx, source, u.Bucket)
		if err != nil {
			return nil, err
		}
		return from.Open(ctx, u.Bucket, u.Key, u.VersionID, u.ETag)
	}
	return nil
}

func reconcileTable(t *table, r reconcile.Result) error {
	if len(r.Uploads) == 0 && len(r.Findings) == 0 {
		t.line("Feed %s has no uploads to compare.", r.Feed)
		return nil
	}
	if len(r.Uploads) > 0 {
		t.head("UPLOAD", "FILE", "STATE", "RECORDS", "QUARANTINED", "STORED", "IN FILE", "IN TABLE", "IN SNOWFLAKE", "")
	}
	for _, u := range r.Uploads {
		verdict := good("same")
		switch {
		case u.Differs:
			verdict = bad("differs")
		case u.Waiting:
			verdict = doubtful("waiting")
		}
		t.row(u.ID, u.Source, string(u.State), u.Records, u.Quarantined, u.Stored, count(u.InFile), count(u.InTable), count(u.InSnowflake), verdict)
	}
	if len(r.Findings) == 0 {
		t.gap()
		same := "No difference: " + amount(int64(len(r.Uploads)), "upload")
		if r.Objects > 0 {
			same += ", " + amount(r.Objects, "object") + " in the source"
		}
		t.line("%s.", same)
		return nil
	}
	t.head("FOUND", "FILE", "PART", "COUNT", "WHAT", "MENDED BY")
	for _, f := range r.Findings {
		what := f.Detail
		if len(f.Ordinals) > 0 {
			what += ": " + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(f.Ordinals)), ", "), "[]")
			if int64(len(f.Ordinals)) < f.Count {
				what += " …"
			}
		}
		kind := doubtful(string(f.Kind))
		if f.Difference() {
			kind = bad(string(f.Kind))
		}
		t.row(kind, f.Source, orNone(f.Part), f.Count, what, orNone(f.Mend))
	}
	return nil
}

// count is a number that may not have been counted.
func count(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}
