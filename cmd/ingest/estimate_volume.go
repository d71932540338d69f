package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/operator/estimate"
	"example.com/ingestion/internal/operator/simulate"
)

// volume is what is to arrive, of --files and the flags that go with it.
type volume struct {
	files, feeds          int
	gigabytes             float64
	within                time.Duration
	loaders, concurrency  int
	tableUnits, warmUnits float64
}

func (v *volume) addFlags(cmd *cobra.Command) {
	defaults := simulate.NewSystem()
	f := cmd.Flags()
	f.IntVar(&v.files, "files", 0, "simulate the arrival of so many files instead: duration, limits and cost")
	f.Float64Var(&v.gigabytes, "gigabytes", 1, "with --files: GB of records in all of them, decompressed")
	f.DurationVar(&v.within, "within", time.Hour, "with --files: the time within which they arrive")
	f.IntVar(&v.feeds, "feeds", 1, "with --files: the number of feeds that they belong to")
	f.IntVar(&v.loaders, "loaders", defaults.Loaders, "with --files: the loaders of the store")
	f.Float64Var(&v.tableUnits, "table-units", defaults.Quota, "with --files: write units a second that the table takes at most")
	f.Float64Var(&v.warmUnits, "warm-units", defaults.Initial, "with --files: write units a second that it takes from the start")
	f.IntVar(&v.concurrency, "concurrency", defaults.Concurrency, "with --files: concurrent executions of the account")
}

// maxFiles bounds the time that a simulation takes to seconds.
const maxFiles = 20_000_000

func (v *volume) validate() error {
	if v.files == 0 {
		return nil
	}
	var wrong []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	check(v.files > 0 && v.files <= maxFiles, "--files %d: it is 1 to %d", v.files, maxFiles)
	check(v.gigabytes > 0, "--gigabytes %g: it is more than 0", v.gigabytes)
	check(v.within >= 0, "--within %s: it is not negative", v.within)
	check(v.feeds > 0 && v.feeds <= v.files, "--feeds %d: it is 1 to the number of files", v.feeds)
	check(v.loaders >= 1 && v.loaders <= feed.MaxLoaders, "--loaders %d: it is 1 to %d", v.loaders, feed.MaxLoaders)
	check(v.tableUnits > 0, "--table-units %g: it is more than 0", v.tableUnits)
	check(v.warmUnits > 0, "--warm-units %g: it is more than 0", v.warmUnits)
	check(v.concurrency > v.loaders, "--concurrency %d: it is more than the loaders, %d", v.concurrency, v.loaders)
	return errors.Join(wrong...)
}

// volumeResult is the result for --output json.
type volumeResult struct {
	Files          int      `json:"files"`
	Gigabytes      float64  `json:"gigabytes"`
	Hours          float64  `json:"hours"`
	HoursAfterLast float64  `json:"hours_after_last_file"`
	StoredShare    float64  `json:"stored_share"`
	PeakUnpack     int      `json:"peak_unpack"`
	PeakLoad       int      `json:"peak_load"`
	LimitedBy      string   `json:"limited_by"`
	Lambda         float64  `json:"lambda_usd"`
	DynamoDB       float64  `json:"dynamodb_usd"`
	S3             float64  `json:"s3_usd"`
	Total          float64  `json:"usd"`
	Advice         []string `json:"advice,omitempty"`
}

func (c *command) estimateVolume(cmd *cobra.Command, v volume, recordBytes int64, prices estimate.Prices) error {
	sys := simulate.NewSystem()
	sys.Loaders, sys.Quota, sys.Initial, sys.Concurrency = v.loaders, v.tableUnits, v.warmUnits, v.concurrency
	r := simulate.Run(simulate.Scenario{
		Files: v.files, Stream: true, FileBytes: v.gigabytes * 1e9 / float64(v.files), Within: v.within, Feeds: v.feeds, RecordBytes: float64(recordBytes),
	}, sys, prices)
	result := volumeResult{
		Files: v.files, Gigabytes: v.gigabytes, Hours: r.Duration.Hours(), HoursAfterLast: r.Late().Hours(), StoredShare: r.Stored,
		PeakUnpack: r.PeakUnpack, PeakLoad: r.PeakLoad, LimitedBy: string(r.Bottleneck),
		Lambda: r.Lambda, DynamoDB: r.DynamoDB, S3: r.S3, Total: r.Total(), Advice: r.Advice(sys),
	}
	return c.print(cmd, result, func(t *table) error {
		t.line("%s files with %g GB of records of %d bytes, within %s. Simulated, see docs/performance.md.", humanize.Comma(int64(v.files)), v.gigabytes, recordBytes, duration(v.within))
		t.head("COMPLETE AFTER", "STORED", "LIMITED BY", "UNPACK, LOAD AT A TIME", "LAMBDA", "DYNAMODB", "S3", "COST")
		t.row(duration(r.Duration.Round(time.Second)), fmt.Sprintf("%.1f %%", 100*r.Stored), result.LimitedBy, fmt.Sprintf("%d, %d", r.PeakUnpack, r.PeakLoad),
			dollars(r.Lambda), dollars(r.DynamoDB), dollars(r.S3), dollars(r.Total()))
		if len(result.Advice) > 0 {
			t.gap()
		}
		for _, a := range result.Advice {
			t.line("- %s", a)
		}
		return nil
	})
}
