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
		Short: "Send what has failed through the feed again, after a fix",
		Long: `Send what has failed through the feed again, after a fix. Three things:

  - events in the failure queue go to the function that failed on them, and leave
    the queue once they are taken;
  - uploads that were begun and parts that were landed, and that nobody seems to be
    at work on (for --stuck), go to unpack and to load;
  - records in quarantine are read again by unpack as it is deployed now, with the
    feed's present format and limits. Those that pass are landed in parts of their
    own and loaded, under the IDs that they have; the others go back with the reason
    that they have now. Nothing leaves quarantine before it is landed and the ledger
    has it. Rows without known columns, records of more than 1 MB, and rests of
    entries are read from the copy of the file in quarantine, or the file itself.

With --upload only that upload, whatever its age. With --reason only records of
quarantine. --part loads a loaded part once more: for items that the table has
lost; those that somebody has deleted on purpose come back too.

Doing it twice does no harm. Stopped by ctrl-C, the next replay does the rest.
Exit code 1: something is still in quarantine or in the failure queue.`,
		Example: `  ingest replay orders --dry-run
  ingest replay orders --reason header_mismatch
  ingest replay orders --upload 2026/03/orders.csv.gz
  ingest replay orders --upload 2026/03/orders.csv.gz --part 0000000-000003`,
		Args:              aFeed,
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := c.times(&r.Since, since, "since")
			if r.Rate <= 0 {
				err = errors.Join(err, fmt.Errorf("--rate %g: it is how many events and parts are sent a second, above 0", r.Rate))
			}
			if r.Part != "" && (uploadName == "" || r.Reason != "") {
				err = errors.Join(err, errors.New("--part goes with --upload, and not with --reason"))
			}
			if err != nil {
				return c.usage(err)
			}
			l, err := c.open(cmd, args[0])
			if err != nil {
				return err
			}
			if r.Upload, err = findUpload(cmd, l, uploadName); err != nil {
				return err
			}
			fillReplay(&r, l)
			p := c.progress(cmd, "replaying", 0, "uploads")
			r.Total, r.Step = func(n int) { p.SetTotal(int64(n)) }, func() { p.Add(1) }
			result, err := r.Do(cmd.Context())
			p.Done()
			err = errors.Join(err, c.print(cmd, result, func(t *table) error { return replayTable(t, result) }))
			if err != nil || r.DryRun {
				return err
			}
			return errors.Join(notDone(r, result), replayLeft(result))
		},
	}
	f := cmd.Flags()
	f.StringVar(&uploadName, "upload", "", "only that upload: its ID, the key of its file, or the beginning of either")
	f.StringVar(&r.Part, "part", "", "load that part of --upload once more")
	f.StringVar(&r.Reason, "reason", "", "only records that were refused for it")
	f.StringVar(&since, "since", "", "only events and uploads from then on: a date, a time, or how long ago, such as 7d")
	f.Float64Var(&r.Rate, "rate", 50, "events and parts to send a second, at most")
	f.DurationVar(&r.Stuck, "stuck", replay.DefaultStuck, "after what time an upload that is not done is sent again")
	f.DurationVar(&r.Wait, "wait", 5*time.Minute, "how long to wait for what left quarantine, or for --upload, to be loaded")
	f.BoolVar(&r.DryRun, "dry-run", false, "say what would be replayed, and change nothing")
	_ = cmd.RegisterFlagCompletionFunc("upload", c.completeUploadFlag)
	return cmd
}

func fillReplay(r *replay.Replay, l *operator.Live) {
	r.Feed, r.Ledger, r.Queue, r.FailureQueueURL = l.Name, l.Ledger, l.SQS, l.FailureQueueURL
	r.UnpackFunction, r.LoadFunction = l.UnpackFunction, l.LoadFunction
	r.Landing, r.LandingBucket = l.S3, l.LandingBucket
	r.Unpack, r.Load = unpackSender(l), dispatch.Function(l.Account.Config, l.LoadFunction)
	if l.LoadQueueURL != "" {
		r.Load = dispatch.Queue(l.Account.Config, l.LoadQueueURL)
	}
	r.Function = func(name string) dispatch.Dispatcher { return dispatch.Function(l.Account.Config, name) }
	r.Run = func(ctx context.Context, payload []byte) error {
		out, err := l.Lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &l.UnpackFunction, Payload: payload})
		switch {
		case err != nil:
			return fmt.Errorf("run function %s: %w", l.UnpackFunction, err)
		case out.FunctionError != nil:
			return fmt.Errorf("function %s failed (%s): %s", l.UnpackFunction, aws.ToString(out.FunctionError), out.Payload)
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
		t.head("EVENT OF", "TO", "ABOUT", "ERROR", "SENT")
		for _, e := range r.Events {
			about := e.Upload
			if e.Part != "" {
				about += " " + e.Part
			}
			if len(e.Objects) > 0 {
				about = strings.Join(e.Objects, " ")
			}
			sent := good("yes")
			switch {
			case e.Target == "":
				sent = bad("no: not known")
			case e.Why != "":
				sent = bad("no: " + e.Why)
			case !e.Sent:
				sent = doubtful("no")
			}
			t.row(e.At, orNone(string(e.Target)), orNone(about), orNone(shortened(reasonOf(r.Feed, e), 120)), sent)
		}
	}
	if len(r.Uploads) > 0 {
		t.head("UPLOAD", "FILE", "STATE", "SENT AGAIN", "TRIED", "MENDED", "QUARANTINED", "REASONS")
	}
	for _, u := range r.Uploads {
		var again []string
		if u.Resumed {
			again = append(again, "the upload")
		}
		if len(u.Parts) > 0 {
			again = append(again, fmt.Sprintf("%d of its parts", len(u.Parts)))
		}
		t.row(u.ID, u.Source, string(u.State), orNone(strings.Join(again, ", ")), u.Tried, u.Mended, badIfAny(u.Quarantined),
			orNone(strings.Join(sortedReasons(u.Reasons), ", ")))
	}
	if r.DryRun {
		t.gap()
		t.line("Nothing was changed.")
	}
	return nil
}

// reasonOf is what the function said, without what it was about.
func reasonOf(feedName string, e replay.Event) string {
	said := strings.TrimPrefix(e.Error, "feed "+feedName+": ")
	for _, about := range append([]string{"upload " + e.Upload, "part " + e.Part}, e.Objects...) {
		said = strings.TrimPrefix(said, about+": ")
	}
	return said
}

// amount is how many there are of something.
func amount(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + one + "s"
}

// notDone tells of the upload that was asked for when it was waited for in vain.
func notDone(r replay.Replay, result replay.Result) error {
	if r.Upload == nil || len(result.Uploads) == 0 || result.Uploads[0].State.Done() {
		return nil
	}
	u := result.Uploads[0]
	return badData("after %s the upload is still %s: `ingest status %s %s` shows how far it is", spell(r.Wait), u.State, result.Feed, u.ID)
}

// replayLeft tells of what is still to be mended.
func replayLeft(r replay.Result) error {
	var quarantined int64
	for _, u := range r.Uploads {
		quarantined += u.Quarantined
	}
	events := 0
	for _, e := range r.Events {
		if !e.Sent {
			events++
		}
	}
	var left []string
	if quarantined > 0 {
		left = append(left, fmt.Sprintf("in quarantine: %s, which `ingest quarantine %s` shows", amount(quarantined, "record"), r.Feed))
	}
	if events > 0 {
		left = append(left, fmt.Sprintf("in the failure queue: %s of no known form", amount(int64(events), "event")))
	}
	if len(left) == 0 {
		return nil
	}
	return badData("still %s", strings.Join(left, "; "))
}
