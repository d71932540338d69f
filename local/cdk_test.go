package local

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestContextOfEveryCommand replaces the CLI by a script that prints its arguments.
func TestContextOfEveryCommand(t *testing.T) {
	repo := t.TempDir()
	bin := filepath.Join(repo, "node_modules", ".bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "cdk"), []byte("#!/bin/sh\necho \"$@\"\n"), 0o755); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	env := &Env{server: &server{}, options: Options{Repo: repo, Dir: t.TempDir(), Context: map[string]string{"b": "2 3", "a": "1"}}}
	var out bytes.Buffer
	if err := env.CDK(t.Context(), &out, "deploy", "Feed"); err != nil {
		t.Fatal(err)
	}
	if output := out.String(); !strings.HasPrefix(output, "deploy Feed ") || !strings.Contains(output, "--context a=1 --context b=2 3") {
		t.Errorf("the arguments of the CLI are %s", output)
	}
}
