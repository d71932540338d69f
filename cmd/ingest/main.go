// Command ingest operates deployed feeds: it shows their state, checks them, and
// retries what failed. It finds feeds by the outputs of their stacks, with the
// credentials and region that the AWS CLI would use.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first ctrl-C cancels the command, a second one kills the process.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, connect)
	stop()
	os.Exit(code)
}
