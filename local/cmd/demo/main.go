// Command demo runs the example feeds end to end on this machine: a local AWS
// and a local Snowflake, the real cdk CLI, the real Snowflake driver, the
// functions' own binaries and real files. It exits with 1 if any count does not
// add up. With -stay it stays up until ctrl-C.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/ui"
	"example.com/ingestion/internal/store/ledger"
	"example.com/ingestion/local"
	"example.com/ingestion/local/feedtest"
	"example.com/ingestion/local/sandbox"
	"example.com/ingestion/snowflake/client"
)

func main() {
	os.Exit(exitCode(os.Args[1:], os.Stdout, os.Stderr))
}

func exitCode(args []string, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, args, out)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 2
	case ctx.Err() != nil:
		fmt.Fprintln(errOut, "demo: stopped")
		return 130 // as a shell tells of ctrl-C
	}
	fmt.Fprintln(errOut, "demo:", err)
	return 1
}

// timeout bounds the flow of the files; deploying has its own bounds.
const timeout = 3 * time.Minute

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	stay := flags.Bool("stay", false, "stay up until ctrl-C")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // Parse has told what is wrong
	}
	repo, err := os.Getwd()
	if err != nil {
		return err
	}
	samples, err := feedtest.Samples(repo)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(repo, ".local"), 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Join(repo, ".local"), "demo-")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "Starting a local AWS and a local Snowflake; state and logs are in", dir)
	env, err := sandbox.Start(ctx, local.Options{Dir: dir, Repo: repo, Log: out})
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, env.Close())
		if err == nil { // the logs of a failure stay
			err = os.RemoveAll(dir)
		}
	}()
	db, err := env.Query()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	fmt.Fprintln(out, "Deploying Store,", strings.Join(stacks, ", "), "with the cdk CLI")
	if err := env.Bootstrap(ctx); err != nil {
		return err
	}
	if err := env.Deploy(ctx, io.Discard, append([]string{"Store"}, stacks...)...); err != nil {
		return err
	}
	d := demo{env: env, db: db, out: out}
	for _, stack := range stacks {
		if err := d.feed(ctx, stack, samples[stack]); err != nil {
			return err
		}
	}
	if err := d.watch(ctx); err != nil {
		return err
	}
	if err := d.warehouse(ctx); err != nil {
		return err
	}
	if err := d.report(ctx); err != nil || !*stay {
		return err
	}
	cfg, err := env.AWSConfig(ctx)
	if err != nil {
		return err
	}
	page, err := ui.Serve(ctx, ui.NewAccountSource(operator.NewAccount(cfg), d.getenv, true), 0, time.Second)
	if err != nil {
		return err
	}
	d.invite(page.URL)
	<-ctx.Done()
	fmt.Fprintln(out, "\nStopping.")
	return page.Wait()
}

// getenv is the environment of a command that the invitation's exports were typed before.
func (d *demo) getenv(name string) string {
	if name == client.EnvEndpoint {
		return d.env.Snowflake.URL()
	}
	return os.Getenv(name)
}

// stacks are those of the example feeds.
var stacks = []string{"Earthquakes", "Airports", "Movies", "Flights"}

type demo struct {
	env     *sandbox.Sandbox
	db      *sql.DB
	out     io.Writer
	feeds   []*feedtest.Feed
	files   [][]feedtest.File
	uploads [][]ledger.Upload
}

// feed puts the files into the source bucket of a stack's feed.
func (d *demo) feed(ctx context.Context, stack string, files []feedtest.File) error {
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

// watch waits until every file has gone through, telling each change.
func (d *demo) watch(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not done after %v; the functions' logs are in the state folder", timeout))
	defer cancel()
	for i, f := range d.feeds {
		last := ""
		uploads, err := f.Wait(ctx, len(d.files[i]), func(uploads []ledger.Upload) {
			var in, done, parts, loaded int64
			for _, u := range uploads {
				in += u.Records
				done += u.Stored + u.Quarantined()
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

// warehouse waits until Snowflake has loaded what arrived. What it would load
// at night it loads now.
func (d *demo) warehouse(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not all is in Snowflake after %v", timeout))
	defer cancel()
	for _, f := range d.feeds {
		if err := f.RunTask(ctx, d.db); err != nil {
			return err
		}
	}
	return d.env.Idle(ctx)
}

// report prints what came of the files and fails if it does not add up.
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
		return fmt.Errorf("the counts do not add up:\n%w", err)
	}
	fmt.Fprintln(d.out, "\nEvery record of every file is in the table or in quarantine, and what is in the table is in Snowflake: the counts add up.")
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

// text writes a value as a person would.
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

// invite tells what to try while the local AWS is up, and where the page is.
func (d *demo) invite(page string) {
	f := d.feeds[0]
	fmt.Fprintf(d.out, `
The feeds are shown, live, at %[7]s
The local AWS is up at %[1]s, the local Snowflake at %[2]s, until ctrl-C. In another shell:

  export AWS_ENDPOINT_URL=%[1]s AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_SESSION_TOKEN=local AWS_DEFAULT_REGION=us-east-1
  export AWS_REGION=us-east-1 SNOWFLAKE_ENDPOINT_URL=%[2]s
  bin/ingest list
  bin/ingest doctor %[5]s
  bin/ingest query %[5]s "SELECT COUNT(*) FROM EARTHQUAKES_LATEST"
  aws s3 cp node_modules/vega-datasets/data/earthquakes.json s3://%[3]s/again.json
  aws dynamodb query --table-name %[4]s --index-name uploads \
    --key-condition-expression 'ledger_feed = :f' --expression-attribute-values '{":f":{"S":"%[5]s"}}'
  aws s3 ls --recursive s3://%[6]s/
`, d.env.Endpoint(), d.env.Snowflake.URL(), f.SourceBucket, f.Table, f.Name, f.LandingBucket, page)
}
