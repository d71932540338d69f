package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"example.com/ingestion/internal/operator"
	"example.com/ingestion/internal/operator/ui"
	"example.com/ingestion/local/sandbox"
	"example.com/ingestion/snowflake/client"
)

// runUp starts a local cloud, deploys the app to it, prints how to use its feeds
// and stays up until ctx ends. An app that cannot be deployed does not end it:
// `make local-deploy` deploys the corrected one.
func runUp(ctx context.Context, repo, app string, out io.Writer) (err error) {
	release, err := claim(repo)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	env, closeEnv, err := startCloud(ctx, repo, "up-", app, out, sandbox.StartInteractive)
	if err != nil {
		return err
	}
	defer func() { err = closeEnv(err) }()
	cfg, err := env.AWSConfig(ctx)
	if err != nil {
		return err
	}
	getenv := func(name string) string {
		if name == client.EnvEndpoint {
			return env.Snowflake.URL()
		}
		return os.Getenv(name)
	}
	account := operator.NewAccount(cfg)
	page, err := ui.Serve(ctx, ui.NewAccountSource(account, getenv, true), 0, time.Second)
	if err != nil {
		return err
	}
	running := instance{PID: os.Getpid(), Endpoint: env.Endpoint(), Snowflake: env.Snowflake.URL(), Page: page.URL, Dir: env.Dir(), App: app}
	if err := running.save(repo); err != nil {
		return err
	}
	fmt.Fprintln(out, "Deploying the app with the cdk CLI")
	if err := env.Deploy(ctx, io.Discard); err != nil {
		if ctx.Err() != nil {
			return err
		}
		fmt.Fprintf(out, "\nThe app was not deployed: %v\n\nThe local cloud stays up: correct app.go and run `make local-deploy` in a second terminal.\n", err)
	} else if err := running.describe(ctx, out, repo, account); err != nil {
		return err
	}
	<-ctx.Done()
	fmt.Fprintln(out, "\nStopping.")
	return page.Wait()
}
