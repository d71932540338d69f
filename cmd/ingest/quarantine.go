package main

import (
	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator/overview"
)

// rawShown is how many characters of a quarantined record the table shows.
const rawShown = 60

func (c *command) quarantine() *cobra.Command {
	var upload, reason string
	var limit int
	var raw bool
	cmd := &cobra.Command{
		Use:   "quarantine <feed>",
		Short: "Show what is in quarantine, and why",
		Long: `Show what is in quarantine: the reasons by count, then the records themselves
with file, entry, ordinal and byte offset, newest upload first.

ENTRY is the file inside an archive, ORDINAL the record's number in it, from 0.
OFFSET is where the record begins in its decompressed entry; a hyphen where it is
not known. RAW is its beginning; --raw and --output json have it whole. A record
that stands for all the rest of its entry says so under DETAIL. Once the cause is
mended, ingest replay sends them through again.`,
		Example: `  ingest quarantine orders
  ingest quarantine orders --reason invalid_json --limit 5 --raw
  ingest quarantine orders --upload 2026/03/orders.json.gz --output json | jq -r '.records[].raw'`,
		Args:              aFeed,
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := c.open(cmd, args[0])
			if err != nil {
				return err
			}
			filter := overview.QuarantineFilter{Reason: reason, Limit: limit}
			if upload != "" {
				u, err := overview.FindUpload(cmd.Context(), l.Ledger, l.Name, upload)
				if err != nil {
					return err
				}
				filter.Upload = &u
			}
			q, err := overview.Quarantine(cmd.Context(), l.Ledger, l.S3, l.Name, places(l), filter)
			if err != nil {
				return err
			}
			return c.print(cmd, q, func(t *table) error { return quarantined(t, q, upload != "" || reason != "", raw) })
		},
	}
	cmd.Flags().StringVar(&upload, "upload", "", "only that upload: its ID, the key of its file, or the beginning of either")
	cmd.Flags().StringVar(&reason, "reason", "", "only that reason")
	cmd.Flags().IntVar(&limit, "limit", 20, "how many records to show; 0 for all")
	cmd.Flags().BoolVar(&raw, "raw", false, "show the records whole")
	_ = cmd.RegisterFlagCompletionFunc("upload", c.completeUploadFlag)
	return cmd
}

func quarantined(t *table, q overview.Quarantined, narrowed, raw bool) error {
	if q.Count == 0 && len(q.Records) == 0 {
		what := "in quarantine"
		if narrowed {
			what += " of that upload and reason"
		}
		t.line("Feed %s has nothing %s.", q.Feed, what)
		return nil
	}
	t.head("REASON", "RECORDS", "UPLOADS")
	for _, r := range q.Reasons {
		t.row(r.Reason, r.Records, r.Uploads)
	}
	t.head("REASON", "FILE", "ENTRY", "ORDINAL", "OFFSET", "DETAIL", "RAW")
	for _, r := range q.Records {
		offset, detail, text := any(r.Offset), r.Detail, r.Raw
		if r.Offset < 0 {
			offset = nil
		}
		if r.Rest {
			detail += " (and the rest of the entry)"
		}
		if r.RawEncoding != "" {
			text = r.RawEncoding + ":" + text
		}
		if !raw {
			text = shortened(text, rawShown)
		}
		entry := any(r.Entry)
		if r.Entry == "" {
			entry = nil
		}
		t.row(r.Reason, r.Source, entry, r.Ordinal, offset, detail, text)
	}
	if q.More {
		t.gap()
		t.line("There are more: --limit 0 shows all.")
	}
	return nil
}
