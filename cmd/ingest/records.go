package main

import (
	"bufio"
	"encoding/json"
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

func (c *command) records() *cobra.Command {
	var upload, file string
	var key, where, columns []string
	var limit int64
	var filters []*records.Filter
	cmd := &cobra.Command{
		Use:   "records <feed>",
		Short: "Print the records of a feed, as NDJSON, JSON or CSV",
		Long: `Print the records of a feed from its table: newest file first, in the order of the
file. They are queried by the table's keys, never scanned, and streamed. The Go
package records does the same for programs.

--where takes a jq expression (https://jqlang.org/manual) and prints only records
for which its result is neither false nor null:
  .data.amount >= 100 and .data.status == "open"
  .data.tags | index("new")
  .source | endswith(".zip")
  (.data.price | tonumber) < 10      delimited text: fields are strings
Its input is a record: .id, .upload, .feed, .source, .version, .entry, .ordinal and
.data. Given several times, all of them must match. Every record is read, and
charged for, whether it matches or not: only --upload, --file and --key reduce the reading.

--file prints the records of the newest version of a source file, by its whole key: it
takes one query, while --upload lists the uploads of the feed.

--key prints the versions of the records with a key, newest file first, for a feed with
a RecordKey; --limit 1 prints the newest. For a key of several fields it is given once
for each field, in their order. A number is written in its shortest form: 4711. If the
key has a name, the records of all feeds that share it are printed.

--output csv has a header: id, source, entry, ordinal, then a column for each field
of the first record, and a last one, data, with the remaining fields of a record as
JSON. --columns names the columns instead, each a jq expression.`,
		Example: `  ingest records orders --limit 10
  ingest records orders --upload 2026/03/orders.json.gz > orders.ndjson
  ingest records orders --file 2026/03/orders.json.gz
  ingest records customers --key 4711 --limit 1
  ingest records orders --where '.data.amount >= 100'
  ingest records orders --output csv --columns data.id,data.amount`,
		Args:              oneFeed,
		Annotations:       forms(outputNDJSON, outputJSON, outputCSV),
		ValidArgsFunction: c.completeFeed,
		PreRunE: func(*cobra.Command, []string) error {
			var invalid []error
			if len(columns) > 0 && c.output != outputCSV {
				invalid = append(invalid, errors.New("--columns is for --output csv"))
			}
			if (len(key) > 0 && upload+file != "") || (upload != "" && file != "") {
				invalid = append(invalid, errors.New("--key, --file and --upload: give one of them"))
			}
			if limit < 0 {
				invalid = append(invalid, fmt.Errorf("--limit %d: it is 0, for all, or more", limit))
			}
			_, err := records.NewCSV(io.Discard, columns...)
			invalid = append(invalid, err)
			filters = nil
			for _, expression := range where {
				f, err := records.ParseFilter(expression)
				if err != nil {
					err = fmt.Errorf("--where: %w", err)
				}
				invalid = append(invalid, err)
				filters = append(filters, f)
			}
			return c.usage(errors.Join(invalid...))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			account, err := c.account(cmd)
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
			if static, err := f.Static(ctx, account.Stacks); err == nil && static.Spec.NoTable {
				fmt.Fprintf(cmd.ErrOrStderr(), "ingest: feed %q has no records in the table since it was deployed with NoTable: `ingest query %[1]s` reads them in Snowflake\n", f.Name)
			}
			db := dynamodb.NewFromConfig(account.Config)
			from := records.New(db, table, f.Name)
			if from.RecordKey, err = f.RecordKey(); err != nil {
				return err
			}
			query := records.Query{File: file, Filters: filters, Limit: limit}
			if upload != "" {
				u, err := overview.FindUpload(ctx, ledger.New(db, table), f.Name, upload)
				if err != nil {
					return err
				}
				query.Upload = u.ID
			}
			write, end, err := recordWriter(cmd.OutOrStdout(), c.output, columns)
			if err != nil {
				return err
			}
			found := from.Read(ctx, query)
			if len(key) > 0 {
				found = from.Versions(ctx, records.KeyQuery{Values: key, Filters: filters, Limit: limit})
			}
			for r, err := range found {
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
	cmd.Flags().StringVar(&file, "file", "", "only the newest version of the file with this key")
	cmd.Flags().StringArrayVar(&key, "key", nil, "only the records with this key; several fields: once for each")
	cmd.Flags().Int64Var(&limit, "limit", 0, "maximum number of records; 0 for all")
	cmd.Flags().StringArrayVar(&where, "where", nil, "only records that match this jq expression; several: all of them")
	cmd.Flags().StringSliceVar(&columns, "columns", nil, "columns of CSV: id,data.amount")
	_ = cmd.RegisterFlagCompletionFunc("upload", c.completeUploadFlag)
	return cmd
}

// recordWriter returns a function that writes a record to out, and one that ends
// the output.
func recordWriter(out io.Writer, form string, columns []string) (write func(records.Record) error, end func() error, err error) {
	if form == outputCSV {
		w, err := records.NewCSV(out, columns...)
		if err != nil {
			return nil, nil, err
		}
		return w.Write, w.Flush, nil
	}
	w := bufio.NewWriterSize(out, 64<<10)
	if form == outputJSON {
		array := jsonArray{w: w}
		return func(r records.Record) error { return array.add(r.AppendJSON(nil)) }, array.end, nil
	}
	var line []byte
	return func(r records.Record) error {
		line = append(r.AppendJSON(line[:0]), '\n')
		_, err := w.Write(line)
		return err
	}, w.Flush, nil
}

// jsonArray streams a JSON array with one element per line.
type jsonArray struct {
	w *bufio.Writer
	n int
}

func (a *jsonArray) add(element json.RawMessage) error {
	separator := "[\n  "
	if a.n > 0 {
		separator = ",\n  "
	}
	a.n++
	if _, err := a.w.WriteString(separator); err != nil {
		return err
	}
	_, err := a.w.Write(element)
	return err
}

func (a *jsonArray) end() error {
	text := "\n]\n"
	if a.n == 0 {
		text = "[]\n"
	}
	if _, err := a.w.WriteString(text); err != nil {
		return err
	}
	return a.w.Flush()
}
