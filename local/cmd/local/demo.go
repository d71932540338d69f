package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/local/feedtest"
	"example.com/ingestion/local/sandbox"
)

// flowTimeout bounds the flow of the files; deploying has its own bounds.
const flowTimeout = 3 * time.Minute

// demo deploys the demo's app to a local cloud of its own, puts real files into
// its feeds and compares every count: in the files, in the ledger, in the table and
// in Snowflake.
func (c command) demo(ctx context.Context) (err error) {
	c.app = "go run ./examples/demo"
	samples, err := feedtest.Samples(c.repo)
	if err != nil {
		return err
	}
	env, closeEnv, err := c.startCloud(ctx, "demo-", sandbox.Start)
	if err != nil {
		return err
	}
	defer func() { err = closeEnv(err) }()
	db, err := env.Query()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	fmt.Fprintln(c.out, "Deploying Store,", strings.Join(stacks, ", "), "with the cdk CLI")
	if err := env.Deploy(ctx, io.Discard); err != nil {
		return err
	}
	d := demo{env: env, db: db, out: c.out}
	for _, stack := range stacks {
		if err := d.put(ctx, stack, samples[stack]); err != nil {
			return err
		}
	}
	if err := d.wait(ctx); err != nil {
		return err
	}
	if err := d.waitForSnowflake(ctx); err != nil {
		return err
	}
	return d.report(ctx)
}

// stacks are those of the demo's feeds.
var stacks = []string{"Earthquakes", "Airports", "Movies", "Flights"}

type demo struct {
	env     *sandbox.Sandbox
	db      *sql.DB
	out     io.Writer
	feeds   []*feedtest.Feed
	files   [][]feedtest.File
	uploads [][]ledger.Upload
}

// put puts the files into the source bucket of a stack's feed.
func (d *demo) put(ctx context.Context, stack string, files []feedtest.File) error {
	cfg, err := d.env.AWSConfig(ctx)
	if err != nil {
		return err
	}
	f, err := feedtest.New(ctx, cfg, stack)
	if err != nil {
		return err
	}
	for _, file := range files {
		if _, err := f.Put(ctx, file); err != nil {
			return err
		}
		fmt.Fprintf(d.out, "  put s3://%s/%s (%d bytes, %d records)\n", f.SourceBucket, file.Key, len(file.Body), file.Records)
	}
	d.feeds, d.files = append(d.feeds, f), append(d.files, files)
	return nil
}

// wait waits until every file is loaded, and prints each change.
func (d *demo) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, flowTimeout, fmt.Errorf("not loaded after %v; the functions' logs are in the state folder", flowTimeout))
	defer cancel()
	for i, f := range d.feeds {
		last := ""
		uploads, err := f.Wait(ctx, len(d.files[i]), func(uploads []ledger.Upload) {
			var in, done, parts, loaded int64
			for _, u := range uploads {
				in += u.Records
				done += u.Stored + u.Quarantined() + u.Filtered
				parts += u.Parts
				loaded += u.PartsLoaded
			}
			if line := fmt.Sprintf("  %-12s %d uploads, %d records in, %d accounted for, %d of %d parts loaded", f.Name, len(uploads), in, done, loaded, parts); line != last {
				fmt.Fprintln(d.out, line)
				last = line
			}
		})
		if err != nil {
			return err
		}
		d.uploads = append(d.uploads, uploads)
	}
	return nil
}

// waitForSnowflake waits until Snowflake has loaded what arrived. Scheduled tasks
// are executed at once.
func (d *demo) waitForSnowflake(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, flowTimeout, fmt.Errorf("not everything is in Snowflake after %v", flowTimeout))
	defer cancel()
	for _, f := range d.feeds {
		if err := f.RunTask(ctx, d.db); err != nil {
			return err
		}
	}
	return d.env.Idle(ctx)
}

// report prints the counts of each feed, and fails if they differ.
func (d *demo) report(ctx context.Context) error {
	var (
		reports  []feedtest.Report
		problems []error
	)
	for i, f := range d.feeds {
		r, err := f.Check(ctx, d.files[i], d.uploads[i])
		if err != nil {
			return err
		}
		if err := f.CheckSnowflake(ctx, d.db, &r); err != nil {
			return err
		}
		reports = append(reports, r)
		problems = append(problems, r.Err())
	}
	fmt.Fprintln(d.out)
	if err := feedtest.Print(d.out, reports); err != nil {
		return err
	}
	if err := d.show(ctx); err != nil {
		return err
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("the counts differ:\n%w", err)
	}
	fmt.Fprintln(d.out, "\nEvery record of every file is in the table or in quarantine, and what is in the table is in Snowflake: the counts agree.")
	return nil
}

// show prints an item and a row of each feed.
func (d *demo) show(ctx context.Context) error {
	for i, f := range d.feeds {
		items, err := f.FirstItems(ctx, d.uploads[i][0], 1)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "\nAn item of %s, by a Query of DynamoDB's API, and a row of %s, by gosnowflake:\n", f.Name, f.Warehouse.View.Name())
		for _, it := range items {
			fmt.Fprintf(d.out, "  pk %s  sk %s  data %.160s …\n", text(it["pk"]), text(it["sk"]), text(it["data"]))
		}
		row, err := f.FirstRow(ctx, d.db)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "  %.240s …\n", row)
	}
	return nil
}

// text formats an attribute value for reading.
func text(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberBOOL:
		return strconv.FormatBool(v.Value)
	case *types.AttributeValueMemberL:
		var parts []string
		for _, e := range v.Value {
			parts = append(parts, text(e))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case *types.AttributeValueMemberM:
		var parts []string
		for name, e := range v.Value {
			parts = append(parts, name+":"+text(e))
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return "null"
}
