package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/overview"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/records"
)

// Forms of records.
const (
	formatNDJSON = "ndjson"
	formatCSV    = "csv"
)

func (c *command) records() *cobra.Command {
	var upload, format string
	var where, columns []string
	var limit int64
	var terms []records.Term
	cmd := &cobra.Command{
		Use:   "records <feed>",
		Short: "Print the records of a feed, as NDJSON or CSV",
		Long: `Print the records of a feed from its table, as NDJSON or CSV: newest file first,
in the order of the file. They are read by the table's keys, never by a scan, and
streamed. For programs, the Go package ingestion/records does the same.

--where limits them to those that meet a term, and may be given several times:
  data.status=open     is that text, number, true, false or null
  data.status!=open    is something else, or not there
  data.amount>=99.5    and <, <=, >: numbers by value, other texts by their order
  source~\.zip$        the text matches a regular expression (RE2)
A path begins with id, upload, feed, source, version, entry, ordinal or data;
data.tags.0 is the first element of an array, data."a.b" a name with a dot in it.
Every record is read, and paid for, whether it meets them or not: --upload is
what narrows the reading.

CSV has a header: id, source, entry, ordinal, then a column for each field of the
first record, and a last one, data, with what a record has beside those, as JSON.
--columns names the columns instead. --output has no effect here.`,
		Example: `  ingest records orders --limit 10
  ingest records orders --upload 2026/03/orders.json.gz > orders.ndjson
  ingest records orders --where 'data.amount>=100' --where data.status=open
  ingest records orders --format csv --columns data.id,data.amount`,
		Args:              aFeed,
		ValidArgsFunction: c.completeFeed,
		PreRunE: func(*cobra.Command, []string) error {
			var wrong []error
			if format != formatNDJSON && format != formatCSV {
				wrong = append(wrong, fmt.Errorf("--format %q: it is %s or %s", format, formatNDJSON, formatCSV))
			}
			if len(columns) > 0 && format != formatCSV {
				wrong = append(wrong, errors.New("--columns is for --format csv"))
			}
			if limit < 0 {
				wrong = append(wrong, fmt.Errorf("--limit %d: it is 0, for all, or more", limit))
			}
			_, err := records.NewCSV(io.Discard, columns...)
			wrong = append(wrong, err)
			terms = nil
			for _, s := range where {
				t, err := records.ParseTerm(s)
				wrong = append(wrong, err)
				terms = append(terms, t)
			}
			return c.usage(errors.Join(wrong...))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			account, err := c.connect(ctx, c.profile, c.region)
			if err != nil {
				return err
			}
			f, err := operator.Find(ctx, account.Stacks, args[0])
			if err != nil {
				return err
			}
			table, err := f.Required("Table")
			if err != nil {
				return err
			}
			db := dynamodb.NewFromConfig(account.Config)
			query := records.Query{Where: terms, Limit: limit}
			if upload != "" {
				u, err := overview.FindUpload(ctx, ledger.New(db, table), f.Name, upload)
				if err != nil {
					return err
				}
				query.Upload = u.ID
			}
			write, end, err := recordWriter(cmd.OutOrStdout(), format, columns)
			if err != nil {
				return err
			}
			for r, err := range records.New(db, table, f.Name).Read(ctx, query) {
				if err == nil {
					err = write(r)
				}
				if err != nil {
					return errors.Join(err, end())
				}
			}
			return end()
		},
	}
	cmd.Flags().StringVar(&upload, "upload", "", "only that upload: its ID, the key of its file, or the beginning of either")
	cmd.Flags().Int64Var(&limit, "limit", 0, "how many records at most; 0 for all")
	cmd.Flags().StringArrayVar(&where, "where", nil, "only records that meet the term; several: all of them")
	cmd.Flags().StringVar(&format, "format", formatNDJSON, "form of the records: ndjson or csv")
	cmd.Flags().StringSliceVar(&columns, "columns", nil, "columns of CSV, as paths: id,data.amount")
	_ = cmd.RegisterFlagCompletionFunc("upload", c.completeUploadFlag)
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]cobra.Completion{formatNDJSON, formatCSV}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// recordWriter returns what writes a record to out, and what ends the writing.
func recordWriter(out io.Writer, format string, columns []string) (write func(records.Record) error, end func() error, err error) {
	if format == formatCSV {
		w, err := records.NewCSV(out, columns...)
		if err != nil {
			return nil, nil, err
		}
		return w.Write, w.Flush, nil
	}
	w := bufio.NewWriterSize(out, 64<<10)
	var line []byte
	return func(r records.Record) error {
		line = append(r.AppendJSON(line[:0]), '\n')
		_, err := w.Write(line)
		return err
	}, w.Flush, nil
}
