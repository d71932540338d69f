package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/local"
)

// deploy deploys the app to the local cloud that `local up` runs, and prints
// how to use its feeds. Without an app of its own it takes that of `local up`.
func (c command) deploy(ctx context.Context) error {
	running, err := c.findInstance()
	if err != nil {
		return err
	}
	app := cmp.Or(c.app, running.App)
	env, err := local.Attach(ctx, running.Endpoint, local.Options{Dir: running.Dir, Repo: c.repo, App: app, Log: c.out})
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out, "Deploying the app to the local AWS at", running.Endpoint)
	if err := env.Deploy(ctx, io.Discard); err != nil {
		return err
	}
	cfg, err := env.AWSConfig(ctx)
	if err != nil {
		return err
	}
	return c.describe(ctx, running, operator.NewAccount(cfg))
}
