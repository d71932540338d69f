package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"example.com/ingestion/local"
	"example.com/ingestion/local/sandbox"
)

// startCloud starts a local AWS, bootstrapped for the CDK, and a local Snowflake.
// closeEnv
// ends them and returns the given error and its own; it removes the run's folder
// unless there was an error, so that the logs of a failure stay.
func (c command) startCloud(ctx context.Context, prefix string, start func(context.Context, local.Options) (*sandbox.Sandbox, error)) (env *sandbox.Sandbox, closeEnv func(error) error, err error) {
	if err := os.MkdirAll(c.state, 0o755); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp(c.state, prefix)
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintln(c.out, "Starting a local AWS and a local Snowflake; state and logs are in", dir)
	env, err = start(ctx, local.Options{Dir: dir, Repo: c.repo, App: c.app, Log: c.out})
	if err != nil {
		return nil, nil, err
	}
	closeEnv = func(failure error) error {
		err := errors.Join(failure, env.Close())
		if err == nil {
			err = os.RemoveAll(dir)
		}
		return err
	}
	if err := env.Bootstrap(ctx); err != nil {
		return nil, nil, closeEnv(err)
	}
	return env, closeEnv, nil
}
