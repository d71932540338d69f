package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator/estimate"
)

func (c *command) estimate() *cobra.Command {
	load := estimate.Workload{}
	var pricesFile string
	var feeds []string
	var showPrices bool
	var v volume
	cmd := &cobra.Command{
		Use:   "estimate [cdk.out]",
		Short: "Estimate the cost of the feeds of synthesized templates",
		Long: `Estimate the cost of each feed in the templates that "npx cdk synth" wrote: idle, per
million records and per GB (decompressed), price by price. It needs no credentials.
The built-in price list is for us-east-1; --show-prices prints it with its date, the
source of each price, and the assumptions. --prices reads a list in the same format,
which replaces the prices that it contains.

The figures are list prices without free tiers. IDLE is per month, STORED per month
for a million records in the table, METRICS for custom metrics in a month in which
files arrive every hour.

With --files it simulates a volume instead, and needs no templates: how long it takes,
what limits it and what to change, how many functions run at a time, and the cost.`,
		Example: `  ingest estimate
  ingest estimate --feed orders --record-bytes 2000
  ingest estimate --files 10000 --gigabytes 1000 --within 1h
  ingest estimate --show-prices > prices.json && ingest estimate --prices prices.json
  ingest estimate --output json | jq '.[] | {feed, idle_usd_per_month}'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%s takes at most one folder, such as: %s cdk.out", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		PreRunE: func(*cobra.Command, []string) error {
			var wrong []error
			for name, n := range map[string]int64{"record-bytes": load.RecordBytes, "file-bytes": load.FileBytes} {
				if n < 1 {
					wrong = append(wrong, fmt.Errorf("--%s %d: it is 1 or more", name, n))
				}
			}
			if load.Objects < 0 {
				wrong = append(wrong, fmt.Errorf("--objects %d: it is 0 or more", load.Objects))
			}
			return c.usage(errors.Join(append(wrong, v.validate())...))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			prices, err := estimate.BuiltIn()
			if pricesFile != "" {
				prices, err = estimate.ReadPrices(pricesFile)
			}
			if err != nil {
				return err
			}
			if showPrices {
				return printJSON(cmd.OutOrStdout(), prices)
			}
			if v.files > 0 {
				return c.estimateVolume(cmd, v, load.RecordBytes, prices)
			}
			templates, err := estimate.ReadAssembly(strings.Join(append(args, "cdk.out")[:1], ""))
			if err != nil {
				return err
			}
			all, err := estimate.Templates(templates, prices, load)
			if err != nil {
				return err
			}
			if all, err = chosen(all, feeds); err != nil {
				return err
			}
			return c.print(cmd, all, func(t *table) error { return estimated(t, all, prices, load) })
		},
	}
	cmd.Flags().Int64Var(&load.RecordBytes, "record-bytes", estimate.DefaultRecordBytes, "size of a record as JSON, in bytes")
	cmd.Flags().Int64Var(&load.FileBytes, "file-bytes", estimate.DefaultFileBytes, "size of a decompressed file, in bytes")
	cmd.Flags().Int64Var(&load.Objects, "objects", estimate.DefaultObjects, "number of objects in an external bucket, which is listed on a schedule")
	v.addFlags(cmd)
	cmd.Flags().StringVar(&pricesFile, "prices", "", "file with other prices (JSON)")
	cmd.Flags().BoolVar(&showPrices, "show-prices", false, "print only the price list, as JSON")
	cmd.Flags().StringArrayVar(&feeds, "feed", nil, "only this feed; may be given several times")
	return cmd
}

// chosen returns the estimates of feeds or stacks with these names, all if there are
// no names.
func chosen(all []estimate.Estimate, names []string) ([]estimate.Estimate, error) {
	if len(names) == 0 {
		return all, nil
	}
	var some []estimate.Estimate
	var wrong []error
	for _, name := range names {
		n := len(some)
		for _, e := range all {
			if e.Feed == name || e.Stack == name {
				some = append(some, e)
			}
		}
		if len(some) == n {
			wrong = append(wrong, fmt.Errorf("the templates have no feed %q", name))
		}
	}
	return some, errors.Join(wrong...)
}

func estimated(t *table, all []estimate.Estimate, prices estimate.Prices, load estimate.Workload) error {
	if len(all) == 0 {
		t.line("The templates have no feed.")
		return nil
	}
	t.line("Prices of %s in %s, records of %s bytes in files of %s.", prices.Date, prices.Region, humanize.Comma(load.RecordBytes), size(load.FileBytes))
	t.head("FEED", "STACK", "IDLE/MONTH", "PER MILLION RECORDS", "PER GB", "STORED/MILLION/MONTH", "METRICS/MONTH")
	for _, e := range all {
		t.row(e.Feed, e.Stack, dollars(e.Idle), dollars(e.PerMillion), dollars(e.PerGB), dollars(e.Stored), dollars(e.Metrics))
	}
	for _, e := range all {
		t.gap()
		t.line("%s, price by price:", e.Feed)
		t.head("WHEN", "USD", "QUANTITY", "PER", "WHAT")
		for _, l := range e.Lines {
			t.row(string(l.When), dollars(l.USD), quantity(l.Quantity), l.Per, l.What)
		}
		for _, what := range e.NotCounted {
			t.line("not counted: %s", what)
		}
	}
	return nil
}
