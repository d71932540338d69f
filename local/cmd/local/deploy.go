package main

import (
	"context"
	"fmt"
	"io"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/local"
)

// runDeploy deploys the app to the local cloud that `local up` runs, and prints
// how to use its feeds. Without an app of its own it takes that of `local up`.
func runDeploy(ctx context.Context, repo, app string, out io.Writer) error {
	running, err := findInstance(repo)
	if err != nil {
		return err
	}
	if app == "" {
		app = running.App
	}
	env, err := local.Attach(ctx, running.Endpoint, local.Options{Dir: running.Dir, Repo: repo, App: app, Log: out})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "Deploying the app to the local AWS at", running.Endpoint)
	if err := env.Deploy(ctx, io.Discard); err != nil {
		return err
	}
	cfg, err := env.AWSConfig(ctx)
	if err != nil {
		return err
	}
	return running.describe(ctx, out, repo, operator.NewAccount(cfg))
}
