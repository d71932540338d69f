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

// up starts a local cloud, deploys the app to it, prints how to use its feeds
// and stays up until ctx ends. An app that cannot be deployed does not end it:
// `make local-deploy` deploys the corrected one.
func (c command) up(ctx context.Context) (err error) {
	release, err := c.claim()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	env, closeEnv, err := c.startCloud(ctx, "up-", sandbox.StartInteractive)
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
	running := instance{PID: os.Getpid(), Endpoint: env.Endpoint(), Snowflake: env.Snowflake.URL(), Page: page.URL, Dir: env.Dir(), App: c.app}
	if err := c.save(running); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "Deploying the app with the cdk CLI")
	if err := env.Deploy(ctx, io.Discard); err != nil {
		if ctx.Err() != nil {
			return err
		}
		fmt.Fprintf(c.out, "\nThe app was not deployed: %v\n\nThe local cloud stays up: correct app.go and run `make local-deploy` in a second terminal.\n", err)
	} else if err := c.describe(ctx, running, account); err != nil {
		return err
	}
	<-ctx.Done()
	fmt.Fprintln(c.out, "\nStopping.")
	return page.Wait()
}
