package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
)

func (c *command) status() *cobra.Command {
	var since, state string
	var limit int
	var watch bool
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "status <feed> [upload]",
		Short: "Show the uploads of a feed, or one of them down to its parts",
		Long: `Show the uploads of a feed, newest source object first, or one of them down to
its entries and parts.

An upload is named by its ID, by the key of its file (the newest, where the file
was put several times) or by the beginning of either. Its states:
  unpacking   unpack has started and not finished
  unpacked    every part is in the landing bucket, not all are loaded
  loaded      every record is in the table
  partial     some records are in the table, the others in quarantine
  rejected    no record is in the table, all are in quarantine
  missing     the file was deleted before it was read

RECORDS is the number of records in the file, STORED of those in the table. Once
loading has ended, RECORDS is the sum of STORED and QUARANTINED. The events in the
failure queue are listed with their errors: all of the feed, or those of a file without
an upload and of an upload that is not done. --watch prints changes until ctrl-C: on a
terminal the whole table, otherwise a line per change. Exit code 1: a printed upload is
rejected, or an event has failed.`,
		Example: `  ingest status orders
  ingest status orders --since 24h --state unpacked
  ingest status orders 2026/03/orders.json.gz
  ingest status orders --watch`,
		Args:              feedAndUpload,
		ValidArgsFunction: c.completeUpload,
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := parseSince(since, time.Now())
			if err != nil {
				return err
			}
			d, err := c.open(cmd, args[0])
			if err != nil {
				return err
			}
			v := view{c: c, cmd: cmd, feed: d, filter: overview.Filter{Since: from, State: overview.UploadState(state), Limit: limit}}
			if len(args) > 1 {
				u, err := overview.FindUpload(cmd.Context(), d.Ledger, d.Name, args[1])
				if errors.Is(err, overview.ErrNoUpload) {
					return v.notUnpacked(args[1], err)
				}
				if err != nil {
					return err
				}
				v.upload = &u
			}
			if watch {
				ticker := time.NewTicker(interval)
				defer ticker.Stop()
				return v.watch(ticker.C)
			}
			return v.once()
		},
		PreRunE: func(*cobra.Command, []string) error {
			_, err := parseSince(since, time.Now())
			if state != "" && !slices.Contains(uploadStates, state) {
				err = errors.Join(err, fmt.Errorf("--state %q: it is one of %s", state, strings.Join(uploadStates, ", ")))
			}
			if interval <= 0 {
				err = errors.Join(err, fmt.Errorf("--interval %s: it is more than 0", interval))
			}
			return c.usage(err)
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "maximum number of uploads; 0 for all")
	cmd.Flags().StringVar(&since, "since", "", "only files since a date, a time (RFC 3339), or a duration ago, such as 90m, 24h, 7d")
	cmd.Flags().StringVar(&state, "state", "", "only uploads in this state: "+strings.Join(uploadStates, ", "))
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "print changes until ctrl-C")
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "how often --watch checks")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(uploadStates, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// uploadStates are the values of --state.
var uploadStates = func() (names []string) {
	for _, s := range overview.UploadStates {
		names = append(names, string(s))
	}
	return names
}()

// locations returns where the feed's objects are.
func locations(d *operator.Deployment) overview.Locations {
	spec := d.Spec.WithDefaults()
	return overview.Locations{LandingBucket: d.LandingBucket, LandingPrefix: spec.LandingPrefix, QuarantinePrefix: spec.QuarantinePrefix}
}

func uploadList(t *table, feedName string, uploads []overview.Upload) error {
	if len(uploads) == 0 {
		t.line("Feed %s has no such upload.", feedName)
		return nil
	}
	t.head("TIME", "KEY", "STATE", "SIZE", "RECORDS", "STORED", "QUARANTINED", "PARTS", "TOOK", "UPLOAD")
	for _, u := range uploads {
		t.row(u.Time, shortened(u.Key, 60), uploadState(u.State), size(u.Bytes), u.Records, u.Stored, badIfAny(u.Quarantined),
			fmt.Sprintf("%d/%d", u.PartsLoaded, u.Parts), u.Took(), u.Upload)
	}
	return nil
}

func uploadState(s overview.UploadState) any {
	switch s {
	case overview.Loaded:
		return good(string(s))
	case overview.Missing, overview.Rejected:
		return bad(string(s))
	}
	return warning(string(s))
}

func uploadDetail(t *table, d overview.Detail) error {
	t.line("%s", d.Source)
	t.head("UPLOAD", d.Upload.Upload)
	t.row("version", d.Version)
	t.row("state", uploadState(d.State))
	t.row("time", moment(d.Time))
	t.row("bytes", fmt.Sprintf("%s in the file, %s decompressed, %s in parts", size(d.Bytes), size(d.BytesUnpacked), size(d.BytesLanded)))
	t.row("entries", humanize.Comma(d.Entries))
	t.row("records", humanize.Comma(d.Records))
	t.row("stored", humanize.Comma(d.Stored))
	t.row("quarantined", humanize.Comma(d.Quarantined))
	if d.Filtered > 0 {
		t.row("filtered", humanize.Comma(d.Filtered))
	}
	t.row("parts", fmt.Sprintf("%s, %s of them loaded", humanize.Comma(d.Parts), humanize.Comma(d.PartsLoaded)))
	t.row("started at", orHyphen(d.StartedAt))
	t.row("unpacked at", orHyphen(d.UnpackedAt))
	t.row("loaded at", orHyphen(d.LoadedAt))
	if d.Continuations > 0 {
		t.row("continuations", fmt.Sprintf("%d, after the time limit of an invocation", d.Continuations))
	}
	if d.Message != "" {
		t.row("message", warning(d.Message))
	}
	t.row("parts in", d.PartsFolder)
	if d.Quarantined > 0 {
		t.row("quarantine in", d.QuarantineFolder)
		t.head("REASON", "RECORDS")
		for _, reason := range sortedReasons(d.Reasons) {
			t.row(reason, d.Reasons[reason])
		}
	}
	if len(d.PartList) > 0 {
		t.head("PART", "STATE", "RECORDS", "STORED", "REJECTED", "SIZE", "LANDED", "LOADED", "MESSAGE")
		for _, p := range d.PartList {
			t.row(p.Part, uploadState(overview.UploadState(p.State)), p.Records, p.Stored, badIfAny(p.Rejected), size(p.Bytes), orHyphen(p.LandedAt), orHyphen(p.LoadedAt), p.Message)
		}
	}
	return nil
}

func orHyphen(t *time.Time) any {
	if t == nil {
		return nil
	}
	return *t
}
