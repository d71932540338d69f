package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/logs"
	"example.com/ingestion/internal/operator/overview"
)

// outputText is the form of log lines for people.
const outputText = "text"

func (c *command) logs() *cobra.Command {
	var since, dir string
	var follow bool
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "logs <feed> [upload]",
		Short: "Print the logs of a feed's functions",
		Long: `Print the logs of a feed's functions, unpack, load and discover, from CloudWatch Logs,
oldest first. With an upload (its ID, the key of its file, or the beginning of either)
only the lines that contain its ID; if there is no such upload, the lines that contain
the given text. --follow prints new lines until ctrl-C; a line is available after some
seconds.

With --dir, or $INGEST_LOGS, the logs are read from the files of a local run instead:
the folder that "make local" prints.`,
		Example: `  ingest logs orders --since 1h
  ingest logs orders --follow
  ingest logs orders 2026/03/orders.csv.gz --since 7d
  ingest logs orders --output ndjson | jq -r 'select(.function == "load").message'`,
		Args:              feedAndUpload,
		Annotations:       forms(outputText, outputNDJSON),
		ValidArgsFunction: c.completeUpload,
		PreRunE: func(*cobra.Command, []string) error {
			_, err := parseSince(since, time.Now())
			if interval <= 0 {
				err = errors.Join(err, fmt.Errorf("--interval %s: it is more than 0", interval))
			}
			return c.usage(err)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			from, err := parseSince(since, time.Now())
			if err != nil {
				return err
			}
			d, err := c.open(cmd, args[0])
			if err != nil {
				return err
			}
			q := logs.Query{Functions: functionsOf(d), Since: from}
			if len(args) > 1 {
				q.Text = args[1]
				u, err := overview.FindUpload(ctx, d.Ledger, d.Name, args[1])
				if err == nil {
					q.Text = u.ID
				} else if !errors.Is(err, overview.ErrNoUpload) {
					return err
				}
			}
			var reader logs.Reader = &logs.CloudWatch{Logs: cloudwatchlogs.NewFromConfig(d.Account.Config), Lambda: d.Lambda}
			if dir != "" {
				reader = &logs.Files{Dir: dir}
			}
			write := func(l logs.Line) error { return c.writeLine(cmd, l) }
			if !follow {
				lines := 0
				err := logs.Print(ctx, reader, q, func(l logs.Line) error {
					lines++
					return write(l)
				})
				if err == nil && lines == 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "ingest: no such line since %s (--since)\n", moment(from))
				}
				return err
			}
			ticker := time.NewTicker(interval)
			defer ticker.Stop()
			return logs.Follow(ctx, reader, q, ticker.C, write)
		},
	}
	cmd.Flags().StringVar(&since, "since", "1h", "lines since a date, a time, or a duration ago, such as 90m, 7d")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "print new lines until ctrl-C")
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "how often --follow checks")
	cmd.Flags().StringVar(&dir, "dir", os.Getenv("INGEST_LOGS"), "folder with the logs of a local run (default $INGEST_LOGS)")
	cmd.Flag("dir").DefValue = ""
	return cmd
}

// functionsOf returns the functions of a feed.
func functionsOf(d *operator.Deployment) []logs.Function {
	all := []logs.Function{{Role: "unpack", Name: d.UnpackFunction}, {Role: "load", Name: d.LoadFunction}}
	if d.DiscoverFunction != "" {
		all = append(all, logs.Function{Role: "discover", Name: d.DiscoverFunction})
	}
	return all
}

func (c *command) writeLine(cmd *cobra.Command, l logs.Line) error {
	if c.output == outputNDJSON {
		line, err := json.Marshal(l)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), string(line))
		return err
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s  %-8s  %s\n", l.Time.Format("2006-01-02 15:04:05.000"), l.Function, printable(l.Message))
	return err
}
