package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"example.com/ingestion/local"
	"example.com/ingestion/local/sandbox"
)

// stateFolder, below the repository, takes the state and the logs of each run.
const stateFolder = ".local"

// startCloud starts a local AWS, bootstrapped for the CDK, and a local Snowflake.
// app is the command that synthesizes the app, empty for that of cdk.json. closeEnv
// ends them and returns the given error and its own; it removes the run's folder
// unless there was an error, so that the logs of a failure stay.
func startCloud(ctx context.Context, repo, prefix, app string, out io.Writer, start func(context.Context, local.Options) (*sandbox.Sandbox, error)) (env *sandbox.Sandbox, closeEnv func(error) error, err error) {
	state := filepath.Join(repo, stateFolder)
	if err := os.MkdirAll(state, 0o755); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp(state, prefix)
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintln(out, "Starting a local AWS and a local Snowflake; state and logs are in", dir)
	env, err = start(ctx, local.Options{Dir: dir, Repo: repo, App: app, Log: out})
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
