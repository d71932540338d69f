package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"example.com/ingestion/feed"
	"example.com/ingestion/internal/operator"
	"example.com/ingestion/local"
	"example.com/ingestion/local/feedtest"
)

// describe prints what to put where, and how to look at what came of it.
func (c command) describe(ctx context.Context, i instance, account operator.Account) error {
	out := c.out
	feeds, err := operator.Feeds(ctx, account.Stacks)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, `
The local AWS is at %[1]s, the local Snowflake at %[2]s.
The feeds are shown at %[3]s. In another terminal:

  export AWS_ENDPOINT_URL=%[1]s AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_SESSION_TOKEN=local
  export AWS_REGION=%[4]s AWS_DEFAULT_REGION=%[4]s SNOWFLAKE_ENDPOINT_URL=%[2]s INGEST_LOGS=%[5]s
`, i.Endpoint, i.Snowflake, i.Page, local.Region, filepath.Join(i.Dir, "logs"))
	if len(feeds) == 0 {
		fmt.Fprint(out, "\nThe app has no feed. Add one to app.go and run `make local-deploy`.\n")
		return nil
	}
	samples, err := c.writeSamples(i.Dir)
	if err != nil {
		return err
	}
	for _, f := range feeds {
		deployed, err := operator.OpenFeed(ctx, account, f)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\nFeed %s (stack %s):\n", f.Name, f.Stack)
		for _, s := range deployed.Sources {
			fmt.Fprintln(out, "  "+putCommand(s, samples[f.Name]))
		}
		fmt.Fprintf(out, "  bin/ingest status %[1]s\n  bin/ingest records %[1]s --limit 10\n  bin/ingest logs %[1]s\n", f.Name)
		if deployed.Snowflake != nil {
			fmt.Fprintf(out, "  bin/ingest query %s \"SELECT * FROM %s LIMIT 10\"\n", f.Name, deployed.Snowflake.View)
		}
	}
	fmt.Fprint(out, "\nAll of them: bin/ingest list. After a change of app.go: make local-deploy. ctrl-C in the terminal of `make local` ends it.\n")
	return nil
}

// putCommand is the command that puts a file where a source of a feed takes it
// from; sample is a file for it, empty for one of the user's.
func putCommand(s feed.Source, sample string) string {
	file, suffix := sample, ""
	if len(s.Suffixes) > 0 {
		suffix = s.Suffixes[0]
	}
	if file == "" {
		file = "<your file>"
	}
	key := s.Prefix
	if suffix != "" && !strings.HasSuffix(file, suffix) {
		key += "file" + suffix
	}
	command := fmt.Sprintf("aws s3 cp %s s3://%s/%s", file, s.Bucket, key)
	if s.Kind != feed.OwnBucket {
		command += "    # first: aws s3 mb s3://" + s.Bucket
	}
	return command
}

// writeSamples writes a sample file for each feed of the demo, and returns the
// paths by feed.
func (c command) writeSamples(dir string) (map[string]string, error) {
	all, err := feedtest.Samples(c.repo)
	if err != nil {
		return nil, err
	}
	paths := map[string]string{}
	for stack, files := range all {
		path := filepath.Join(dir, "samples", filepath.Base(files[0].Key))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, files[0].Body, 0o600); err != nil {
			return nil, err
		}
		paths[strings.ToLower(stack)] = path
	}
	return paths, nil
}
