package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// motoVersion is the version that local/aws/moto_patches is written for.
const motoVersion = "5.2.1"

// findPython returns an interpreter with the packages of local/aws/requirements.txt:
// python3 if it has them, else that of a virtual environment, which it creates.
func findPython(ctx context.Context, o Options) (string, error) {
	system, systemErr := checkPython(ctx, "python3")
	if systemErr == nil {
		return system, nil
	}
	inVenv := filepath.Join(o.Venv, "bin", "python")
	if python, err := checkPython(ctx, inVenv); err == nil {
		return python, nil
	}
	if err := os.MkdirAll(o.Venv, 0o755); err != nil {
		return "", err
	}
	// Another process may be creating the same environment.
	lock, err := os.OpenFile(filepath.Join(o.Venv, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer closeQuietly(lock)
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil { //nolint:gosec // a descriptor fits
		return "", fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if python, err := checkPython(ctx, inVenv); err == nil {
		return python, nil
	}
	progress(o.Log, "creating a Python environment with moto %s in %s\n", motoVersion, o.Venv)
	requirements := filepath.Join(o.Repo, "local", "aws", "requirements.txt")
	for _, args := range [][]string{
		{"python3", "-m", "venv", o.Venv},
		{inVenv, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "2", "-r", requirements},
	} {
		if err := quietly(ctx, args...); err != nil {
			return "", fmt.Errorf("python3 (3.10 or later) with moto[server]==%s is missing: %w; creating a virtual environment with it failed: %w", motoVersion, systemErr, err)
		}
	}
	return checkPython(ctx, inVenv)
}

// checkPython returns the path of an interpreter if it has the required packages.
func checkPython(ctx context.Context, command string) (string, error) {
	const script = `import sys
import boto3, flask_cors, urllib3, werkzeug, yaml
import moto
assert moto.__version__ == "` + motoVersion + `", "it has moto " + moto.__version__
print(sys.executable)`
	cmd := exec.CommandContext(ctx, command, "-c", script)
	cmd.Env = serverEnviron()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", command, withLastLine(err, stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

func quietly(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(args, " "), withLastLine(err, out))
	}
	return nil
}

// withLastLine replaces the error of a command by the last line of its output, if any.
func withLastLine(err error, output []byte) error {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return errors.New(last)
	}
	return err
}
