package main

import (
	"strings"

	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator/overview"
)

// rawShown is the number of characters of a quarantined record in the table.
const rawShown = 60

func (c *command) quarantine() *cobra.Command {
	var upload, reason string
	var limit int
	var raw bool
	cmd := &cobra.Command{
		Use:   "quarantine <feed>",
		Short: "Show the records in quarantine, and why they are there",
		Long: `Show the records in quarantine: the reasons with their counts, then the records
with file, entry, ordinal and byte offset, newest upload first.

ENTRY is the file inside an archive, ORDINAL the number of the record in it, from 0.
OFFSET is where the record begins in the decompressed entry, in bytes; a hyphen if
that is not known. RAW is the beginning of the record; --raw and --output json print
all of it. DETAIL says if a record represents the remainder of its entry. After the
cause is fixed, ingest replay processes these records again.`,
		Example: `  ingest quarantine orders
  ingest quarantine orders --reason invalid_json --limit 5 --raw
  ingest quarantine orders --upload 2026/03/orders.json.gz --output json | jq -r '.records[].raw'`,
		Args:              oneFeed,
		ValidArgsFunction: c.completeFeed,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := c.open(cmd, args[0])
			if err != nil {
				return err
			}
			filter := overview.QuarantineFilter{Reason: reason, Limit: limit}
			if upload != "" {
				u, err := overview.FindUpload(cmd.Context(), d.Ledger, d.Name, upload)
				if err != nil {
					return err
				}
				filter.Upload = &u
			}
			q, err := overview.Quarantine(cmd.Context(), d.Ledger, d.S3, d.Name, locations(d), filter)
			if err != nil {
				return err
			}
			if err := c.print(cmd, q, func(t *table) error { return quarantineTable(t, q, filter, raw) }); err != nil {
				return err
			}
			return unusedReason(q, filter)
		},
	}
	cmd.Flags().StringVar(&upload, "upload", "", "only this upload: its ID, the key of its file, or the beginning of either")
	cmd.Flags().StringVar(&reason, "reason", "", "only this reason")
	cmd.Flags().IntVar(&limit, "limit", 20, "maximum number of records; 0 for all")
	cmd.Flags().BoolVar(&raw, "raw", false, "print all of each record")
	_ = cmd.RegisterFlagCompletionFunc("upload", c.completeUploadFlag)
	return cmd
}

// unusedReason is an error if records are in quarantine but none for the reason that
// was asked for, which most often is misspelled.
func unusedReason(q overview.Quarantined, filter overview.QuarantineFilter) error {
	if filter.Reason == "" || len(q.Records) > 0 || q.Count > 0 || len(q.OtherReasons) == 0 {
		return nil
	}
	return badData("--reason %q: no record in quarantine has this reason, only: %s", filter.Reason, strings.Join(q.OtherReasons, ", "))
}

func quarantineTable(t *table, q overview.Quarantined, filter overview.QuarantineFilter, raw bool) error {
	if q.Count == 0 && len(q.Records) == 0 {
		which := "no record in quarantine"
		if filter.Upload != nil {
			which += " of upload " + filter.Upload.ID
		}
		if filter.Reason != "" {
			which += " for reason " + filter.Reason
		}
		t.line("Feed %s has %s.", q.Feed, which)
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
			detail += " (and the remainder of the entry)"
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
		t.line("There are more records: --limit 0 prints all.")
	}
	return nil
}
