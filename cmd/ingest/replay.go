package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"example.com/ingestion/internal/aws/dispatch"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/replay"
)

func (c *command) replay() *cobra.Command {
	var uploadName, since string
	var r replay.Replay
	cmd := &cobra.Command{
		Use:   "replay <feed>",
		Short: "Retry what failed, after a fix",
		Long: `Retry what failed, after a fix:

  - events in the failure queue are dispatched to the function that failed on them,
    and then deleted from the queue;
  - parts that load has set aside after several attempts wait for it again;
  - uploads that were not unpacked and parts that were not loaded, without progress
    for the time of --stuck, are dispatched to unpack, or wait for load again;
  - records in quarantine are decoded again by the deployed version of unpack, with
    the current format and limits of the feed. Records that are valid now are written
    to new parts and loaded, with the same IDs; the others stay in quarantine with
    their current reason. A record is removed from quarantine only after its part is
    in the landing bucket and in the ledger. Rows without known columns, records above
    1 MB, and remainders of entries are read from the copy of the file in quarantine,
    or from the file itself.

--upload retries only one upload, whatever its age, --reason only records in
quarantine. --part loads a loaded part again, to restore items that were deleted from
the table; items that were deleted on purpose are restored too.

Replay is idempotent. After ctrl-C, the next replay does the remainder. Exit code 1:
records are still in quarantine, or events in the failure queue.`,
		Example: `  ingest replay orders --dry-run
  ingest replay orders --reason header_mismatch
  ingest replay orders --upload 2026/03/orders.csv.gz
  ingest replay orders --upload 2026/03/orders.csv.gz --part 0000000-000003`,
		Args:              oneFeed,
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := c.times(&r.Since, since, "since")
			if r.Rate <= 0 {
				err = errors.Join(err, fmt.Errorf("--rate %g: it is the number of events and parts to dispatch per second, above 0", r.Rate))
			}
			if r.Part != "" && (uploadName == "" || r.Reason != "") {
				err = errors.Join(err, errors.New("--part needs --upload, and excludes --reason"))
			}
			if err != nil {
				return c.usage(err)
			}
			d, err := c.open(cmd, args[0])
			if err != nil {
				return err
			}
			if r.Upload, err = findUpload(cmd, d, uploadName); err != nil {
				return err
			}
			fillReplay(&r, d)
			p := c.progress(cmd, "replaying", 0, "uploads")
			r.Total, r.Step = func(n int) { p.SetTotal(int64(n)) }, func() { p.Add(1) }
			result, err := r.Do(cmd.Context())
			p.Done()
			err = errors.Join(err, c.print(cmd, result, func(t *table) error { return replayTable(t, result) }))
			if err != nil || r.DryRun {
				return err
			}
			return errors.Join(notDone(r, result), notReplayed(result))
		},
	}
	f := cmd.Flags()
	f.StringVar(&uploadName, "upload", "", "only this upload: its ID, the key of its file, or the beginning of either")
	f.StringVar(&r.Part, "part", "", "load this part of --upload again")
	f.StringVar(&r.Reason, "reason", "", "only records that were rejected for this reason")
	f.StringVar(&since, "since", "", "only events and uploads since a date, a time, or a duration ago, such as 7d")
	f.Float64Var(&r.Rate, "rate", 50, "maximum number of events and parts per second")
	f.DurationVar(&r.Stuck, "stuck", replay.DefaultStuck, "time without progress after which an upload is retried")
	f.DurationVar(&r.Wait, "wait", 5*time.Minute, "how long to wait until replayed records, or --upload, are loaded")
	f.BoolVar(&r.DryRun, "dry-run", false, "print what would be retried, and change nothing")
	_ = cmd.RegisterFlagCompletionFunc("upload", c.completeUploadFlag)
	return cmd
}

func fillReplay(r *replay.Replay, d *operator.Deployment) {
	r.Feed, r.Ledger, r.Queue, r.FailureQueueURL = d.Name, d.Ledger, d.SQS, d.FailureQueueURL
	r.UnpackFunction, r.LoadFunction = d.UnpackFunction, d.LoadFunction
	r.Landing, r.LandingBucket = d.S3, d.LandingBucket
	r.Unpack = dispatch.Function(d.Account.Config, d.UnpackFunction)
	r.LoadPart, r.Wake = d.LoadPart, d.WakeLoader
	r.Function = func(name string) dispatch.Dispatcher { return dispatch.Function(d.Account.Config, name) }
	r.Run = func(ctx context.Context, payload []byte) error {
		out, err := d.Lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &d.UnpackFunction, Payload: payload})
		switch {
		case err != nil:
			return fmt.Errorf("invoke function %s: %w", d.UnpackFunction, err)
		case out.FunctionError != nil:
			return fmt.Errorf("function %s failed (%s): %s", d.UnpackFunction, aws.ToString(out.FunctionError), out.Payload)
		}
		return nil
	}
}

func replayTable(t *table, r replay.Result) error {
	if len(r.Events) == 0 && len(r.Uploads) == 0 {
		t.line("Feed %s has nothing to replay.", r.Feed)
		return nil
	}
	if len(r.Events) > 0 {
		t.head("TIME", "TARGET", "CONCERNS", "ERROR", "DISPATCHED")
		for _, e := range r.Events {
			concerns := e.Upload
			if e.Part != "" {
				concerns += " " + e.Part
			}
			if len(e.Objects) > 0 {
				concerns = strings.Join(e.Objects, " ")
			}
			dispatched := good("yes")
			switch {
			case e.Target == "":
				dispatched = bad("no: unknown format")
			case e.Problem != "":
				dispatched = bad("no: " + e.Problem)
			case !e.Dispatched:
				dispatched = warning("no")
			}
			t.row(e.Time, orNone(string(e.Target)), orNone(concerns), orNone(shortened(errorOf(r.Feed, e), 120)), dispatched)
		}
	}
	if len(r.Uploads) > 0 {
		t.head("UPLOAD", "FILE", "STATE", "RETRIED", "TRIED", "RECOVERED", "QUARANTINED", "REASONS")
	}
	for _, u := range r.Uploads {
		var retried []string
		if u.Resumed {
			retried = append(retried, "the upload")
		}
		if len(u.Parts) > 0 {
			retried = append(retried, amount(int64(len(u.Parts)), "part"))
		}
		t.row(u.ID, u.Source, uploadState(u.State), orNone(strings.Join(retried, ", ")), u.Tried, u.Recovered, badIfAny(u.Quarantined),
			orNone(strings.Join(sortedReasons(u.Reasons), ", ")))
	}
	if r.DryRun {
		t.gap()
		t.line("Dry run: nothing was changed.")
	}
	return nil
}

// errorOf is the error of the function without the names of feed, upload and part.
func errorOf(feedName string, e replay.Event) string {
	text := strings.TrimPrefix(e.Error, "feed "+feedName+": ")
	for _, prefix := range append([]string{"upload " + e.Upload, "part " + e.Part}, e.Objects...) {
		text = strings.TrimPrefix(text, prefix+": ")
	}
	return text
}

// notDone is an error if the upload of --upload is not done after the time of --wait.
func notDone(r replay.Replay, result replay.Result) error {
	if r.Upload == nil || len(result.Uploads) == 0 || result.Uploads[0].State.Done() {
		return nil
	}
	u := result.Uploads[0]
	return badData("after %s the upload is still %s: `ingest status %s %s` shows its progress", duration(r.Wait), u.State, result.Feed, u.ID)
}

// notReplayed is an error if records are still in quarantine or events in the failure
// queue.
func notReplayed(r replay.Result) error {
	var quarantined int64
	for _, u := range r.Uploads {
		quarantined += u.Quarantined
	}
	events := 0
	for _, e := range r.Events {
		if !e.Dispatched {
			events++
		}
	}
	var left []string
	if quarantined > 0 {
		left = append(left, fmt.Sprintf("in quarantine: %s (`ingest quarantine %s` lists them)", amount(quarantined, "record"), r.Feed))
	}
	if events > 0 {
		left = append(left, fmt.Sprintf("in the failure queue: %s that cannot be dispatched", amount(int64(events), "event")))
	}
	if len(left) == 0 {
		return nil
	}
	return badData("still %s", strings.Join(left, "; "))
}
