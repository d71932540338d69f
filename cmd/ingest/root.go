package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"example.com/ingestion/internal/operator"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailed  = 1   // the command failed, or it found a problem with the data
	exitUsage   = 2   // the arguments are invalid
	exitStopped = 130 // interrupted by ctrl-C, as shells report it
)

// command holds the flags that all verbs share.
type command struct {
	profile, region string
	debug           bool
	output          string // a form of output
	connect         connector
	parsed          bool // the arguments are valid: a later error is no usage error
}

// run runs one command and returns its exit code. Results are written to out,
// everything else to errOut.
func run(ctx context.Context, args []string, out, errOut io.Writer, connect connector) int {
	c := &command{connect: connect}
	root := c.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	verb, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		fmt.Fprintln(errOut, "ingest: stopped")
		return exitStopped
	}
	if errors.Is(err, errData) {
		fmt.Fprintln(errOut, err)
		return exitFailed
	}
	fmt.Fprintln(errOut, "ingest:", operator.Explain(err))
	if !c.parsed {
		fmt.Fprintf(errOut, "Run '%s --help' for usage.\n", verb.CommandPath())
		return exitUsage
	}
	return exitFailed
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:     "ingest",
		Short:   "Operate deployed feeds",
		Version: version(),
		Long: `Operate deployed feeds: show their state, check them, retry what failed.

A feed is named by its own name or by the name of its stack or, if that is
ambiguous, by both: Stack/feed. Credentials, region and endpoint are those of the
AWS CLI: its profiles, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL and so on.

Results are written to standard output, as a table or, with --output json, as JSON;
some verbs have further forms. Progress and errors are written to standard error.
Times are UTC. Colors are used on terminals unless NO_COLOR is set. "ingest
completion" prints a script that completes verbs, flags, feeds and uploads in bash,
zsh, fish or PowerShell.

Exit codes: 0 success, 1 failure or a problem with the data, 2 invalid arguments,
130 interrupted by ctrl-C.`,
		Example: `  ingest list
  ingest status orders --watch
  ingest quarantine orders
  source <(ingest completion bash)`,
		SilenceErrors: true, // run prints them
		SilenceUsage:  true, // the usage page would hide the error
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.checkOutput(cmd); err != nil {
				return err
			}
			c.parsed = true
			return nil
		},
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.PersistentFlags().StringVar(&c.profile, "profile", "", "profile of the AWS configuration (default $AWS_PROFILE)")
	root.PersistentFlags().StringVar(&c.region, "region", "", "AWS region (default that of the profile, or $AWS_REGION)")
	root.PersistentFlags().BoolVar(&c.debug, "debug", false, "log every request to AWS on standard error")
	c.outputFlag(root)
	addGroup(root, "Show", c.list(), c.status(), c.quarantine(), c.records(), c.query(), c.logs(), c.ui())
	addGroup(root, "Check", c.doctor(), c.reconcile())
	addGroup(root, "Retry", c.backfill(), c.replay())
	addGroup(root, "Before and after deployment", c.estimate(), c.sql())
	return root
}

// addGroup adds verbs under a heading of the help.
func addGroup(root *cobra.Command, title string, verbs ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title + ":"})
	for _, verb := range verbs {
		verb.GroupID = title
	}
	root.AddCommand(verbs...)
}

// account connects to the account and region of the flags.
func (c *command) account(cmd *cobra.Command) (operator.Account, error) {
	o := connectOptions{profile: c.profile, region: c.region}
	if c.debug {
		o.debug = cmd.ErrOrStderr()
	}
	return c.connect(cmd.Context(), o)
}

// oneFeed requires one argument, the feed.
func oneFeed(cmd *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return fmt.Errorf("%s takes one feed, such as: %s orders", cmd.CommandPath(), cmd.CommandPath())
	}
	return nil
}

// completeFeed completes the name of a feed in the shell.
func (c *command) completeFeed(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	account, err := c.account(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	feeds, err := operator.Feeds(cmd.Context(), account.Stacks)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, f := range feeds {
		names = append(names, f.Name+"\tstack "+f.Stack)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
