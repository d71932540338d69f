package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.com/ingestion/local/lambdahost"
)

// CDK runs the pinned cdk CLI in Repo against the local AWS, with the context of
// the options, its output going to out. Templates and assets go to a folder of this call's own below Dir.
func (e *Env) CDK(ctx context.Context, out io.Writer, args ...string) error {
	assembly, err := os.MkdirTemp(e.options.Dir, "cdk.out-")
	if err != nil {
		return fmt.Errorf("cdk: %w", err)
	}
	defer removeAll(assembly)
	args = append(slices.Clone(args), "--output", assembly, "--context", "architecture="+lambdahost.Architecture())
	for _, key := range slices.Sorted(maps.Keys(e.options.Context)) {
		args = append(args, "--context", key+"="+e.options.Context[key])
	}
	return e.cdk(ctx, e.options.Repo, out, args...)
}

func (e *Env) cdk(ctx context.Context, dir string, out io.Writer, args ...string) error {
	cli := filepath.Join(e.options.Repo, "node_modules", ".bin", "cdk")
	if _, err := os.Stat(cli); err != nil {
		return fmt.Errorf("the cdk CLI is not installed (run `npm ci` in %s): %w", e.options.Repo, err)
	}
	// No prompt, no look-up of news: the local AWS is all it may reach.
	args = append(args, "--no-notices", "--ci")
	cmd := exec.CommandContext(ctx, cli, args...)
	cmd.Dir = dir
	cmd.Env = e.Environ()
	var said bytes.Buffer
	cmd.Stdout = io.MultiWriter(out, &said)
	cmd.Stderr = cmd.Stdout
	cmd.SysProcAttr = processAttributes()
	// The CLI starts the app, which starts node: all of them must go.
	cmd.Cancel = func() error {
		killProcessGroup(cmd.Process.Pid)
		return nil
	}
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cdk %s: %w; it ended with:\n%s", strings.Join(args, " "), errors.Join(err, ctx.Err()), lastLines(said.String(), 15))
	}
	return nil
}

// removeAll removes a folder of temporary files; what is left goes with Dir.
func removeAll(dir string) { _ = os.RemoveAll(dir) }

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Bootstrap prepares the local account for deployments, as `cdk bootstrap` does.
func (e *Env) Bootstrap(ctx context.Context) error {
	// From a folder without cdk.json, so that the app is not built and run for it.
	dir, err := os.MkdirTemp(e.options.Dir, "bootstrap-")
	if err != nil {
		return fmt.Errorf("cdk bootstrap: %w", err)
	}
	defer removeAll(dir)
	return e.cdk(ctx, dir, io.Discard, "bootstrap", "aws://"+Account+"/"+Region)
}

// Deploy deploys stacks of the app, or all of them if none is named, and checks
// that every stack of the account then stands as it should. Stacks that do not
// need one another are deployed side by side.
func (e *Env) Deploy(ctx context.Context, out io.Writer, stacks ...string) error {
	args := append([]string{"deploy", "--require-approval", "never", "--method=direct", "--concurrency=4"}, orAll(stacks)...)
	return errors.Join(e.CDK(ctx, out, args...), e.checkStacks(ctx))
}

// differences is how the CLI ends its report.
var differences = regexp.MustCompile(`Number of stacks with differences: (\d+)`)

// Diff says whether stacks of the app, or all of them if none is named, differ
// from what is deployed.
func (e *Env) Diff(ctx context.Context, out io.Writer, stacks ...string) (changed bool, err error) {
	var said bytes.Buffer
	args := append([]string{"diff", "--fail", "--method=template"}, stacks...)
	err = e.CDK(ctx, io.MultiWriter(out, &said), args...)
	// Its exit code is 1 for differences and for errors alike.
	found := differences.FindSubmatch(said.Bytes())
	switch {
	case err == nil:
		return false, nil
	case found != nil && string(found[1]) != "0":
		return true, nil
	default:
		return false, err
	}
}

// Destroy deletes stacks of the app, or all of them if none is named. Resources
// that the template retains stay.
func (e *Env) Destroy(ctx context.Context, out io.Writer, stacks ...string) error {
	return errors.Join(e.CDK(ctx, out, append([]string{"destroy", "--force"}, orAll(stacks)...)...), e.checkStacks(ctx))
}

func orAll(stacks []string) []string {
	if len(stacks) == 0 {
		return []string{"--all"}
	}
	return stacks
}
