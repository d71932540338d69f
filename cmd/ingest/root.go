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
	exitFailed  = 1   // what was asked for could not be done, or something is wrong with the data
	exitUsage   = 2   // what was asked for could not be understood
	exitStopped = 130 // ctrl-C, as a shell tells of it
)

// command is what the verbs share.
type command struct {
	profile, region string
	output          string // outputTable or outputJSON
	connect         connector
	understood      bool // the arguments: what fails from here on is no usage error
}

// connector opens an account and region; both names may be empty.
type connector func(ctx context.Context, profile, region string) (operator.Account, error)

// run runs one command and returns its exit code. Results go to out and
// nothing else does; whatever is wrong goes to errOut.
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
	fmt.Fprintln(errOut, "ingest:", err)
	if !c.understood {
		fmt.Fprintf(errOut, "Run '%s --help' for what there is.\n", verb.CommandPath())
		return exitUsage
	}
	return exitFailed
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ingest",
		Short: "Look after deployed feeds",
		Long: `Look after deployed feeds.

A feed is named by its own name or by its stack's; where that is not enough, by
both: Stack/feed. Credentials, region and endpoint are those of the aws command:
its profiles, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL and so on.

Results go to standard output, as tables or, with --output json, as JSON for
programs; progress and errors go to standard error. Times are UTC. Colours are for
terminals, unless NO_COLOR is set. "ingest completion" completes verbs, flags, feeds
and uploads in the shell: bash, zsh, fish or PowerShell.

Exit codes: 0 done, 1 failed or something is wrong with the data, 2 wrong usage,
130 stopped by ctrl-C.`,
		Example: `  ingest list
  ingest status orders --watch
  ingest quarantine orders
  source <(ingest completion bash)`,
		SilenceErrors: true, // run tells them
		SilenceUsage:  true, // a page of help would hide what is wrong
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if err := c.checkOutput(); err != nil {
				return err
			}
			c.understood = true
			return nil
		},
	}
	root.PersistentFlags().StringVar(&c.profile, "profile", "", "profile of the AWS configuration (default $AWS_PROFILE)")
	root.PersistentFlags().StringVar(&c.region, "region", "", "AWS region (default that of the profile, or $AWS_REGION)")
	c.outputFlag(root)
	addGroup(root, "Look", c.list(), c.status(), c.quarantine(), c.records(), c.query(), c.ui())
	addGroup(root, "Check", c.doctor(), c.reconcile())
	addGroup(root, "Send again", c.backfill(), c.replay())
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

// aFeed is the one argument of most verbs.
func aFeed(cmd *cobra.Command, args []string) error {
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
	account, err := c.connect(cmd.Context(), c.profile, c.region)
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
