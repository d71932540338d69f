// Command local runs the project on this machine, with a local AWS, a local
// Snowflake, the real cdk CLI and the functions' own binaries:
//
//	local demo      the demo's feeds end to end, every count compared; exits with 1 if any differs
//	local up        a local cloud with the feeds of app.go, until ctrl-C
//	local deploy    deploys app.go to the running local cloud again
//
// The Makefile has a target for each.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() { os.Exit(exitCode(os.Args[1:], os.Stdout, os.Stderr)) }

func exitCode(args []string, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, args, out)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(errOut, err)
		return 2
	case ctx.Err() != nil:
		fmt.Fprintln(errOut, "local: stopped")
		return 130 // the exit code of a shell for ctrl-C
	}
	fmt.Fprintln(errOut, "local:", err)
	return 1
}

// command is one call of this program.
type command struct {
	// repo is the root of the repository. state takes the state and the logs of each
	// run, and the file by which `local deploy` finds `local up`.
	repo, state string
	// app is the command that synthesizes the app, empty for that of cdk.json.
	app string
	out io.Writer
}

var errUsage = errors.New("usage: local demo | local up [--app COMMAND] | local deploy [--app COMMAND]")

func run(ctx context.Context, args []string, out io.Writer) error {
	repo, err := os.Getwd()
	if err != nil {
		return err
	}
	c := command{repo: repo, state: filepath.Join(repo, ".local"), out: out}
	if len(args) == 3 && args[1] == "--app" && args[0] != "demo" {
		c.app = args[2]
	} else if len(args) != 1 {
		return errUsage
	}
	switch args[0] {
	case "demo":
		return c.demo(ctx)
	case "up":
		return c.up(ctx)
	case "deploy":
		return c.deploy(ctx)
	}
	return errUsage
}
