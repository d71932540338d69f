package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pkg/browser"
	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/ui"
)

func (c *command) ui() *cobra.Command {
	var port int
	var cdkOut string
	var open, snowflake bool
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "ui",
		Short: "Serve a local web page that shows the feeds, live",
		Long: `Serve a local web page that shows the feeds, live: the records received, stored, in
quarantine with their reasons and in Snowflake, the newest uploads, and the feeds that
need attention with the error, the file and the commands to copy; each upload with its
parts, quarantine and first records. In the folder of the CDK app it also names feeds
that the app no longer has, as ingest list does. The page is read only, loads nothing
from other hosts, and is reachable from this machine only (127.0.0.1). Ctrl-C ends it.

Requests to AWS are made only while the page is open. A refresh takes longer for a feed
with very many uploads; refreshes are then less frequent.`,
		Example: `  ingest ui
  ingest ui --port 8080 --open=false --profile production`,
		Args:        cobra.NoArgs,
		Annotations: forms(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			account, err := c.account(cmd)
			if err != nil {
				return err
			}
			app, err := readApp(cmd, cdkOut)
			if err != nil {
				return err
			}
			source := ui.NewAccountSource(account, os.Getenv, snowflake)
			if len(app.stacks) > 0 {
				source.InApp = func(found []operator.Feed) []*bool { return operator.InApp(app.stacks, found) }
			}
			page, err := ui.Serve(ctx, source, port, every)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Serving %s until ctrl-C.\n", page.URL)
			if _, isTerminal := terminal(cmd.OutOrStdout()); open && isTerminal {
				browser.Stdout, browser.Stderr = io.Discard, io.Discard
				// Without a browser, the printed address is enough.
				_ = browser.OpenURL(page.URL)
			}
			return page.Wait()
		},
		PreRunE: func(*cobra.Command, []string) error {
			switch {
			case port < 0 || port > 65535:
				return c.usage(fmt.Errorf("--port %d: it is 0 to 65535", port))
			case every < time.Second:
				return c.usage(fmt.Errorf("--every %s: it is 1s or more", every))
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&port, "port", 0, "port to serve on (default a free one)")
	cmd.Flags().BoolVar(&open, "open", true, "open the page in the browser, on a terminal")
	cmd.Flags().StringVar(&cdkOut, "cdk-out", defaultCDKOut, "folder that \"npx cdk synth\" wrote to")
	cmd.Flags().BoolVar(&snowflake, "snowflake", true, "log in to Snowflake to count the rows")
	cmd.Flags().DurationVar(&every, "every", 2*time.Second, "interval between two refreshes")
	return cmd
}
