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

// CDK runs the cdk CLI of node_modules in Repo for the local AWS, with the context of
// the options, and writes its output to out. Templates and assets are written to a
// temporary directory in Dir.
func (e *Env) CDK(ctx context.Context, out io.Writer, args ...string) error {
	assembly, err := os.MkdirTemp(e.options.Dir, "cdk.out-")
	if err != nil {
		return fmt.Errorf("cdk: %w", err)
	}
	defer removeAll(assembly)
	args = slices.Clone(args)
	if e.options.App != "" && !slices.Contains(args, "--app") {
		args = append(args, "--app", e.options.App)
	}
	args = append(args, "--output", assembly, "--context", "architecture="+lambdahost.Architecture())
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
	// No prompts, and no requests to anything but the local AWS.
	args = append(args, "--no-notices", "--ci")
	cmd := exec.CommandContext(ctx, cli, args...)
	cmd.Dir = dir
	cmd.Env = e.Environ()
	var output bytes.Buffer
	cmd.Stdout = io.MultiWriter(out, &output)
	cmd.Stderr = cmd.Stdout
	cmd.SysProcAttr = processAttributes()
	// The CLI starts the app, which starts node: all of them are killed.
	cmd.Cancel = func() error {
		killProcessGroup(cmd.Process.Pid)
		return nil
	}
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cdk %s: %w; the output ends with:\n%s", strings.Join(args, " "), errors.Join(err, ctx.Err()), lastLines(output.String(), 15))
	}
	return nil
}

// removeAll removes a temporary directory; if that fails, it is left in Dir.
func removeAll(dir string) { _ = os.RemoveAll(dir) }

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Bootstrap prepares the local account for deployments, as `cdk bootstrap` does.
func (e *Env) Bootstrap(ctx context.Context) error {
	// In a directory without cdk.json, so that the app is neither built nor run.
	dir, err := os.MkdirTemp(e.options.Dir, "bootstrap-")
	if err != nil {
		return fmt.Errorf("cdk bootstrap: %w", err)
	}
	defer removeAll(dir)
	return e.cdk(ctx, dir, io.Discard, "bootstrap", "aws://"+Account+"/"+Region)
}

// Deploy deploys stacks of the app, or all of them if none is named, and returns an
// error if any stack of the account is not in a complete state afterwards. Stacks
// that do not depend on each other are deployed concurrently.
func (e *Env) Deploy(ctx context.Context, out io.Writer, stacks ...string) error {
	args := append([]string{"deploy", "--require-approval", "never", "--method=direct", "--concurrency=4"}, orAll(stacks)...)
	return errors.Join(e.CDK(ctx, out, args...), e.checkStacks(ctx))
}

// differences matches the last line of `cdk diff`.
var differences = regexp.MustCompile(`Number of stacks with differences: (\d+)`)

// Diff returns whether stacks of the app, or all of them if none is named, differ
// from the deployed ones.
func (e *Env) Diff(ctx context.Context, out io.Writer, stacks ...string) (changed bool, err error) {
	var output bytes.Buffer
	args := append([]string{"diff", "--fail", "--method=template"}, stacks...)
	err = e.CDK(ctx, io.MultiWriter(out, &output), args...)
	// The exit code is 1 both for differences and for errors.
	found := differences.FindSubmatch(output.Bytes())
	switch {
	case err == nil:
		return false, nil
	case found != nil && string(found[1]) != "0":
		return true, nil
	default:
		return false, err
	}
}

// Destroy deletes stacks of the app, or all of them if none is named. Resources with
// the deletion policy Retain are kept.
func (e *Env) Destroy(ctx context.Context, out io.Writer, stacks ...string) error {
	return errors.Join(e.CDK(ctx, out, append([]string{"destroy", "--force"}, orAll(stacks)...)...), e.checkStacks(ctx))
}

func orAll(stacks []string) []string {
	if len(stacks) == 0 {
		return []string{"--all"}
	}
	return stacks
}
