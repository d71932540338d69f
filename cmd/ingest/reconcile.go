package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/ingestion/internal/aws/s3source"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/reconcile"
	"example.com/ingestion/internal/operator/snowflakeconn"
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
ledger counted in the files, the items of the table (read consistently, by their
keys), and the rows of the feed's view in Snowflake. A difference is reported with
the part, the first missing ordinals and the command that fixes it. Objects of the
source buckets that are not in the ledger are differences too: no notification of
them has arrived. So are the events in the failure queue. --deep counts the records in the files again.

A file of which no record could be stored is a difference for 7 days, or since the time
of --since. What is younger than --grace-period, or waits for a scheduled load, is reported as
waiting, not as a difference. A record that was deleted from the table is reported as
missing.

  difference                  fixed by
  no_event                    ingest backfill <feed> --prefix …
  failed                      ingest replay <feed>, after the fix
  stuck, not_loaded           ingest replay <feed> --upload …
  missing                     ingest replay <feed> --upload … --part …
  rejected                    ingest quarantine <feed> --upload … shows the cause
  rows                        ingest query <feed> 'COPY INTO … FILES=(…)', 'EXECUTE TASK …'
  extra, unbalanced, file     no command: investigate

Every item is read once, which costs about $0.03 for 1 GB of records. Exit code 1:
there is a difference.`,
		Example: `  ingest reconcile orders
  ingest reconcile orders --since 7d --output json | jq '.findings[]'
  ingest reconcile orders --upload 2026/03/orders.csv.gz --deep`,
		Args:              oneFeed,
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.times(&r.Since, since, "since"); err != nil {
				return c.usage(err)
			}
			if r.RejectedSince = r.Since; since == "" {
				r.RejectedSince = time.Now().Add(-rejectedFor)
			}
			d, err := c.open(cmd, args[0])
			if err != nil {
				return err
			}
			if r.Upload, err = findUpload(cmd, d, uploadName); err != nil {
				return err
			}
			r.FeedArgument, r.Flags = args[0], c.accountFlags()
			return c.runReconcile(cmd, d, &r, inSnowflake)
		},
	}
	f := cmd.Flags()
	f.StringVar(&uploadName, "upload", "", "only this upload: its ID, the key of its file, or the beginning of either")
	f.StringVar(&since, "since", "", "only uploads that started, and objects that were put, since a date, a time, or a duration ago, such as 7d")
	f.BoolVar(&inSnowflake, "snowflake", true, "compare with Snowflake too")
	f.BoolVar(&r.Deep, "deep", false, "count the records in the files again")
	f.DurationVar(&r.GracePeriod, "grace-period", reconcile.DefaultGracePeriod, "how long processing may take before it is a difference")
	_ = cmd.RegisterFlagCompletionFunc("upload", c.completeUploadFlag)
	return cmd
}

// rejectedFor is how long a rejected upload is a difference without --since.
const rejectedFor = 7 * 24 * time.Hour

// accountFlags are the flags with which a printed command uses the same account.
func (c *command) accountFlags() (flags []string) {
	if c.profile != "" {
		flags = append(flags, "--profile "+c.profile)
	}
	if c.region != "" {
		flags = append(flags, "--region "+c.region)
	}
	return flags
}

func (c *command) runReconcile(cmd *cobra.Command, d *operator.Deployment, r *reconcile.Reconcile, inSnowflake bool) error {
	ctx := cmd.Context()
	if err := fillReconcile(ctx, r, d); err != nil {
		return err
	}
	var conn *snowflakeconn.Conn
	err := snowflakeconn.ErrNoSnowflake
	if inSnowflake {
		conn, err = snowflakeconn.Open(ctx, d, os.Getenv)
	}
	switch {
	case errors.Is(err, snowflakeconn.ErrNoSnowflake):
	case errors.Is(err, snowflakeconn.ErrNoConnection):
		fmt.Fprintln(cmd.ErrOrStderr(), "ingest: Snowflake is not compared:", err)
	case err != nil:
		return fmt.Errorf("%w; --snowflake=false compares without it", err)
	default:
		r.Snowflake = &reconcile.Snowflake{Querier: conn.Client, Spec: conn.Spec, Plan: conn.Plan}
		defer func() { _ = conn.Close() }() // the session only reads
	}
	events, err := queuedEvents(ctx, d, r.Upload, 0)
	if err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "ingest: failed events are not compared:", operator.Explain(err))
	}
	for _, e := range events {
		r.Failures = append(r.Failures, reconcile.Failure{Time: e.Time, Function: string(e.Target), Objects: e.Objects, Upload: e.Upload, Part: e.Part, Error: e.Error})
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
	return differences(result)
}

// differences is an error if there are any.
func differences(result reconcile.Result) error {
	if n := result.Differences(); n > 0 {
		return badData("%s", amount(int64(n), "difference"))
	}
	return nil
}

func fillReconcile(ctx context.Context, r *reconcile.Reconcile, d *operator.Deployment) error {
	r.Feed, r.Spec, r.Ledger, r.DynamoDB, r.Table = d.Name, d.Spec.WithDefaults(), d.Ledger, d.DynamoDB, d.Table
	r.S3, r.LandingBucket = d.S3, d.LandingBucket
	buckets := s3source.NewClients(d.Account.Config)
	for _, s := range d.Sources {
		api, err := buckets.Client(ctx, s, s.Bucket)
		if err != nil {
			return err
		}
		r.Sources = append(r.Sources, reconcile.Source{Source: s, API: api})
	}
	r.Source = func(ctx context.Context, u ledger.Upload) (*s3source.Object, error) {
		source, ok := d.Spec.SourceOf(u.Bucket, u.Key)
		if !ok {
			return nil, fmt.Errorf("%s belongs to no current source of the feed", u.Source())
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
		ignoredObjects(t, r)
		return nil
	}
	if len(r.Uploads) > 0 {
		t.head("UPLOAD", "FILE", "STATE", "RECORDS", "QUARANTINED", "STORED", "IN FILE", "IN TABLE", "IN SNOWFLAKE", "")
	}
	for _, u := range r.Uploads {
		result := good("same")
		switch {
		case u.Differs:
			result = bad("differs")
		case u.Waiting:
			result = warning("waiting")
		case u.Expired > 0:
			result = good("same, " + amount(u.Expired, "record") + " expired")
		}
		t.row(u.ID, u.Source, uploadState(u.State), u.Records, u.Quarantined, u.Stored, count(u.InFile), count(u.InTable), count(u.InSnowflake), result)
	}
	if len(r.Findings) == 0 {
		t.gap()
		same := "No difference: " + amount(int64(len(r.Uploads)), "upload")
		if r.Objects > 0 {
			same += ", " + amount(r.Objects, "object") + " in the source"
		}
		t.line("%s.", same)
		ignoredObjects(t, r)
		return nil
	}
	t.head("DIFFERENCE", "FILE", "PART", "COUNT", "DETAIL", "REMEDY")
	for _, f := range r.Findings {
		detail := f.Detail
		if len(f.Ordinals) > 0 {
			detail += ": " + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(f.Ordinals)), ", "), "[]")
			if int64(len(f.Ordinals)) < f.Count {
				detail += " …"
			}
		}
		kind := warning(string(f.Kind))
		if f.Difference() {
			kind = bad(string(f.Kind))
		}
		t.row(kind, f.Source, orNone(f.Part), f.Count, detail, orNone(f.Remedy))
	}
	if len(r.Ignored) > 0 {
		t.gap()
	}
	ignoredObjects(t, r)
	return nil
}

// ignoredObjects prints how many objects have neither prefix nor suffix of a source.
func ignoredObjects(t *table, r reconcile.Result) {
	for _, i := range r.Ignored {
		t.line("Ignored in s3://%s: %s without prefix or suffix of a source of the feed, such as %s.", i.Bucket, amount(i.Count, "object"), i.Example)
	}
}

// count is a number, nil if it was not counted.
func count(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}
