package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pkg/browser"
	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator/ui"
)

func (c *command) ui() *cobra.Command {
	var port int
	var open, snowflake bool
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "ui",
		Short: "Serve a page on this machine that shows the feeds, live",
		Long: `Serve a page on this machine that shows the feeds, live: what came in, what was
stored, what is in quarantine and why, what is in Snowflake, the newest uploads,
and which feed needs you. It is read only, it loads nothing from elsewhere, and
only this machine reaches it (127.0.0.1). ctrl-C ends it.

AWS is asked only while somebody looks at the page. A feed with very many uploads
makes each look longer, and then there are fewer of them.`,
		Example: `  ingest ui
  ingest ui --port 8080 --open=false --profile production`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			account, err := c.connect(ctx, c.profile, c.region)
			if err != nil {
				return err
			}
			page, err := ui.Serve(ctx, ui.NewLive(account, os.Getenv, snowflake), port, every)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The feeds are shown at %s until ctrl-C.\n", page.URL)
			if _, isTerminal := terminal(cmd.OutOrStdout()); open && isTerminal {
				browser.Stdout, browser.Stderr = io.Discard, io.Discard
				// Whoever has no browser here has the address.
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
	cmd.Flags().BoolVar(&open, "open", true, "open the page in the browser, when on a terminal")
	cmd.Flags().BoolVar(&snowflake, "snowflake", true, "log in to Snowflake for the number of rows")
	cmd.Flags().DurationVar(&every, "every", 2*time.Second, "how long to rest between two looks")
	return cmd
}
